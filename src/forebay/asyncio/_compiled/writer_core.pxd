cimport cython

from forebay._system.syscalls cimport send
from forebay.asyncio._compiled.protocol_core cimport ProtocolCore
from forebay.asyncio._compiled.reader_core cimport ReaderCore
from forebay.asyncio._compiled.socket_calls cimport frozen
from forebay.asyncio._compiled.tls_core cimport TlsCore

cdef int EXCEPTION
cdef Py_ssize_t _MUCH_BYTES
cdef Py_ssize_t _GROUP_BYTES

cdef class WriterCore:
    cdef public object _protocol
    cdef public object _reader              # or None
    cdef public object _loop
    cdef object _channel                    # the transport
    cdef ProtocolCore _core                 # the protocol if it is forebay's, else None
    cdef TlsCore _tls                       # forebay's protocol below an encrypting transport, else None
    cdef bint _plain_drain                  # the protocol's _drain_helper() is not overridden
    cdef int _drains                        # number of drains since the last one that waited

    @cython.final
    cdef bint _write(self, object data) except -1
    @cython.final
    cdef bint _has_nothing_to_drain(self) except -1
    @cython.final
    cdef bint _is_patched(self) except -1
    @cython.final
    @cython.locals(taken=Py_ssize_t)
    cdef int _write_much(self, object data) except -1
    @cython.final
    cdef bint _is_closing(self) except -1
    @cython.final
    cdef object _read_error(self)
    @cython.final
    cdef object _error_of(self, ReaderCore reader)

cdef bint _is_flat(object data) except -1
cdef object _frozen_or_same(object data)
@cython.locals(groups=list, short=list, size=Py_ssize_t)
cdef list _grouped(object data)
