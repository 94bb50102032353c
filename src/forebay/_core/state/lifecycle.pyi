from typing import Any, Self

from forebay._core.events import EventEmitter

class Completion:
    """What a hook returns when it is done later: done when somebody calls `resolve` or `reject`."""

    def __init__(self) -> None: ...
    def resolve(self, value: Any = None) -> None:
        """The hook is done, with ``value`` as its result."""

    def reject(self, error: BaseException) -> None:
        """The hook failed with ``error``, an exception."""

    @property
    def settled(self) -> bool:
        """Whether `resolve` or `reject` was called."""

SILENT_CLOSE: str

def aggregate(inner: BaseException | None, outer: BaseException | None) -> BaseException | None: ...

class Lifecycle(EventEmitter):
    def destroy(self, error: BaseException | None = None) -> Self:
        """Give the stream up now: drop what is buffered, release what it holds, emit 'error' (with one) and 'close'."""

    def _s_error_was_emitted(self) -> bool: ...
    def _s_will_emit_close(self) -> bool: ...
    def _s_has_side(self, readable: bool) -> bool: ...
    @property
    def destroyed(self) -> bool:
        """Whether destroy() was called, by whomever."""

    @property
    def closed(self) -> bool:
        """Whether everything is released; the 'close' event follows at the next tick."""

    @property
    def errored(self) -> BaseException | None:
        """The error that the stream failed with, or None."""
