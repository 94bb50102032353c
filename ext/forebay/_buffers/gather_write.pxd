# cython: language_level=3, boundscheck=False, wraparound=False
"""One writev or pwritev of the first chunks of a `ChunkQueue`."""

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc cimport errno

from forebay._buffers.chunk_memory cimport ChunkRef, ChunkSpan, chunk_at

cdef extern from "<sys/types.h>" nogil:
    ctypedef long long off_t

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    Py_ssize_t writev(int fd, const iovec* entries, int count)
    Py_ssize_t pwritev(int fd, const iovec* entries, int count, off_t offset)

cdef extern from "<unistd.h>" nogil:
    long sysconf(int name)
    const int _SC_IOV_MAX

cdef enum:
    INLINE_ENTRIES = 64         # iovecs that need no allocation
    LEAST_ENTRIES = 16          # iovecs that POSIX promises for one call
    MAX_ENTRIES = 1024          # iovecs in one call; 1024 is the IOV_MAX of every system at hand
    MAX_WRITE_BYTES = 1 << 30   # in one call: macOS refuses sums over INT_MAX, Linux cuts them there


cdef inline Py_ssize_t gather_write(ChunkSpan* chunks, int fd, long long offset) except -2:
    """Write to an offset, or where the file is if that is negative. Return the bytes taken, or -1 if it would block."""
    cdef iovec inline_entries[INLINE_ENTRIES]
    cdef iovec* entries = inline_entries
    cdef iovec* more = NULL
    cdef Py_ssize_t wanted = chunks.count
    cdef Py_ssize_t room = MAX_WRITE_BYTES, taken = 0
    cdef int count = 0, error = 0
    cdef ChunkRef* ref
    if wanted > LEAST_ENTRIES:
        wanted = min(wanted, min(max(sysconf(_SC_IOV_MAX), LEAST_ENTRIES), MAX_ENTRIES))
    if wanted > INLINE_ENTRIES:
        more = <iovec*>PyMem_Malloc(wanted * sizeof(iovec))
        if more != NULL:
            entries = more
        else:
            # A shorter write is correct too, so a lack of memory is not an error.
            wanted = INLINE_ENTRIES
    while count < wanted and room > 0:
        ref = chunk_at(chunks, count)
        entries[count].iov_base = <void*>ref.data
        entries[count].iov_len = min(ref.size, room)
        room -= entries[count].iov_len
        count += 1
    if count == 0:
        return 0
    try:
        while True:
            with nogil:
                taken = writev(fd, entries, count) if offset < 0 else pwritev(fd, entries, count, offset)
                error = errno.errno
            if taken >= 0 or error != errno.EINTR:
                break
            PyErr_CheckSignals()
    finally:
        PyMem_Free(more)
    if taken < 0 and error != errno.EAGAIN:  # EWOULDBLOCK is the same number
        errno.errno = error
        PyErr_SetFromErrno(OSError)
    return taken


cdef inline object taken_or_raise(Py_ssize_t taken):
    """Return what `gather_write` returned, or raise if it would block."""
    if taken < 0:
        errno.errno = errno.EAGAIN
        PyErr_SetFromErrno(OSError)
    return taken
