# Whether objects and memory that nobody has any more are kept, to be used again. The sanitizers' build turns it off: they
# see the use of something after its end only when it is given back.
cdef extern from *:
    """
    #ifndef PENSTOCK_REUSE
    #define PENSTOCK_REUSE 1
    #endif
    """
    const bint REUSE "PENSTOCK_REUSE"
