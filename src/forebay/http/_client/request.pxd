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
    cdef public object _answer           # the Operation that waits for the response
    cdef public bint _body_to_come       # a source pipes the body into the request
    cdef public bint _redirecting        # the exchange continues with another request
    cdef bint _completed                 # the exchange has ended without an error
    cdef public object _owner            # the exchange, which decides about redirects
    cdef public object _front            # the program's request if this one follows a redirect
    cdef readonly double _sent_at        # when the socket had the whole request, on the monotonic clock; 0 before
    cdef list _information               # 1xx responses that are not emitted yet
    cdef str _host
    cdef bint _keep_alive
    cdef object _handed                  # the socket that is being passed to listeners of 'upgrade' or 'connect'
    cdef public object _decode           # makes a response with a decoded body of one that came, or None
    cdef public int _own_listeners       # the number of internal 'close' listeners
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
