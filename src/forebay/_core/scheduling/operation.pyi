import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")

class Done:
    """Awaited, it is done at once, with None."""

    def __await__(self) -> Generator[Any]: ...

DONE: Done

class _GiveWay:
    """Awaited, it is done after one turn of the loop, with None."""

    def __await__(self) -> Generator[Any]: ...

GIVE_WAY: _GiveWay

class failed:
    """Awaited, it raises at once."""

    def __init__(self, error: BaseException) -> None: ...
    def __await__(self) -> Generator[Any]: ...

class Operation(Generic[_T]):
    """An operation under way: awaitable as often as one likes, with callbacks that run the moment it is done."""

    _loop: asyncio.AbstractEventLoop
    _handled: bool
    _is_done: bool
    _error: BaseException | None
    _callbacks: Any
    _futures: Any
    def __init__(self) -> None: ...
    def _settle(self, error: BaseException | None, value: _T | None = None) -> None: ...
    def done(self) -> bool:
        """Whether the operation has ended."""

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call ``fn(operation)`` at the very moment the operation ends; on a tick if it has."""

    def exception(self) -> BaseException | None:
        """The error, or None. Raises asyncio.InvalidStateError while the operation goes on."""

    def result(self) -> _T | None:
        """The value. Raises the error, and asyncio.InvalidStateError while the operation goes on."""

    def mark_handled(self) -> None:
        """Do not report the error when the operation is dropped: it is reported in another way, or expected."""

    def _abandoned(self) -> None: ...
    def _has_waiters(self) -> bool: ...
    def __await__(self) -> Generator[Any, None, _T | None]: ...
    def wait(self) -> Coroutine[Any, Any, None]:
        """Wait for the end, whatever it is: an error is not raised."""
