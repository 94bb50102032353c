"""The numbers of a message: its framing, its hook and its tick. Compiled code takes them from ``constants.pxd``."""

# How the end of a body is determined.
UNDECIDED = 0
BY_LENGTH = 1
CHUNKED = 2
UNTIL_CLOSE = 3
NO_BODY = 4

# In addition to `forebay._core.state.constants`: the hook of an async handler, and the tick for a truncated body.
HOOK_HANDLER = 40
TICK_BROKEN = 50
