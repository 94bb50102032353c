cimport cython

cimport forebay.http._messages.constants as k
cimport forebay._core.scheduling.clock as clock
cimport forebay._core.scheduling.this_thread as this_thread

from forebay.http._messages.body_types cimport WritableBody
from forebay._core.state.stream cimport Stream
from forebay.http._messages.transport cimport MessageTransport
from forebay.http._messages.header_checks cimport check_name, check_value
from forebay.streams.writable cimport Writable

cdef Py_ssize_t _JOINED_BYTES

cdef str _date_line
cdef double _date_until

@cython.locals(now=double)
cpdef str date_line()

cdef class Outgoing(WritableBody):
    cdef MessageTransport _transport                # None while there is no connection
    cdef dict _fields                    # lower-case name -> (name, value or list of values)
    cdef str _trailers                   # the lines of the trailers, or None
    cdef bint _head_fixed                # header fields cannot be changed any more
    cdef bint _head_sent
    cdef bint _head_wanted               # flush_headers() was called before there was a connection
    cdef int _framing
    cdef long long _announced            # Content-Length
    cdef long long _body_bytes           # the body bytes written so far
    cdef bint _waiting                   # a write, or the end, waits for room in the socket
    cdef bint _in_handler                # the handler is running, so its exception can still change the response
    cdef bint _ended_in_handler          # ... and has ended the message
    cdef bint _direct                      # other code writes the body to the socket, past this stream
    cdef list _held_chunks               # the chunks of a write that waits for a connection
    cdef object _start_outgoing(self, MessageTransport transport, object high_water_mark, bint auto_destroy)
    cdef object _refuse_if_fixed(self, str what)
    cdef str _first_line(self)
    cdef str _more_fields(self)
    cdef str _frame(self, long long length)
    cdef bint _frame_as_set(self) except -1
    @cython.locals(parts=list)
    cdef bytes _make_head(self, long long length)
    @cython.locals(socket=Stream)
    cdef object _put(self, object first, object chunk, object last)
    @cython.locals(size=Py_ssize_t)
    cdef object _put_body(self, object chunk)
    cdef object _count(self, Py_ssize_t size)
    cdef object _after_put(self)
    @cython.locals(socket=Stream)
    cdef bint _has_room(self) except -1
    cdef object _await_room(self)
    cdef object _socket_drained(self)
    @cython.locals(socket=Stream)
    cdef object _attach_transport(self, MessageTransport transport)
    cpdef object _begin_direct(self, long long length)
    cpdef object _end_direct(self, long long length)
    cdef object _put_whole(self, object chunk, Py_ssize_t size)
    cdef object _end_body(self)
    cdef object _finish_after_handler(self)
