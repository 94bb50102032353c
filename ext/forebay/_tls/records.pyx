# cython: language_level=3
"""The records of a TLS connection, compiled; the twin, with the documentation, is src/forebay/_tls/records.py."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from ssl import SSLObject, SSLWantReadError, SSLWantWriteError, SSLZeroReturnError

from forebay._buffers.chunk_memory cimport COPY_BYTES, new_bytes
from forebay._buffers.chunk_queue cimport ChunkQueue

cdef enum:
    ALL = -1

cdef tuple AGAIN = (SSLWantReadError, SSLWantWriteError)


@cython.final
@cython.auto_pickle(False)
cdef class Window:
    """Memory that the SSL object reads into. It does not own the memory, so it is for `_ssl` only, which keeps no view."""

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.at, self.size, 0, flags)


@cython.final
@cython.auto_pickle(False)
cdef class Records:
    """The records of one TLS connection, between an SSL object and memory."""

    def __init__(self, tls, incoming, outgoing):
        native = getattr(tls, "_sslobj", None) if type(tls) is SSLObject else None
        self.tls = tls
        self.incoming = incoming
        self.outgoing = outgoing
        self._window = None if native is None else Window.__new__(Window)
        if native is None:
            native = tls
        self._read = native.read
        self._write = native.write
        self._pending = native.pending
        self._feed = incoming.write
        self._take = outgoing.read
        self._left = False
        self._stalled = False
        self._over = False
        self._error = None
        self.ended = False

    cpdef object feed(self, object data):
        self._feed(data)
        self._stalled = False

    cpdef object feed_end(self):
        self.incoming.write_eof()
        self._over = True

    cdef int feed_memory(self, char* data, Py_ssize_t size) except -1:
        # The memory makes a copy and keeps no view.
        cdef Window window = Window.__new__(Window)
        window.at = data
        window.size = size
        self._feed(window)
        window.at = NULL
        window.size = 0
        self._stalled = False
        return 0

    cpdef object seal(self, object data):
        cdef Py_ssize_t size = len(data), taken = self._write(data)
        while taken < size:
            taken += self._write(memoryview(data)[taken:])

    cpdef bytes take(self, Py_ssize_t most=ALL):
        return self._take() if most < 0 else self._take(most)

    cpdef bint holds_output(self) except -1:
        cdef Py_ssize_t pending = self.outgoing.pending
        return pending > 0

    cpdef bint is_due(self) except -1:
        if self._left or self._error is not None or self.ended or self._over:
            return True
        return self.incoming.pending > 0 and not self._stalled

    cpdef bytes read_block(self):
        cdef bytes block = new_bytes(COPY_BYTES)
        cdef Py_ssize_t filled = self._fill(PyBytes_AS_STRING(block), COPY_BYTES)
        if filled == COPY_BYTES:
            return block
        if filled or self.ended:
            return PyBytes_FromStringAndSize(PyBytes_AS_STRING(block), filled)
        return None

    cdef Py_ssize_t read_onto(self, ChunkQueue queue, Py_ssize_t most, Py_ssize_t first) except -1:
        cdef bytes piece
        cdef Py_ssize_t filled, total = 0
        while total < most:
            piece = new_bytes(COPY_BYTES)
            filled = self._fill(PyBytes_AS_STRING(piece), COPY_BYTES)
            if filled == COPY_BYTES:
                queue._append(piece)
                total += filled
                continue
            if filled:
                queue._append_parts(
                    PyBytes_AS_STRING(piece), filled, first if first <= filled and total == 0 else 0
                )
                total += filled
            break
        return total

    cdef Py_ssize_t _fill(self, char* target, Py_ssize_t size) except -1:
        """Read until the memory is full or nothing is left. An error after plain bytes waits for the next call."""
        cdef Py_ssize_t filled = 0, got, pending
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self.ended:
            return 0
        try:
            while filled < size:
                if not self._left:
                    pending = self.incoming.pending
                    if pending == 0 and not self._over:
                        break
                got = self._read_into(target + filled, size - filled)
                if got == 0:
                    self.ended = True
                    self._left = False
                    break
                filled += got
                # A record that has filled the room may have more.
                self._left = filled == size and self._pending() > 0
        except SSLZeroReturnError:
            self.ended = True
            self._left = False
        except AGAIN:
            self._left = False
            self._stalled = True
        except Exception as error:
            self._left = False
            if filled == 0:
                raise
            self._error = error
        return filled

    cdef Py_ssize_t _read_into(self, char* target, Py_ssize_t size) except -1:
        cdef Window window = self._window
        cdef bytes data
        if window is None:
            data = self._read(size)
            memcpy(target, PyBytes_AS_STRING(data), min(PyBytes_GET_SIZE(data), size))
            return min(PyBytes_GET_SIZE(data), size)
        window.at = target
        window.size = size
        try:
            return self._read(size, window)
        finally:
            window.at = NULL
            window.size = 0
