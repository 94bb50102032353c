cimport cython

cimport forebay._core.state.constants as state
cimport forebay.http._messages.constants as k
cimport forebay._core.scheduling.clock as clock

from forebay.http._messages.outgoing cimport Outgoing


cdef class ClientRequest(Outgoing):
    cdef readonly str method
    cdef readonly str url
    cdef readonly str target
    cdef public bint reused
    cdef public object response
    cdef public object _answer           # the Operation that the response ends
    cdef public bint _body_to_come       # a source feeds the body in
    cdef public bint _redirecting        # the exchange goes on with another request
    cdef bint _completed                 # the exchange is over, as it should be
    cdef public object _owner            # who decides about redirects
    cdef public object _front            # the request that the program has, where this one follows a redirect
    cdef readonly double _sent_at        # when all of it was with the socket, on the monotonic clock; 0 before
    cdef list _information               # 1xx responses that came and were not told yet
    cdef str _host
    cdef bint _keep_alive
    cdef object _handed                  # the socket that listeners of 'upgrade' or 'connect' are given just now
    cdef public int _own_listeners       # of 'close', which are not the program's
    cpdef bint _can_repeat(self) except -1
    cdef bint _is_fed(self) except -1
    @cython.locals(front=ClientRequest)
    cdef bint _is_watched(self) except -1
    cpdef bint _has_written(self) except -1
    cpdef object _begin_again(self)
    cpdef object _complete(self)
    cdef object _note_information(self, int status, list fields)
    cdef object _tell_information(self)
    cdef object _shown(self)
    cdef object _response_came(self, object response)
    cpdef object _give(self, object response)
    @cython.locals(shown=ClientRequest)
    cdef object _upgrade_came(self, object response, object socket)
    cdef object _hand_over(self, str event, object response, object socket)
