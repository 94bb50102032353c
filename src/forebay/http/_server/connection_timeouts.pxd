cimport cython

from forebay.http._messages.parsed_connection cimport HttpConnection
from forebay.http._messages.incoming cimport ServerRequest
from forebay.http._server.response cimport ServerResponse

cdef double _LINGER_SECONDS
cdef double _BEHIND_SECONDS

cdef class ServerClock(HttpConnection):
    cdef ServerRequest _request          # the request that is being handled
    cdef ServerResponse _response
    cdef bint _ending                    # the socket was ended
    cdef Py_ssize_t _served              # number of sent responses
    cdef double _looked_at               # time of the last check, 0 before the first
    cdef long long _came                 # received bytes at the last check
    cdef long long _sent                 # sent bytes at the last check
    cdef double _came_since              # when received bytes last changed, or nothing was due
    cdef double _sent_since              # when sent bytes last changed
    cdef double _waited                  # seconds in which the client had to send the present request
    cdef double _waited_for_body         # the seconds of these since its head arrived
    cdef double _idle_since              # when the connection was first seen without a request, 0 with a request
    cdef double _ended_at                # when everything was sent on an ended connection, 0 before
    cdef double _head_since              # when the awaited head was first missing, 0 if none is awaited
    cdef object _start_clock(self)
    @cython.locals(passed=double)
    cpdef object check_time(self, double now)
    @cython.locals(request=ServerRequest, since=double)
    cdef object _check_exchange(self, double now, double passed)
    cdef object _late_body(self, double now, double passed)
    cdef object _check_head(self, double now, double passed)
    cdef object _check_idle(self, double now)
    @cython.locals(sent=object)
    cdef object _note_progress(self, double now)
    cdef bint _is_over(self, double seconds, object limit) except -1
    cdef object _stop_runner(self)
    cdef object _save_memory(self)
    cdef object _answer(self, int status, object error)
    cdef object _end_socket(self)
