cdef class Ready:
    cdef object _value          # what the await gives; None once it was given

cdef class Suspended:
    cdef readonly object yielded

cpdef object first_step(object coroutine, object context, object loop, object task)
