"""An awaitable that is done, for the backend that is not compiled."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


class Ready:
    """``await Ready(value)`` is ``value``. One await for each object."""

    __slots__ = ("_value",)

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield
