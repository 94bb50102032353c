cimport forebay._core.state.constants as k
from forebay._core.state.stream cimport Stream
from forebay._core.scheduling.awaits cimport Ready

cdef class Reading:
    cdef readonly bint started              # the stream is listened to
    cdef readonly bint over
    cdef Stream _stream
    cdef bint _destroy_on_return
    cdef bint _drain_on_error
    cdef bint _ended                        # the stream is done and has no error
    cdef object _error
    cdef object _waiters                    # a deque of the futures of the steps that wait for data, or None
    cdef bint _waking                       # a step was woken and has not run yet
    cdef object _watch                      # the handle of finished()

cdef class ReadableIterator:
    cdef Stream _stream
    cdef Reading _reading
