from penstock._flow.chunk cimport mark
from penstock._flow.link cimport pipe as _pipe, unpipe as _unpipe
from penstock._flow.stream cimport Stream

cdef class Readable(Stream):
    pass
