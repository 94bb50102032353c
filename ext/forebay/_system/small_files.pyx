# cython: language_level=3
"""Copy many small files in one call, without the interpreter's lock.

The documentation is in the twin, src/forebay/_system/small_files.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdlib cimport free, malloc

import os

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object name)

cdef extern from *:
    """
    /* For O_TMPFILE and AT_EMPTY_PATH, whatever Python's headers define. */
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <unistd.h>

    /* Copied with one read and one write. */
    #define FOREBAY_SMALL (1024 * 1024)
    /* Below this size, a hole is written as zeros. */
    #define FOREBAY_DENSE (64 * 1024)

    enum { FOREBAY_LEFT, FOREBAY_COPIED, FOREBAY_USELESS };

    #if defined(__linux__) && defined(O_TMPFILE)

    static int forebay_syncfs(int fd) {
        return syncfs(fd);
    }

    /* Open a source that this copies; -1 for every other file. */
    static int forebay_small_source(int folder, const char *name, struct stat *status) {
        int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            return -1;
        if (fstat(fd, status) == 0 && S_ISREG(status->st_mode) && status->st_size <= FOREBAY_SMALL
            && (status->st_size < FOREBAY_DENSE || (long long)status->st_blocks * 512 >= status->st_size))
            return fd;
        close(fd);
        return -1;
    }

    static int forebay_write_all(int fd, const char *room, size_t size) {
        while (size > 0) {
            ssize_t count = write(fd, room, size);
            if (count <= 0) {
                if (count < 0 && errno == EINTR)
                    continue;
                return -1;
            }
            room += count;
            size -= (size_t)count;
        }
        return 0;
    }

    /* Copy what the file has, at most the size that it had when it was opened, unless that says nothing. */
    static long long forebay_copy_content(int in, int out, long long expected, char *room) {
        long long done = 0;
        for (;;) {
            size_t most = FOREBAY_SMALL;
            if (expected && expected - done < (long long)most)
                most = (size_t)(expected - done);
            ssize_t count = read(in, room, most);
            if (count < 0) {
                if (errno == EINTR)
                    continue;
                return -1;
            }
            if (count == 0)
                return done;
            if (forebay_write_all(out, room, (size_t)count) < 0)
                return -1;
            done += count;
            if (done == expected)
                return done;
        }
    }

    static int forebay_name_file(int fd, int folder, const char *name) {
        char path[64];
        /* Who opened the file may name it; before Linux 6.10, only a process with a capability. */
        if (linkat(fd, "", folder, name, AT_EMPTY_PATH) == 0)
            return FOREBAY_COPIED;
        if (errno == EEXIST)
            return FOREBAY_LEFT;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW) == 0)
            return FOREBAY_COPIED;
        /* Any other error says that files without a name cannot be named here. */
        return errno == EEXIST ? FOREBAY_LEFT : FOREBAY_USELESS;
    }

    static int forebay_small_target(int folder, const char *name, int atomic, mode_t mode) {
        if (atomic)
            return openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
        return openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    }

    static int forebay_copy_small(
        int source, int target, const char *name, int atomic, char *room, long long *nbytes
    ) {
        struct stat status;
        int result = FOREBAY_LEFT;
        int in = forebay_small_source(source, name, &status);
        if (in < 0)
            return FOREBAY_LEFT;
        int out = forebay_small_target(target, name, atomic, status.st_mode & 0777);
        if (out < 0) {
            if (atomic && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOSYS))
                result = FOREBAY_USELESS;
            close(in);
            return result;
        }
        long long copied = forebay_copy_content(in, out, (long long)status.st_size, room);
        close(in);
        if (copied >= 0)
            result = atomic ? forebay_name_file(out, target, name) : FOREBAY_COPIED;
        if (close(out) < 0 && errno != EINTR && result == FOREBAY_COPIED)
            result = FOREBAY_LEFT;
        if (result == FOREBAY_COPIED)
            *nbytes += copied;
        else if (!atomic)
            unlinkat(target, name, 0);
        return result;
    }

    #else

    static int forebay_syncfs(int fd) {
        errno = ENOSYS;
        return -1;
    }

    static int forebay_copy_small(
        int source, int target, const char *name, int atomic, char *room, long long *nbytes
    ) {
        return FOREBAY_USELESS;
    }

    #endif
    """
    enum:
        FOREBAY_SMALL
        FOREBAY_COPIED
        FOREBAY_USELESS
    int forebay_syncfs(int fd) nogil
    int forebay_copy_small(
        int source, int target, const char* name, int atomic, char* room, long long* nbytes
    ) nogil


cdef class SmallFiles:
    # The memory through which the files pass.
    cdef char* room
    # Set by another thread while a call runs.
    cdef volatile bint stopped
    cdef bint useless

    def __cinit__(self):
        self.room = <char*>malloc(FOREBAY_SMALL)
        if self.room is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.room)

    def stop(self):
        self.stopped = True

    def copy(self, int source, int target, list names, bint atomic):
        cdef list encoded = [PyUnicode_EncodeFSDefault(name) for name in names]
        cdef Py_ssize_t count = len(encoded)
        cdef Py_ssize_t i
        cdef long long nbytes = 0
        cdef char** paths = <char**>PyMem_Malloc(max(count, 1) * sizeof(char*))
        cdef char* results = <char*>PyMem_Malloc(max(count, 1))
        try:
            if paths is NULL or results is NULL:
                raise MemoryError
            for i in range(count):
                paths[i] = PyBytes_AS_STRING(encoded[i])
                results[i] = 0
            with nogil:
                for i in range(count):
                    if self.stopped or self.useless:
                        break
                    results[i] = forebay_copy_small(source, target, paths[i], atomic, self.room, &nbytes)
                    if results[i] == FOREBAY_USELESS:
                        self.useless = True
            left = [names[i] for i in range(count) if results[i] != FOREBAY_COPIED]
        finally:
            PyMem_Free(paths)
            PyMem_Free(results)
        return nbytes, left


def sync_file_system(int fd):
    if forebay_syncfs(fd) < 0:
        os.sync()
