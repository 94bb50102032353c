# cython: language_level=3
"""asyncio's private attribute ``_buffer``, compiled; the twin is src/forebay/asyncio/_compiled/buffer_attribute.py.

Libraries ask ``if reader._buffer`` before every request. So this only knows its reader, asks it how much there is, and
copies the bytes when a program wants to see or to change them.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING

from forebay.asyncio._compiled.reader_core cimport ReaderCore

from forebay.asyncio._compiled.buffer_copy import BufferCopy


@cython.final
@cython.freelist(8)
cdef class Buffer:
    """The buffered bytes of a reader as a bytearray. A change of it changes the reader as well."""

    cdef ReaderCore _reader
    cdef list _lent             # the copies that have been exported

    def __cinit__(self, ReaderCore reader not None):
        self._reader = reader

    @property
    def __class__(self):
        return bytearray

    def __len__(self):
        return self._reader._queue._total_bytes

    def __bool__(self):
        return self._reader._queue._total_bytes != 0

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        cdef bytes copy = self._reader._queue.peek(self._reader._queue._total_bytes)
        if self._lent is None:
            self._lent = []
        self._lent.append(copy)
        PyBuffer_FillInfo(buffer, self, PyBytes_AS_STRING(copy), len(copy), True, flags)

    def __getattr__(self, name):
        return getattr(BufferCopy(self._reader), name)

    def __getitem__(self, place):
        return BufferCopy(self._reader)[place]

    def __setitem__(self, place, value):
        BufferCopy(self._reader)[place] = value

    def __delitem__(self, place):
        del BufferCopy(self._reader)[place]

    def __iter__(self):
        return iter(bytearray(BufferCopy(self._reader)))

    def __contains__(self, part):
        return part in BufferCopy(self._reader)

    def __eq__(self, other):
        return BufferCopy(self._reader) == other

    def __lt__(self, other):
        return BufferCopy(self._reader) < other

    def __gt__(self, other):
        return BufferCopy(self._reader) > other

    def __le__(self, other):
        return BufferCopy(self._reader) <= other

    def __ge__(self, other):
        return BufferCopy(self._reader) >= other

    __hash__ = None

    def __add__(self, other):
        return bytearray(BufferCopy(self._reader)) + other

    def __mul__(self, times):
        return bytearray(BufferCopy(self._reader)) * times

    def __mod__(self, values):
        return bytearray(BufferCopy(self._reader)) % values

    def __iadd__(self, other):
        BufferCopy(self._reader).extend(other)
        return self

    def __imul__(self, times):
        copy = BufferCopy(self._reader)
        copy *= times
        return self

    def __repr__(self):
        return repr(bytearray(BufferCopy(self._reader)))

    def __reduce__(self):
        return bytearray, (bytes(BufferCopy(self._reader)),)
