cimport forebay._core.scheduling.this_thread as this_thread
from forebay._core.data.high_water_mark cimport mark
from forebay._core.state.stream cimport Stream

cdef class Writable(Stream):
    pass
