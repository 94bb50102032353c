from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

from forebay._core.listeners import Listener, Standin
from forebay._core.scheduling.ticks import Ticked

_F = TypeVar("_F", bound=Callable[..., Any])

__all__ = ["EventEmitter", "Listener", "OnceListener"]

class OnceListener(Standin):
    def __init__(self, emitter: EventEmitter, event: str, fn: Callable[..., object]) -> None: ...
    def __call__(self, *args: Any) -> None: ...

class EventEmitter(Ticked):
    """Named events with listeners that are called in the order in which they were added, inside ``emit``."""

    def __init__(self) -> None: ...
    @overload
    def on(self, event: str, fn: Callable[..., object]) -> Self:
        """Call ``fn`` at every ``event``; return the emitter. Without ``fn``, a decorator: ``@stream.on("end")``."""

    @overload
    def on(self, event: str, fn: None = None) -> Callable[[_F], _F]: ...
    @overload
    def add_listener(self, event: str, fn: Callable[..., object]) -> Self:
        """The same as `on`."""

    @overload
    def add_listener(self, event: str, fn: None = None) -> Callable[[_F], _F]: ...
    @overload
    def once(self, event: str, fn: Callable[..., object]) -> Self:
        """Call ``fn`` at the next ``event`` only; return the emitter. Without ``fn``, a decorator."""

    @overload
    def once(self, event: str, fn: None = None) -> Callable[[_F], _F]: ...
    def prepend_listener(self, event: str, fn: Callable[..., object]) -> Self:
        """Like `on`, but before all listeners that are there now."""

    def prepend_once_listener(self, event: str, fn: Callable[..., object]) -> Self:
        """Like `once`, but before all listeners that are there now."""

    def off(self, event: str, fn: Callable[..., object]) -> Self:
        """Remove the latest registration of ``fn`` for ``event``, if there is one; return the emitter."""

    def remove_listener(self, event: str, fn: Callable[..., object]) -> Self:
        """The same as `off`."""

    def remove_all_listeners(self, event: str | None = None) -> Self:
        """Remove every listener of ``event``, or of all events; return the emitter."""

    def listener_count(self, event: str) -> int:
        """How many listeners ``event`` has."""

    def listeners(self, event: str) -> list[Callable[..., object]]:
        """The listeners of ``event``, in order."""

    def event_names(self) -> list[str]:
        """The events that have a listener."""

    def emit(self, event: str, *args: Any) -> bool:
        """Call the listeners of ``event`` with ``args``; return whether there was any."""

    def _s_tell(self, event: str, *args: Any) -> bool: ...
    def _s_watch_listener(self, awaitable: object) -> None: ...
