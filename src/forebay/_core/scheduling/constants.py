"""The numbers of ticks that are not those of a stream. Compiled code takes them from ``constants.pxd``."""

# A tick of any callable.
TICK_CALL = 0
# The tick of a target that has no other.
TICK_ONLY = 1
