"""The numbers of a message: its framing, its hook and its tick. Compiled code takes them from ``constants.pxd``."""

# How the end of a body is told.
UNDECIDED = 0
BY_LENGTH = 1
CHUNKED = 2
UNTIL_CLOSE = 3
NO_BODY = 4

# Beside those of `forebay._core.state.constants`: an asynchronous handler, and a body that broke off.
HOOK_HANDLER = 40
TICK_BROKEN = 50
