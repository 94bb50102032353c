from penstock._flow.chunk cimport mark
from penstock._flow.stream cimport Stream

cdef class Writable(Stream):
    pass
