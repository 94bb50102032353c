cimport cython

from penstock._flow.events cimport EventEmitter
from penstock._flow.lifecycle cimport Completion
from penstock._flow.runner cimport HookRunner, is_awaitable
from penstock.http._connection cimport HttpConnection
from penstock.http._incoming cimport Incoming, ServerRequest
from penstock.http._outgoing cimport Outgoing
from penstock.http._server_response cimport ServerResponse, first_line

cdef int _HANDLER
cdef int _UNTIL_CLOSE
cdef long long _MOST_DISCARDED_BYTES
cdef double _LINGER_SECONDS
cdef double _BEHIND_SECONDS
cdef object _HOST
cdef bytes _VERSION_1_1
cdef dict _METHODS

cdef class ServerConnection(HttpConnection):
    cdef EventEmitter _server
    cdef object _high_water_mark
    cdef bint _frugal                    # one of very many: nothing is kept between two requests
    cdef list _queue                     # requests that came and wait for their turn
    cdef ServerRequest _request          # the one that is being answered
    cdef ServerResponse _response
    cdef HookRunner _runner              # of asynchronous handlers
    cdef bint _rest_due                  # the response is out, and the body of its request still coming
    cdef bint _ending                    # the socket was ended
    cdef long long _discard_left         # bytes that may still come of a body that nobody reads
    cdef Py_ssize_t _served              # responses that were sent
    cdef double _looked_at               # when time was looked at last, 0 for not yet
    cdef long long _came                 # a count of bytes that came, at the last look
    cdef long long _sent                 # and of those that went
    cdef double _came_since              # when the one was last seen to change, or nothing was due
    cdef double _sent_since              # when the other was
    cdef double _waited                  # for the request that comes: seconds in which the client was to move
    cdef double _waited_for_body         # and those since its head came
    cdef double _idle_since              # when no request was first seen to be under way, 0 for one is
    cdef double _ended_at                # when all was sent to a peer that gets nothing more, 0 for not
    cdef double _head_since              # when the head that is awaited was first missed, 0 for not
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
    @cython.locals(passed=double)
    cpdef object check_time(self, double now)
    @cython.locals(request=ServerRequest, since=double)
    cdef object _check_exchange(self, double now, double passed)
    cdef object _late_body(self, double now, double passed)
    cdef object _check_head(self, double now, double passed)
    cdef object _check_idle(self, double now)
    cdef object _save_memory(self)
    @cython.locals(sent=object)
    cdef object _note_progress(self, double now)
    cdef bint _is_over(self, double seconds, object limit) except -1
    cpdef object close_when_idle(self)
