cdef enum:
    MAP = 1
    FILTER = 2
    TAP = 3
    TAKE = 4
    DROP = 5
    PAIR = 6
    TAKE_WHILE = 7
    DROP_WHILE = 8
    FLAT_MAP = 9
    COLLECT = 10
    EACH = 11
    FIND = 12
    REDUCE = 13
    PENDING = 0
    DONE = 1
    FAILED = 2
