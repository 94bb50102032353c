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
    cdef list _waiters                      # the futures of the steps that wait for data
    cdef object _watch                      # the handle of finished()

cdef class ReadableIterator:
    cdef Stream _stream
    cdef Reading _reading
