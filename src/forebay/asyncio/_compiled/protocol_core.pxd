cimport cython

cimport forebay.asyncio._compiled.class_versions as versions
from forebay.asyncio._compiled.receive_area cimport Area
from forebay.asyncio._compiled.reader_core cimport ReaderCore
from forebay.asyncio._compiled.socket_calls cimport SocketCalls, frozen

cdef Py_ssize_t _LAST_BYTES
cdef Py_ssize_t _JOINED_BYTES
cdef Py_ssize_t _MANY_BYTES
cdef int _MANY_ARRIVALS
cdef Py_ssize_t _MUCH_BYTES
cdef int FEED
cdef frozenset _WATCHED

cdef class ProtocolCore(SocketCalls):
    # The attributes of asyncio's class.
    cdef public object _loop
    cdef public object _source_traceback
    cdef public object _stream_reader_wr    # a weak reference, or None
    cdef public object _strong_reader       # of a server, until the connection is made
    cdef public object _client_connected_cb # of a server, or None
    cdef public object _stream_writer       # of a server; not set from Python 3.13 on
    cdef public object _task                # that of a server's callback, or None
    cdef public object _transport           # or None
    cdef public object _closed              # the future of wait_closed()
    cdef public list _drain_waiters
    cdef public bint _paused                # the transport has called pause_writing()
    cdef public bint _connection_lost
    cdef public bint _reject_connection
    cdef public bint _over_ssl

    cdef Area _area                         # the memory that the loop receives into
    cdef bint _plain                        # received data goes to the buffer; there is no override
    cdef bint _pauses_late                  # the transport of a full reader is paused when more data arrives, not before
    cdef bint _own_drain                    # this object overrides _drain_helper()
    cdef bint _handed_out                   # the program has got the transport
    cdef object _tail                       # the bytearray of the last joined small pieces, or None
    cdef bint _brief                        # the last receive was small

    cdef bint _late                         # the transport is to receive into memory once much has come
    cdef int _arrivals

    @cython.final
    cdef int _append(self, ReaderCore reader, object data) except -1
    @cython.final
    cdef int _start(self, object reader, object callback, object loop, Area area) except -1
    @cython.final
    cdef int _wake_drains(self, object error) except -1
    @cython.final
    @cython.locals(area=Area)
    cdef int _deliver(self, ReaderCore reader, Py_ssize_t n) except -1
    @cython.final
    cdef ReaderCore _plain_reader(self)
    @cython.final
    cdef int _is_seen(self, ReaderCore reader) except -1
    @cython.final
    cdef bint _pauses(self, ReaderCore reader) except -1
    @cython.final
    @cython.locals(n=Py_ssize_t)
    cdef int _take_in(self, object transport, ReaderCore reader) except -1
    @cython.final
    @cython.locals(n=Py_ssize_t, area=Area)
    cdef Py_ssize_t _receive(self, ReaderCore reader) except? -2
    @cython.final
    cdef bint _may_queue(self, object transport) except -1
    @cython.final
    cdef int _write_pieces(self, list pieces) except -1
    @cython.final
    cdef int _write_through(self, object data) except -1
    @cython.final
    cdef int _queue_behind(self, object transport, object data) except -1
