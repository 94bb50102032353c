# cython: language_level=3, boundscheck=False, wraparound=False
"""The search for a byte string across the chunks of a `ChunkQueue`, in linear time."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memchr, memcmp, memcpy, memmove

from forebay._buffers.chunk_memory cimport ChunkSpan, chunk_at

cdef extern from "<string.h>" nogil:
    const void* memmem(const void* haystack, size_t size, const void* needle, size_t length)

cdef enum:
    INLINE_WINDOW = 1024        # bytes of search window that need no allocation
    GATHERED_BYTES = 256        # chunks below this many bytes are searched gathered in the window
    FALSE_STARTS = 16           # close false hits before a search leaves memchr for memmem


cdef inline const char* locate(const char* hay, Py_ssize_t size, const char* sub, Py_ssize_t length) noexcept nogil:
    """The first `sub` in `hay`, or NULL. memchr while its hits are good, memmem when they are not."""
    cdef const char* hit
    cdef const char* last
    cdef Py_ssize_t budget = FALSE_STARTS
    if size < length:
        return NULL
    last = hay + (size - length)
    while budget > 0:
        hit = <const char*>memchr(hay, sub[0], last - hay + 1)
        if hit == NULL or length == 1 or memcmp(hit + 1, sub + 1, length - 1) == 0:
            return hit
        if hit == last:
            return NULL
        # A comparison costs up to `length`; only where the skip paid for it, it is free.
        if hit - hay < length + 32:
            budget -= 1
        hay = hit + 1
    return <const char*>memmem(hay, last - hay + length, sub, length)


cdef inline Py_ssize_t search_chunks(ChunkSpan* chunks, const char* sub, Py_ssize_t length, Py_ssize_t start,
                                     Py_ssize_t stop) except -2:
    """Large chunks are searched in place, small ones gathered in a window.

    The window also carries the last length - 1 bytes of what has been searched, so that it sees what
    straddles a boundary. A byte is copied a bounded number of times: the search is linear.
    """
    cdef char inline_window[INLINE_WINDOW]
    cdef char* window = inline_window
    cdef Py_ssize_t carried = length - 1
    cdef Py_ssize_t full = INLINE_WINDOW - carried  # leaves room for the head of a large chunk
    cdef Py_ssize_t filled = 0      # bytes in the window
    cdef Py_ssize_t gathered = 0    # chunks smaller than this go through the window
    cdef Py_ssize_t index, at, size, part
    cdef const char* data
    cdef const char* hit
    stop = min(stop, chunks.nbytes)
    if start > stop or length > stop - start:
        return -1
    if length > 1:
        gathered = max(GATHERED_BYTES, 2 * length)
    if 4 * length > INLINE_WINDOW:
        full = 3 * length
        window = <char*>PyMem_Malloc(4 * length)
        if window == NULL:
            raise MemoryError
    # Walk from the nearer end: a search that resumes near the tail must not pass the whole queue.
    if start <= chunks.nbytes >> 1:
        index, at = 0, 0
        while at + chunk_at(chunks, index).size <= start:
            at += chunk_at(chunks, index).size
            index += 1
    else:
        index = chunks.count - 1
        at = chunks.nbytes - chunk_at(chunks, index).size
        while at > start:
            index -= 1
            at -= chunk_at(chunks, index).size
    try:
        while at < stop:
            data = chunk_at(chunks, index).data
            size = chunk_at(chunks, index).size
            index += 1
            if at < start:
                data += start - at
                size -= start - at
                at = start
            size = min(size, stop - at)
            if size < gathered:
                while size > 0:
                    part = min(size, full - filled)
                    memcpy(window + filled, data, part)
                    filled += part
                    data += part
                    size -= part
                    at += part
                    if filled == full:
                        hit = locate(window, filled, sub, length)
                        if hit != NULL:
                            return at - filled + (hit - window)
                        memmove(window, window + filled - carried, carried)
                        filled = carried
            else:
                if filled:
                    memcpy(window + filled, data, carried)
                    hit = locate(window, filled + carried, sub, length)
                    if hit != NULL:
                        return at - filled + (hit - window)
                hit = locate(data, size, sub, length)
                if hit != NULL:
                    return at + (hit - data)
                memcpy(window, data + size - carried, carried)
                filled = carried
                at += size
        hit = locate(window, filled, sub, length)
        return at - filled + (hit - window) if hit != NULL else -1
    finally:
        if window != inline_window:
            PyMem_Free(window)
