from forebay._core.data.chunk cimport mark
from forebay._core.state.stream cimport Stream

cdef class Writable(Stream):
    pass
