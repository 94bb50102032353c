cimport cython

from forebay._core.events cimport EventEmitter
from forebay.http._messages.incoming cimport Incoming, ServerRequest
from forebay.http._server.connection_timeouts cimport ServerClock

cdef long long _MOST_DISCARDED_BYTES
cdef object _HOST
cdef bytes _VERSION_1_1
cdef dict _METHODS

cdef class RequestReceiver(ServerClock):
    cdef EventEmitter _server
    cdef object _high_water_mark
    cdef bytes _good_host                # the last valid Host; the next request usually has the same
    cdef list _queue                     # received requests that wait for their turn
    cdef bint _rest_due                  # the response is sent, and the body of its request is still arriving
    cdef long long _discard_left         # bytes of an unread body that may still arrive
    cdef object _start_receiving(self, object server, object high_water_mark)
    @cython.locals(queue=list, last=ServerRequest)
    cdef bint _has_room(self) except -1
    @cython.locals(method=str, version=str, request=ServerRequest)
    cdef object _head_came(self)
    @cython.locals(at=Py_ssize_t)
    cdef str _version(self, Py_ssize_t method_size)
    @cython.locals(request=ServerRequest)
    cdef object _message_came(self)
    @cython.locals(request=ServerRequest)
    cdef object _upgraded(self)
    @cython.locals(again=ServerRequest)
    cdef object _parse_without_upgrade(self, ServerRequest request)
    cdef object _limit_discarding(self)
    cdef object _forget_request(self, Incoming request)
