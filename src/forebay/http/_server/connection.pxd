cimport cython

cimport forebay.http._messages.constants as k
from forebay._core.events cimport EventEmitter
from forebay._core.state.completion cimport Completion
from forebay._core.scheduling.hook_runner cimport HookRunner, is_awaitable
from forebay.http._messages.incoming cimport Incoming, ServerRequest
from forebay.http._messages.outgoing cimport Outgoing
from forebay.http._server.request_receiver cimport RequestReceiver
from forebay.http._server.response cimport ServerResponse, first_line


cdef class ServerConnection(RequestReceiver):
    cdef bint _frugal                    # the server has very many connections: nothing is kept between two requests
    cdef HookRunner _runner              # the task of async handlers
    @cython.locals(queue=list, corked=bint, late=bint, request=ServerRequest)
    cdef bint _serve(self) except -1
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
