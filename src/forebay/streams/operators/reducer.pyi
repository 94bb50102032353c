from collections.abc import Awaitable, Callable
from typing import Any

from forebay._core.state.stream import Stream

COLLECT: int
EACH: int
FIND: int
REDUCE: int
MISSING: Any

class Step:
    def __init__(self, kind: int, fn: Callable[..., Any] | None, count: int) -> None: ...

class Drive:
    value: Any
    stopped: bool
    def __init__(self, stream: Stream, steps: list[Step], value: Any, stopped: bool) -> None: ...
    def run(self) -> Awaitable[Any] | None: ...
    def resume(self, result: Any) -> Awaitable[Any] | None: ...
