"""The kinds of random programs."""

from collections.abc import Callable
from typing import Any

from programs.chains import Chain
from programs.core import Calls, SteadyCalls
from programs.flows import Flow, flow_of
from programs.messages import Messages
from programs.rows import Rows

__all__ = ["KINDS", "STEADY"]

#: Makes a program from its draws.
KINDS: dict[str, Callable[[Any], Any]] = {
    "core": Calls,
    "steady": SteadyCalls,
    "chains": Chain,
    "codecs": flow_of("codecs"),
    "threads": flow_of("threads"),
    "processes": flow_of("processes"),
    "rows": Rows,
    "messages": Messages,
    "flows": Flow,
}
#: Those whose trace depends on nothing but their draws: it is the same on both backends.
STEADY = ("steady", "chains", "rows")
