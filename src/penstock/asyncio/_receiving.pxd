cimport cython

from penstock._chunks cimport ChunkQueue

# What a reader waits for.
cdef int ANY
cdef int COUNT
cdef int SEPARATOR

cdef str ERROR
cdef bytes _NEWLINE

cdef int PENDING
cdef int DONE
cdef int CANCELLED

cdef class _Waiter:
    cdef public bint _asyncio_future_blocking
    cdef object _loop
    cdef int _state                         # PENDING, ...
    cdef object _error                      # what result() raises
    cdef object _callback                   # the task's, and its context
    cdef object _context
    cdef bint _taken                        # the task has asked for the result

    @cython.final
    cdef object _tell(self)
    @cython.final
    cdef object resume(self)

cdef class ReaderCore:
    cdef ChunkQueue _queue                  # what was received and not read
    cdef public Py_ssize_t _limit           # bytes; half of what is buffered before the transport is paused
    cdef public bint _eof                   # feed_eof() was called
    cdef public bint _paused                # the transport was paused by this reader
    cdef bint _skipping                     # the buffer begins inside of a long line that is to be skipped
    cdef bint _deferred                     # tasks go on in the next turn of the loop
    cdef public object _exception           # what every read raises, or None
    cdef public object _transport           # that can be paused, or None
    cdef public object _loop
    cdef public object _waiter              # the future of the one read that waits, or None
    cdef int _want                          # what it waits for: ANY, ...
    cdef Py_ssize_t _want_bytes             # COUNT: so many; SEPARATOR: the limit
    cdef bytes _want_separator

    @cython.final
    @cython.locals(waiter=_Waiter, first=Py_ssize_t)
    cdef int _receive(self, object area, Py_ssize_t n, bint pause) except -1
    @cython.final
    cdef int _arrived(self) except -1
    @cython.final
    cdef bint _is_full(self) except -1
    @cython.final
    cdef int _pause(self) except -1
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

cdef class ProtocolCore:
    cdef public object _stream_reader_wr    # a weak reference, or None
    cdef public bint _paused                # the transport has said so, or there is a backlog
    cdef public bint _connection_lost
    cdef public object _transport           # or None
    cdef object _area                       # a writable view that the loop receives into
    cdef bint _plain                        # what is received goes to the buffer, nobody overrides it
    cdef bint _pauses_late                  # the transport of a full reader is paused when more comes, not before
    cdef public bint _owns_transport        # nobody else writes to the transport
    cdef ChunkQueue _backlog                # what was written while the transport was full, or None

    @cython.final
    cdef int _start(self, object area, bint plain, bint pauses_late) except -1
    @cython.final
    cdef int _deliver(self, ReaderCore reader, Py_ssize_t n) except -1
    @cython.final
    cdef bint _make_room(self, ReaderCore reader) except -1
    @cython.final
    cdef int _hold(self, object data) except -1
    @cython.final
    cdef int _pass_on(self, bint everything) except -1
    @cython.final
    cdef bint _holds(self) noexcept
