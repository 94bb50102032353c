cimport cython

from forebay.http._client.request cimport ClientRequest
from forebay.http._messages.parsed_connection cimport HttpConnection
from forebay.http._messages.incoming cimport ClientResponse, Incoming

cdef class ClientConnection(HttpConnection):
    cdef readonly Py_ssize_t exchanges
    cdef public double free_since        # when it became free, on the monotonic clock
    cdef public object key               # the agent's key: the target of the connection
    cdef object _owner
    cdef Py_ssize_t _high_water_mark
    cdef ClientRequest _request
    cdef ClientResponse _came            # a response whose head has arrived and that is not handed out yet
    cdef int _informational              # the 1xx status of the message that is being parsed, else 0
    cdef int _informed                   # informational responses of this exchange
    cdef bint _until_close               # the response ends with the connection
    cdef bint _keeps                     # the connection may be reused
    cdef bint _silent                    # no byte of a response has arrived yet
    cdef bint _over                      # the response is complete
    cdef bint _switches                  # another protocol follows the received head
    cdef object _stalled                 # a weak reference to an unread response, else None
    cdef tuple _stalled_name             # the method and URL of that response
    @cython.locals(response=ClientResponse)
    cdef object _head_came(self)
    @cython.locals(response=Incoming)
    cdef object _message_came(self)
    @cython.locals(response=ClientResponse)
    cdef bint _serve(self) except -1
    @cython.locals(outgoing=ClientRequest)
    cpdef object begin(self, object request)
    cdef object _hand_over(self, ClientRequest request, ClientResponse response)
    @cython.locals(request=ClientRequest)
    cdef object _exchange_over(self)
    cdef object _close(self)
    @cython.locals(incoming=ClientResponse)
    cdef object _outgoing_given_up(self, object outgoing, object error)
    @cython.locals(request=ClientRequest)
    cdef object _incoming_closed(self, object incoming, object error)
    @cython.locals(incoming=ClientResponse, request=ClientRequest, response=ClientResponse)
    cdef object _break_off(self, object error)
    @cython.locals(request=ClientRequest, response=ClientResponse)
    cdef object _let_go(self)
    @cython.locals(response=ClientResponse)
    cdef object _take_back(self)
    cdef object _end_after_peer(self)
    cdef object _cut_short(self)
    @cython.locals(request=ClientRequest)
    cdef bint _repeat(self) except -1
    cdef object _socket_closed(self)
    cdef object _take_what_came(self)

cpdef bint has_come(object socket) except -1
