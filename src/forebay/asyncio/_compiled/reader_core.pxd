cimport cython

cimport forebay._core.scheduling.this_thread as this_thread
cimport forebay.asyncio._compiled.class_versions as versions
from forebay._buffers.chunk_queue cimport ChunkQueue
from forebay.asyncio._compiled.waiter cimport Waiter

# What a reader waits for.
cdef int ANY
cdef int COUNT
cdef int SEPARATOR

cdef str ERROR
cdef bytes _NEWLINE
cdef unsigned int _last_version
cdef int _last_own
cdef int FEED
cdef object _buffer_class

cdef class ReaderCore:
    cdef ChunkQueue _queue                  # received and unread data
    cdef public Py_ssize_t _limit           # bytes; the transport is paused at twice this size
    cdef public bint _eof                   # feed_eof() was called
    cdef public bint _paused                # the transport was paused by this reader
    cdef bint _pausing                      # it is to be paused when more comes
    cdef bint _skipping                     # the buffer begins inside of a long line that is to be skipped
    cdef bint _deferred                     # tasks go on in the next turn of the loop
    cdef public object _exception           # the exception of every read, or None
    cdef public object _transport           # that can be paused, or None
    cdef public object _loop
    cdef public object _waiter              # the future of the one read that waits, or None
    cdef int _want                          # the condition of the wait: ANY, ...
    cdef Py_ssize_t _want_bytes             # COUNT: the bytes wanted; SEPARATOR: the limit
    cdef bytes _want_separator

    cdef unsigned int _version              # of the class when _own was found; 0 if _own has to be found each time
    cdef int _own                           # the methods that are overridden
    cdef bint _patched                      # one of them was set on the object

    @cython.final
    @cython.locals(version=cython.uint)
    cdef int _own_now(self) except -1
    @cython.final
    @cython.locals(own=int)
    cdef int _find_own(self, unsigned int version) except -1
    @cython.final
    cdef int _take_in(self, object data) except -1
    @cython.final
    cdef Py_ssize_t _first_bytes(self) noexcept
    @cython.final
    @cython.locals(waiter=Waiter)
    cdef int _came(self, bint pause) except -1
    @cython.final
    cdef int _arrived(self) except -1
    @cython.final
    cdef bint _is_full(self) except -1
    @cython.final
    cdef int _pause(self) except -1
    @cython.final
    cdef bint _pause_late(self) except -1
    @cython.final
    cdef bint _is_due(self) except -1
    @cython.final
    @cython.locals(queue=ChunkQueue)
    cdef object _take_some(self, Py_ssize_t n)
    @cython.final
    @cython.locals(queue=ChunkQueue)
    cdef object _take_exactly(self, Py_ssize_t n)
    @cython.final
    @cython.locals(at=Py_ssize_t, size=Py_ssize_t, over=Py_ssize_t, queue=ChunkQueue)
    cdef object _take_until(self, bytes separator, Py_ssize_t limit)
    @cython.final
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, over=Py_ssize_t, size=Py_ssize_t)
    cdef object _take_until_any(self, list separators, Py_ssize_t limit)
    @cython.final
    @cython.locals(at=Py_ssize_t, total=Py_ssize_t, queue=ChunkQueue)
    cdef object _take_line(self, Py_ssize_t limit, str long_lines)
    @cython.final
    cdef object _take_long_line(self, Py_ssize_t length, bint ended, Py_ssize_t limit, str long_lines)
    @cython.final
    cdef bint _is_long(self, Py_ssize_t limit) except -1
    @cython.final
    cdef bint _skip_on(self) except -1
    @cython.final
    cdef Py_ssize_t _limit_of(self, object limit) except -1
    @cython.final
    cdef object _wait(self, str name, int want, Py_ssize_t count, object separator)

cdef class _LineIterator:
    cdef ReaderCore _reader
