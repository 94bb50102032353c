"""Chain: stages joined by the operator ``|``."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, overload

from forebay._core.names import stream_name
from forebay._core.representation import represent
from forebay.streams.blocking.file_objects import is_file
from forebay.streams.duplex import Duplex
from forebay.streams.generics import Out_co, Result_co
from forebay.streams.joining.compose import compose
from forebay.streams.joining.pipeline import Pipeline, pipeline
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from forebay.streams.generics import Middle, StageInput

    _A = TypeVar("_A")
    _R = TypeVar("_R")


class Chain(Generic[Out_co, Result_co]):
    """Stages that wait for a sink or a reader; made by ``source | stage``.

    ``chain | stage`` is a longer chain. With a Writable that cannot be read it is the started `Pipeline`. If the last stage
    can also take the data itself (a socket, an async function), ``await chain`` runs the chain. ``async for`` and `stream`
    read the output of the last stage.
    """

    def __init__(self, stages: tuple[Any, ...]) -> None:
        #: The stages, in order.
        self.stages: tuple[Any, ...] = stages
        self._stream: Duplex[Any, Out_co] | None = None

    def __repr__(self) -> str:
        return represent(self, lambda: " | ".join(map(stream_name, self.stages)))

    @property
    def stream(self) -> Duplex[Any, Out_co]:
        """The chain as one stream. The first access composes it."""
        if self._stream is None:
            stream: Duplex[Any, Out_co] = compose(*self.stages)
            self._stream = stream
        return self._stream

    @overload  # A Duplex is a Writable too.
    def __or__(  # type: ignore[overload-overlap]
        self, stage: Middle[Out_co, _A]
    ) -> Chain[_A, None]: ...
    @overload
    def __or__(self, stage: Callable[[StageInput[Out_co]], Awaitable[_R]]) -> Chain[Any, _R]: ...
    @overload
    def __or__(self, stage: Writable[Out_co]) -> Pipeline[None]: ...
    def __or__(self, stage: Any) -> Any:
        if self._stream is not None:
            return join(self._stream, stage)
        return _extend(self.stages, stage)

    if not TYPE_CHECKING:  # a type checker would accept every name

        def __getattr__(self, name: str) -> Any:
            text = f"a Chain has no attribute {name!r}"
            if not name.startswith("_") and hasattr(Duplex, name):
                text += f"; the chain as one stream has it: (a | b).stream.{name}"
            raise AttributeError(text, name=name, obj=self)

    def __aiter__(self) -> AsyncIterator[Out_co]:
        return aiter(self.stream)

    def __await__(self) -> Generator[Any, None, Result_co]:
        flow: Pipeline[Result_co] = pipeline(*self.stages)
        return flow.__await__()


def join(left: Any, right: Any) -> Any:
    """Return ``left | right`` if one of them is a Readable; otherwise NotImplemented."""
    if not isinstance(left, (Readable, Iterable, AsyncIterable)) and not is_file(left):
        return NotImplemented
    return _extend((left,), right)


def _extend(stages: tuple[Any, ...], stage: Any) -> Any:
    if is_file(stage):
        return pipeline(*stages, stage)
    if isinstance(stage, Writable):
        if not stage._s_has_side(True):
            return pipeline(*stages, stage)
    elif isinstance(stage, Readable) or not callable(stage):
        return NotImplemented
    return Chain((*stages, stage))
