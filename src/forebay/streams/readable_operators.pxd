from forebay._core.state.stream cimport Stream

cdef class ReadableOperators(Stream):
    pass
