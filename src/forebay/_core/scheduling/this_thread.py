"""The running thread. Compiled code takes both names from ``this_thread.pxd``, without a call through Python."""

import sys
from threading import get_ident as identifier

# Whether the interpreter can run threads without the GIL. There, a call that ends in the wrong thread could damage memory,
# so the streams check what others check in debug mode only.
FREE_THREADED = "t" in sys.abiflags

__all__ = ["FREE_THREADED", "identifier"]
