cdef enum:
    UNDECIDED = 0
    BY_LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3
    NO_BODY = 4
    HOOK_HANDLER = 40
    TICK_BROKEN = 50
