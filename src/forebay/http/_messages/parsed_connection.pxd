cimport cython

cimport forebay._core.state.constants as state
from forebay._core.listeners cimport Listener
from forebay._core.state.stream cimport Stream
from forebay.http._messages.transport cimport MessageTransport
from forebay.http._messages.incoming cimport Incoming

cdef bytes _EMPTY_LINE
cdef tuple _BEGUN_LINES
cdef Py_ssize_t _HEAD_PIECE
cdef Py_ssize_t _CHUNKED_PIECE
cdef Py_ssize_t _MOST_LENGTH_DIGITS
cdef long long _CHUNK_OVERHEAD_BYTES
cdef long long _CHUNK_OVERHEAD_TIMES

cdef class SocketListener(Listener):
    cdef HttpConnection _connection
    cdef int _on

cdef class HttpConnection(MessageTransport):
    cdef object __weakref__
    cdef object _limits
    cdef object _parser                  # of httptools; None until bytes come
    cdef SocketListener _on_end          # None after the socket was released
    cdef SocketListener _on_close
    cdef SocketListener _on_error
    cdef SocketListener _on_drain        # added when the first drain is awaited
    cdef Incoming _incoming              # the message that is being received
    cdef bytes _held                     # received bytes that are not parsed yet, or None
    cdef Py_ssize_t _held_at             # the position of the next byte in them
    cdef bint _working                   # inside `_work`
    cdef bint _resting                   # the loop has its turn before `_work` goes on
    cdef bint _paused                    # the socket was told not to read
    cdef bint _peer_ended
    cdef bint _gone                      # the socket is closed
    cdef bint _detached                  # the socket belongs to another protocol
    cdef object _failed                  # the reason why nothing is read any more, or None
    cdef bint _last_came                 # the last message arrived; later bytes are ignored
    cdef bint _body_full                 # the reader of the body has no room
    cdef bint _discarding                # the rest of the body is discarded
    cdef object _first_piece             # the piece that the parser works on if a message begins in it, else None
    cdef bint _after_cr                  # the last byte before a message was a CR
    cdef bytes _last_bytes               # the last three parsed bytes of the message
    cdef bint _in_head
    cdef bint _in_message
    cdef long long _header_bytes         # the bytes of the head, or of the trailers, so far
    cdef long long _unfinished_bytes     # fed to the parser since the last message ended, or this head began
    cdef long long _most_header_bytes
    cdef Py_ssize_t _most_headers
    cdef long long _most_body_bytes      # -1 for no limit
    cdef bytes _url                      # the target of a request; the reason phrase of a response
    cdef list _fields
    cdef int _host_count
    cdef bytes _host                     # the value of the last Host header
    cdef long long _length               # Content-Length, -1 if there is none
    cdef bint _chunked
    cdef bint _expects
    cdef bint _upgrade_named
    cdef long long _body_bytes
    cdef long long _fed_bytes            # the parsed bytes of a chunked body, including its framing
    cdef object _c_start(self, Stream socket, object limits)
    cdef object _c_release(self)
    cdef object _forget_message(self)
    cpdef object on_url(self, bytes url)
    @cython.locals(fields=list, size=Py_ssize_t, length=Py_ssize_t)
    cpdef object on_header(self, bytes name, bytes value)
    cdef object _count_header(self, Py_ssize_t size)
    cdef object _refuse(self, str message, int status)
    cdef object _head_came(self)
    cdef object _message_came(self)
    cdef object _refused(self, object error)
    cdef object _upgraded(self)
    cdef bint _has_room(self) except -1
    cdef bint _can_parse(self) except -1
    cdef object _rest(self)
    cdef object _discarded(self, Py_ssize_t size)
    cdef object _dropped(self, Py_ssize_t size)
    cdef object _work(self)
    cdef bint _serve(self) except -1
    @cython.locals(held=bytes, size=Py_ssize_t, limit=Py_ssize_t)
    cdef object _feed(self)
    @cython.locals(held=bytes, at=Py_ssize_t, size=Py_ssize_t, byte=int)
    cdef bint _skip_blank_lines(self) except -1
    cdef object _refuse_before(self, str message, int status)
    @cython.locals(held=bytes, last=bytes, at=Py_ssize_t, begun=bytes, rest=bytes, found=Py_ssize_t)
    cdef Py_ssize_t _to_empty_line(self, Py_ssize_t most) except -1
    cdef object _parse(self, object piece, Py_ssize_t size)
    cdef object _check_unfinished(self)
    cdef object _make_parser(self)
    cdef object _parser_stopped(self, object error, object piece)
    cdef object _settle_reading(self)
    cdef object _socket_drained(self)
    cdef object _socket_ended(self)
    cdef object _socket_closed(self)
    cdef object _detach(self)
