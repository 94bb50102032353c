# cython: language_level=3
"""System calls on descriptors that do not block: "would block" is a value here, not an exception.

The documentation is in the twin, src/forebay/_system/syscalls.py.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc cimport errno

from os import strerror

from forebay._buffers.chunk_queue cimport ChunkQueue
from forebay._system.reuse cimport REUSE

cdef extern from "Python.h":
    PyObject* PyBytes_NewRoom "PyBytes_FromStringAndSize"(const char* data, Py_ssize_t size)
    char* PyBytes_Room "PyBytes_AS_STRING"(PyObject* value) noexcept
    int PyBytes_Shrink "_PyBytes_Resize"(PyObject** value, Py_ssize_t size) except -1
    void Py_DECREF(PyObject* value) noexcept
    void PyErr_Clear() noexcept

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    Py_ssize_t readv(int fd, const iovec* entries, int count)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd* entries, unsigned long count, int timeout)
    const short POLLERR

cdef extern from "<unistd.h>" nogil:
    Py_ssize_t write(int fd, const void* data, size_t size)

cdef extern from *:
    """
    #include <errno.h>
    #include <sys/types.h>
    #ifdef __linux__
    #include <fcntl.h>
    #include <stdint.h>
    #include <sys/sendfile.h>
    #include <sys/syscall.h>
    #include <sys/uio.h>
    #include <unistd.h>
    #if !defined(SYS_cachestat) && !defined(__alpha__)
    /* Of Linux 6.5; newer than many C libraries. */
    #define SYS_cachestat 451
    #endif
    static ssize_t forebay_splice(int source, int dest, size_t size) {
        return splice(source, NULL, dest, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    }
    static ssize_t forebay_sendfile(int dest, int source, long long offset, size_t size) {
        off_t at = (off_t)offset;
        return sendfile(dest, source, &at, size);
    }
    /* Whether one byte of a file can be had without waiting for the disk: -1 where not, 0 behind the end. */
    static int forebay_has_byte(int fd, long long offset) {
    #ifdef SYS_preadv2
        /* Not preadv2() of the C library: musl has it since 1.2.5 only. The kernel takes the offset in two halves. */
        char byte;
        struct iovec entry = {&byte, 1};
        const int nowait = 8; /* RWF_NOWAIT */
        return (int)syscall(SYS_preadv2, fd, &entry, 1, (long)offset, (long)(offset >> 16 >> 16), nowait);
    #else
        (void)fd; (void)offset;
        return -1;
    #endif
    }
    /* Whether every page of a part of a file is in memory or about to be; 0 also where the kernel does not say. */
    static int forebay_has_pages(int fd, long long offset, size_t size) {
    #ifdef SYS_cachestat
        struct { uint64_t offset, size; } range = {(uint64_t)offset, size};
        struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } state;
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
        if (size == 0 || syscall(SYS_cachestat, fd, &range, &state, 0) < 0) return 0;
        return state.cached == (offset + size - 1) / page - offset / page + 1;
    #else
        (void)fd; (void)offset; (void)size;
        return 0;
    #endif
    }
    #else
    static int forebay_has_pages(int fd, long long offset, size_t size) {
        (void)fd; (void)offset; (void)size;
        return 0;
    }
    static int forebay_has_byte(int fd, long long offset) {
        (void)fd; (void)offset;
        return -1;
    }
    static ssize_t forebay_splice(int source, int dest, size_t size) {
        (void)source; (void)dest; (void)size;
        errno = ENOSYS;
        return -1;
    }
    static ssize_t forebay_sendfile(int dest, int source, long long offset, size_t size) {
        (void)dest; (void)source; (void)offset; (void)size;
        errno = ENOSYS;
        return -1;
    }
    #endif
    """
    int forebay_has_byte(int fd, long long offset) nogil
    bint forebay_has_pages(int fd, long long offset, size_t size) nogil
    Py_ssize_t forebay_splice(int source, int dest, size_t size) nogil
    Py_ssize_t forebay_sendfile(int dest, int source, long long offset, size_t size) nogil

cdef enum:
    PIECE_BYTES = 65536     # the largest bytes object that is received into; glibc maps larger ones anew each time
    MOST_PIECES = 4
    COPIED_BYTES = 4096     # up to here a copy costs less than cutting a piece down to what came
    BRIEF_BYTES = 16384     # a write of this size is over before another thread could use the interpreter

# Pieces that were not needed, for the next call: idle sockets hold no memory, and short messages cost no large
# allocation. A call takes them off while it works, so that two threads never fill the same one.
cdef PyObject* _spares[MOST_PIECES]
cdef int _spare_count = 0


cdef inline void _give_back(PyObject* piece) noexcept:
    global _spare_count
    if REUSE and _spare_count < MOST_PIECES:
        _spares[_spare_count] = piece
        _spare_count += 1
    else:
        Py_DECREF(piece)


cpdef object receive(int fd, int pieces):
    """What has arrived at a socket, up to `pieces` times 64 KiB."""
    global _spare_count
    cdef PyObject* room[MOST_PIECES]
    cdef iovec entries[MOST_PIECES]
    cdef int have = 0, index = 0, error = 0
    cdef Py_ssize_t taken
    if pieces > MOST_PIECES:
        pieces = MOST_PIECES
    while have < pieces:
        if _spare_count > 0:
            _spare_count -= 1
            room[have] = _spares[_spare_count]
        else:
            room[have] = PyBytes_NewRoom(NULL, PIECE_BYTES)
            if room[have] == NULL:
                if have == 0:
                    raise MemoryError
                PyErr_Clear()
                break
        entries[have].iov_base = PyBytes_Room(room[have])
        entries[have].iov_len = PIECE_BYTES
        have += 1
    while True:
        if pieces == 1:
            # Copies at most one piece: releasing and taking the GIL could take longer.
            taken = readv(fd, entries, have)
            error = errno.errno
        else:
            with nogil:
                taken = readv(fd, entries, have)
                error = errno.errno
        if taken >= 0 or error != errno.EINTR:
            break
        try:
            PyErr_CheckSignals()
        except BaseException:
            while have > 0:
                have -= 1
                _give_back(room[have])
            raise
    try:
        if taken < 0:
            if error == errno.EAGAIN:
                return None
            raise OSError(error, strerror(error))
        if taken == 0:
            return b""
        if taken <= COPIED_BYTES:
            return PyBytes_FromStringAndSize(PyBytes_Room(room[0]), taken)
        if taken <= PIECE_BYTES:
            index = 1
            return _owned(room[0], taken)
        result = []
        while taken > 0:
            index += 1
            result.append(_owned(room[index - 1], min(taken, PIECE_BYTES)))
            taken -= PIECE_BYTES
        return result
    finally:
        while have > index:
            have -= 1
            _give_back(room[have])


cdef object _owned(PyObject* piece, Py_ssize_t size):
    """The first `size` bytes of a piece, as the object that it is; the reference moves to the caller."""
    cdef object result
    if size < PIECE_BYTES:
        # Frees the piece where it fails.
        PyBytes_Shrink(&piece, size)
    result = <object>piece
    Py_DECREF(piece)
    return result


cpdef Py_ssize_t send(int fd, object chunk) except -2:
    """Write one chunk. Return the number of bytes taken, or -1 if it would block."""
    cdef Py_buffer view
    cdef Py_ssize_t taken
    if PyBytes_CheckExact(chunk):
        return _write(fd, PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk))
    PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
    try:
        taken = _write(fd, <const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return taken


cdef Py_ssize_t _write(int fd, const char* data, Py_ssize_t size) except -2:
    cdef Py_ssize_t taken
    cdef int error
    while True:
        if size <= BRIEF_BYTES:
            taken = write(fd, data, size)
            error = errno.errno
        else:
            with nogil:
                taken = write(fd, data, size)
                error = errno.errno
        if taken >= 0:
            return taken
        if error != errno.EINTR:
            return _failed(error)
        PyErr_CheckSignals()


cpdef Py_ssize_t gather(object queue, int fd) except -2:
    """Write from the front of a ChunkQueue. Return the number of bytes taken, or -1 if it would block."""
    return (<ChunkQueue?>queue)._writev(fd, -1)


cpdef Py_ssize_t splice(int source, int dest, Py_ssize_t size) except -2:
    """Move up to `size` bytes; one end is a pipe. Return 0 at the end of the source, -1 if it would block."""
    cdef Py_ssize_t taken
    cdef int error
    while True:
        with nogil:
            taken = forebay_splice(source, dest, size)
            error = errno.errno
        if taken >= 0:
            return taken
        if error != errno.EINTR:
            return _failed(error)
        PyErr_CheckSignals()


cpdef Py_ssize_t sendfile(int dest, int source, long long offset, Py_ssize_t size) except -2:
    """Send up to `size` bytes of a file. Return 0 at its end, -1 if it would block."""
    cdef Py_ssize_t taken
    cdef int error
    while True:
        with nogil:
            taken = forebay_sendfile(dest, source, offset, size)
            error = errno.errno
        if taken >= 0:
            return taken
        if error != errno.EINTR:
            return _failed(error)
        PyErr_CheckSignals()


cpdef Py_ssize_t in_memory(int fd, long long offset, Py_ssize_t size, Py_ssize_t step) except -1:
    """How much of the part of a file the kernel has in memory, as far as one byte in every `step` tells.

    Looking at a byte costs a microsecond or two, because it was not touched lately. So the kernel is asked for the whole
    part first; of what is on its way from the disk the last byte comes last.
    """
    cdef Py_ssize_t known = 0, end
    cdef int found
    if size > step and forebay_has_pages(fd, offset, size) and forebay_has_byte(fd, offset + size - 1) > 0:
        return size
    while known < size:
        end = min(known + step, size)
        found = forebay_has_byte(fd, offset + end - 1)
        if found < 0:
            break
        if found == 0:
            return size
        known = end
    return known


cpdef bint has_error(int fd) except -1:
    """Whether a socket has an error to report."""
    cdef pollfd entry
    entry.fd = fd
    entry.events = entry.revents = 0
    return poll(&entry, 1, 0) > 0 and (entry.revents & POLLERR) != 0


cdef Py_ssize_t _failed(int error) except -2:
    if error == errno.EAGAIN:
        return -1
    raise OSError(error, strerror(error))
