# Whether objects and memory without references are kept, to be used again. The sanitizers' build turns it off: they
# see the use of something after its end only when it is given back. Without the GIL two threads could take the same one,
# and the interpreter has pools of its own for each thread.
cdef extern from *:
    """
    #if defined(Py_GIL_DISABLED)
    #undef FOREBAY_REUSE
    #define FOREBAY_REUSE 0
    #elif !defined(FOREBAY_REUSE)
    #define FOREBAY_REUSE 1
    #endif
    """
    const bint REUSE "FOREBAY_REUSE"
