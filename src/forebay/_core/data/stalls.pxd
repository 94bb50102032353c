cimport cython

cimport forebay._core.scheduling.clock as clock

cdef class Stalls:
    cdef Py_ssize_t count
    cdef double _over       # seconds of the stalls that are over
    cdef double _since      # when the one that lasts began; 0 where none does
    cdef object begin(self)
    @cython.locals(now=double)
    cdef object end(self)
    @cython.locals(now=double)
    cdef double seconds(self)

cpdef tuple stalls_of(Stalls stalls)
