cimport cython

from forebay.http._messages.connection cimport HttpConnection
from forebay.http._messages.incoming cimport ServerRequest
from forebay.http._server.response cimport ServerResponse

cdef double _LINGER_SECONDS
cdef double _BEHIND_SECONDS

cdef class ServerClock(HttpConnection):
    cdef ServerRequest _request          # the one that is being answered
    cdef ServerResponse _response
    cdef bint _ending                    # the socket was ended
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
