cdef class Ready:
    cdef object _value          # what the await gives; None once it was given
