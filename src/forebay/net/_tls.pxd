cimport cython

from forebay._tls.records cimport Records

cdef Py_ssize_t _BATCH_BYTES

cdef class Secure:
    cdef readonly object object
    cdef object _stream
    cdef object _channel
    cdef Records _records
    cdef double _timeout
    cdef object _timer              # of the handshake
    cdef object _shaken             # the future of the handshake
    cdef bint _ready                # the handshake is done
    cdef bint _over                 # it failed, or the socket is destroyed
    cdef list _early                # written before the handshake was done
    cdef object _early_done
    cdef list _plain                # decrypted before the SSL object was shut down

    cdef object _flush(self)
    cdef bint _decrypt_wanted(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef object _encrypt(self, list chunks)
    @cython.locals(size=Py_ssize_t)
    cdef object _encrypt_many(self, list chunks)
    @cython.locals(size=Py_ssize_t, at=Py_ssize_t)
    cdef object _encrypt_one(self, object chunk)
