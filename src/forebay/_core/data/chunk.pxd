cimport cython

cpdef object byte_chunk(object chunk)
@cython.locals(plain=str)
cpdef object text_chunk(object text, object encoding)
