cdef enum:
    TICK_CALL = 0
    TICK_ONLY = 1
