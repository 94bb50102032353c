# Whether objects and memory without references are kept, to be used again. The sanitizers' build turns it off: they
# see the use of something after its end only when it is given back.
cdef extern from *:
    """
    #ifndef FOREBAY_REUSE
    #define FOREBAY_REUSE 1
    #endif
    """
    const bint REUSE "FOREBAY_REUSE"
