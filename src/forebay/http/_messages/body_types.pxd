from forebay.streams.readable cimport Readable
from forebay.streams.writable cimport Writable

cdef class ReadableBody(Readable):
    pass

cdef class WritableBody(Writable):
    pass
