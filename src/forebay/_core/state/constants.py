"""The numbers of the state machine: ticks, hooks, listeners. Compiled code takes them from ``constants.pxd``.

A class handles its own numbers and passes the others to its base class, so each number is unique along the chain of
`Lifecycle`, `ReadableSide`, `WritableSide` and `TransformSide`. Subclasses outside this folder start at 40.
"""

# Ticks of a stream.
TICK_CONSTRUCT = 1
TICK_CONSTRUCTED = 2
TICK_CLOSE = 3
TICK_ERROR = 4
TICK_DESTROY = 5
TICK_COMPLETE = 6
TICK_READ_MORE = 10
TICK_RESUME = 11
TICK_READABLE = 12
TICK_READ_ZERO = 13
TICK_END = 14
TICK_LISTENING = 15
TICK_END_WRITABLE = 16
TICK_READ_LATE = 17
TICK_FLOW = 18
TICK_AFTER_WRITE = 20
TICK_AFTER_CALLBACK = 21
TICK_WRITE_FAILED = 22
TICK_FAIL_BUFFERED = 23
TICK_CALLBACK = 24
TICK_FINISH = 25
TICK_FINISH_CHECK = 26
TICK_WRITE_LATE = 27
TICK_TRANSFORMED = 30
TICK_OUTPUTS = 31

# Ticks of a pipe.
TICK_SOURCE_ENDED = 1
TICK_PIPE_WRITE_LATE = 2

# Hooks of a stream.
HOOK_CONSTRUCT = 1
HOOK_DESTROY = 2
HOOK_DESTROY_AWAITED = 3
HOOK_READ = 10
HOOK_WRITE = 20
HOOK_FINAL = 21
HOOK_TRANSFORM = 30
HOOK_FLUSH = 31

# How the _read hook is called: with its arguments only, or with the stream as first argument.
READ_FUNCTION = 1
READ_METHOD = 2

# read() without a size.
READ_ANY = -1

# The event of an internal listener.
ON_END = 1
ON_FINISH = 2
ON_ERROR = 3
ON_CLOSE = 4
ON_CLOSED = 5
ON_ABORT = 6
ON_UNPIPE = 7
ON_DRAIN = 8
