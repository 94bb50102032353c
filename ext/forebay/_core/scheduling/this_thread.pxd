cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define FOREBAY_FREE_THREADED 1
    #else
    #define FOREBAY_FREE_THREADED 0
    #endif
    """
    const bint FREE_THREADED "FOREBAY_FREE_THREADED"

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept

cdef inline unsigned long identifier() noexcept:
    return PyThread_get_thread_ident()
