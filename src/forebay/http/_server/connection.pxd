cimport cython

from forebay._core.events cimport EventEmitter
from forebay._core.state.lifecycle cimport Completion
from forebay._core.scheduling.hook_runner cimport HookRunner, is_awaitable
from forebay.http._messages.incoming cimport Incoming, ServerRequest
from forebay.http._messages.outgoing cimport Outgoing
from forebay.http._server.connection_timeouts cimport ServerClock
from forebay.http._server.response cimport ServerResponse, first_line

cdef int _HANDLER
cdef int _UNTIL_CLOSE
cdef long long _MOST_DISCARDED_BYTES
cdef object _HOST
cdef bytes _VERSION_1_1
cdef dict _METHODS

cdef class ServerConnection(ServerClock):
    cdef EventEmitter _server
    cdef object _high_water_mark
    cdef bint _frugal                    # one of very many: nothing is kept between two requests
    cdef bytes _good_host                # a Host that was looked at; the next request mostly has the same
    cdef list _queue                     # requests that came and wait for their turn
    cdef HookRunner _runner              # of asynchronous handlers
    cdef bint _rest_due                  # the response is out, and the body of its request still coming
    cdef long long _discard_left         # bytes that may still come of a body that nobody reads
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
    @cython.locals(queue=list, corked=bint, request=ServerRequest)
    cdef object _serve(self)
    @cython.locals(response=ServerResponse, server=EventEmitter)
    cdef object _begin(self, ServerRequest request)
    @cython.locals(done=Completion, runner=HookRunner)
    cdef object _call(self, object handler, ServerRequest request, ServerResponse response)
    @cython.locals(response=ServerResponse, runner=HookRunner)
    cdef object _handler_done(self, object outgoing, object error)
    @cython.locals(over=bint)
    cdef object _handler_failed(self, ServerRequest request, ServerResponse response, object error)
    cdef bint _was_left(self, ServerResponse response, object error) except -1
    @cython.locals(response=ServerResponse, request=ServerRequest)
    cdef object _outgoing_finished(self, object outgoing)
    cdef object _forget_request(self, Incoming request)
    cdef object _give_up(self, Incoming request)
    cdef object _discard(self, ServerRequest request)
    @cython.locals(request=ServerRequest)
    cdef object _body_wanted(self, object incoming)
    @cython.locals(response=ServerResponse, request=ServerRequest)
    cdef object _outgoing_given_up(self, object outgoing, object error)
    cdef object _break_off(self, ServerRequest request, object error)
    cdef object _fail_request(self, Incoming request, object error)
    cdef object _answer_failure(self)
    cdef object _answer(self, int status, object error)
    cdef object _end_socket(self)
    cdef object _end_after_peer(self)
    @cython.locals(incoming=Incoming, response=ServerResponse, request=ServerRequest)
    cdef object _socket_closed(self)
    @cython.locals(runner=HookRunner)
    cdef object _stop_runner(self)
    cdef object _hand_over(self, ServerRequest request)
    cdef object _save_memory(self)
    cpdef object close_when_idle(self)
