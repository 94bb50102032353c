cimport cython

cimport forebay._core.scheduling.clock as clock

cdef class Stalls:
    cdef Py_ssize_t count
    cdef double _over       # seconds of the completed stalls
    cdef double _since      # start of the present stall; 0 if there is none
    cdef object begin(self)
    @cython.locals(now=double)
    cdef object end(self)
    @cython.locals(now=double)
    cdef double seconds(self)

cpdef tuple stalls_of(Stalls stalls)
