cimport cython

from forebay._system.syscalls cimport receive
from forebay._tls.records cimport Records
from forebay.asyncio._compiled.protocol_core cimport ProtocolCore
from forebay.asyncio._compiled.reader_core cimport ReaderCore
from forebay.asyncio._compiled.receive_area cimport Area
from forebay.asyncio._compiled.socket_calls cimport SocketCalls

cdef Py_ssize_t _PART_BYTES
cdef Py_ssize_t _TAKEN_BYTES
cdef Py_ssize_t _TURN_BYTES
cdef int _MOST_PIECES
cdef object _WRAPPED
cdef object _FLUSHING
cdef tuple _AGAIN

cdef class TlsCore(SocketCalls):
    # Fields of asyncio's protocol, by its names.
    cdef public object _state
    cdef public object _transport           # the one below TLS, or None
    cdef public object _app_transport       # the one of the program, or None
    cdef public object _write_backlog       # plain bytes that wait
    cdef public Py_ssize_t _write_buffer_size
    cdef public Py_ssize_t _outgoing_high_water
    cdef public bint _app_reading_paused
    cdef public bint _app_writing_paused
    cdef public bint _ssl_reading_paused
    cdef public bint _ssl_writing_paused
    # Own ones.
    cdef Area _area                         # the memory that the loop receives into
    cdef Records _records
    cdef ProtocolCore _core                 # the protocol of the program if it is forebay's, else None
    cdef int _pieces                        # number of 64 KiB pieces of one receive
    cdef bint _in_turn                      # a task continues inside of the callback that received
    cdef bint _sent_in_turn                 # and has written

    cdef ReaderCore _direct_reader(self)
    @cython.locals(data=object)
    cdef int _receive(self, ReaderCore reader) except -1
    @cython.locals(total=Py_ssize_t)
    cdef int _take_in(self, ReaderCore reader, object parts) except -1
    cdef int _incoming_grew(self) except -1
    @cython.locals(total=Py_ssize_t, all=bint)
    cdef int _read_rest(self, ReaderCore reader) except -1
    cdef int _deliver(self, ReaderCore reader) except -1
    cdef int _after_read(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int _write_now(self, object channel, bytes data) except -1
    @cython.locals(size=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t)
    cdef int _seal(self, object data) except -1
    cdef int _flush_backlog(self) except -1
    cdef int _flush_outgoing(self) except -1
