cdef class Ready:
    cdef object _value          # what the await gives; None once it was given

cpdef tuple step(object coroutine, object context)
