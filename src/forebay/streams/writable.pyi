from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self, TypeAlias

from forebay._core.abort import AbortSignal
from forebay._core.state.stream import Stream

_Callback: TypeAlias = Callable[[BaseException | None], object]

class Writable(Stream):
    """A sink of data that tells its writers to wait when more is queued than its high-water mark."""

    def __init__(
        self,
        *,
        write: Callable[[Any], Any] | None = None,
        writev: Callable[[list[Any]], Any] | None = None,
        final: Callable[[], Any] | None = None,
        destroy: Callable[[BaseException | None], Any] | None = None,
        construct: Callable[[], Any] | None = None,
        high_water_mark: int | None = None,
        object_mode: bool = False,
        default_encoding: str | None = None,
        decode_strings: bool = True,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
    ) -> None: ...
    def write(self, chunk: Any, encoding: str | None = None, callback: _Callback | None = None) -> bool:
        """Queue a chunk; return False when the writer should wait for 'drain' before it goes on."""

    def end(self, chunk: Any = None, encoding: str | None = None, callback: _Callback | None = None) -> Self:
        """No more will be written, but for ``chunk``; 'finish' follows when all is taken. Return the stream."""

    def cork(self) -> None:
        """Hold chunks back until `uncork` or `end`, so that they leave together by ``_writev``. Calls add up."""

    def uncork(self) -> None:
        """Take one `cork` back; with the last one what was held back is written."""

    def corked(self) -> AbstractContextManager[Self]:
        """``with w.corked():`` holds chunks back inside the block."""

    def drain(self) -> Awaitable[None]:
        """Awaitable: done when there is room, at once where there is.

        Raises what the stream fails with meanwhile, and PrematureCloseError where it is closed before it has finished.
        """

    def send(self, chunk: Any, encoding: str | None = None) -> Awaitable[None]:
        """Write a chunk and, where the stream asks for it, wait for room: ``await w.send(chunk)``."""

    # pipe() is here only to raise CannotPipeError; a type checker says so earlier.

    async def aclose(self) -> None:
        """Give the stream up and wait until it is closed: ``await stream.aclose()``."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    @property
    def writable(self) -> bool:
        """Whether write() may be called."""

    @property
    def writable_length(self) -> int:
        """What is queued and in flight: bytes, objects in object mode."""

    @property
    def writable_need_drain(self) -> bool:
        """Whether write() has said False and 'drain' is still to come."""

    @property
    def writable_high_water_mark(self) -> int:
        """The mark: bytes, or objects in object mode."""

    @property
    def writable_object_mode(self) -> bool:
        """Whether chunks are any objects."""

    @property
    def writable_corked(self) -> int:
        """How often cork() was called without its uncork()."""

    @property
    def writable_ended(self) -> bool:
        """Whether end() was called."""

    @property
    def writable_finished(self) -> bool:
        """Whether all was taken; true just before 'finish'."""

    @property
    def writable_aborted(self) -> bool:
        """Whether the stream was destroyed or failed before it finished."""
