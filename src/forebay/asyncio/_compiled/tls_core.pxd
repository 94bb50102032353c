cimport cython

from forebay._tls.records cimport Records
from forebay.asyncio._compiled.protocol_core cimport ProtocolCore
from forebay.asyncio._compiled.reader_core cimport ReaderCore
from forebay.asyncio._compiled.receive_area cimport Area
from forebay.asyncio._compiled.socket_calls cimport SocketCalls

cdef Py_ssize_t _PART_BYTES
cdef Py_ssize_t _TAKEN_BYTES
cdef Py_ssize_t _TURN_BYTES
cdef Py_ssize_t _PIECES
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
    cdef bint _brief                        # the last receive was small
    cdef bint _in_turn                      # a task continues inside of the callback that received
    cdef bint _sent_in_turn                 # and has written

    @cython.locals(n=Py_ssize_t)
    cpdef object _on_readable(self)
    cdef ReaderCore _direct_reader(self)
    cdef int _take_in(self, Py_ssize_t n) except -1
    @cython.locals(area=Area, records=Records, total=Py_ssize_t, at=Py_ssize_t, end=Py_ssize_t)
    cdef Py_ssize_t _decrypt(self, ReaderCore reader, Py_ssize_t n) except -1
    cdef int _incoming_grew(self) except -1
    @cython.locals(total=Py_ssize_t, all=bint)
    cdef int _read_rest(self, ReaderCore reader) except -1
    cdef int _deliver(self, ReaderCore reader) except -1
    cdef int _after_read(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int _write_now(self, object channel, object data) except -1
    @cython.locals(reader=ReaderCore)
    cdef bint _more_is_there(self) except -1
    cdef int _begin_burst(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int _seal(self, object data) except -1
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, pieces=list)
    cdef int _seal_parts(self, object data, Py_ssize_t size) except -1
    @cython.locals(size=Py_ssize_t)
    cdef int _put_back(self, object data) except -1
    cdef int _pass_on(self, list pieces) except -1
    @cython.locals(size=Py_ssize_t, left=Py_ssize_t)
    cdef int _flush_backlog(self) except -1
    cdef int _flush_outgoing(self) except -1
