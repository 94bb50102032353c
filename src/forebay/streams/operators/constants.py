"""The kinds of an operator, and the states of a result. Compiled code takes them from ``constants.pxd``."""

# Operators that give a stream.
MAP = 1
FILTER = 2
TAP = 3
TAKE = 4
DROP = 5
# `map` with results ``(item, fn(item))``.
PAIR = 6
TAKE_WHILE = 7
DROP_WHILE = 8
FLAT_MAP = 9

# Operators that give a value.
COLLECT = 10
EACH = 11
FIND = 12
REDUCE = 13

# The state of an item's result.
PENDING = 0
DONE = 1
FAILED = 2
