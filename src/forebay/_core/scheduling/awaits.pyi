from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any, final

@final
class Ready:
    """``await Ready(value)`` is ``value``. One await for each object."""

    def __init__(self, value: Any = None) -> None: ...
    def __await__(self) -> Generator[Any, None, Any]: ...

def step(coroutine: Coroutine[Any, Any, Any], context: Context | None) -> tuple[bool, Any]:
    """Run a coroutine to where it suspends or returns, inside ``context``: whether it returned, and what it gave."""
