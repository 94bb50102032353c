"""Chain: stages joined by the operator ``|``."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from typing import Any

from forebay.streams.duplex import Duplex
from forebay.streams.joining.compose import compose
from forebay.streams.joining.pipeline import Pipeline, pipeline
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable


class Chain:
    """Stages that wait for a sink or a reader; made by ``source | stage``.

    ``chain | stage`` is a longer chain. With a Writable that cannot be read it is the started `Pipeline`. If the last stage
    can also take the data itself (a socket, an async function), ``await chain`` runs the chain. ``async for`` and `stream`
    read the output of the last stage.
    """

    def __init__(self, stages: tuple[Any, ...]) -> None:
        #: The stages, in order.
        self.stages: tuple[Any, ...] = stages
        self._stream: Duplex | None = None

    @property
    def stream(self) -> Duplex:
        """The chain as one stream. The first access composes it."""
        if self._stream is None:
            self._stream = compose(*self.stages)
        return self._stream

    def __or__(self, stage: Any) -> Any:
        if self._stream is not None:
            return join(self._stream, stage)
        return _extend(self.stages, stage)

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self.stream)

    def __await__(self) -> Generator[Any, None, Any]:
        return pipeline(*self.stages).__await__()


def join(left: Any, right: Any) -> Chain | Pipeline | Any:
    """Return ``left | right`` if one of them is a Readable; otherwise NotImplemented."""
    if not isinstance(left, (Readable, Iterable, AsyncIterable)):
        return NotImplemented
    return _extend((left,), right)


def _extend(stages: tuple[Any, ...], stage: Any) -> Any:
    if isinstance(stage, Writable):
        if not stage._s_has_side(True):
            return pipeline(*stages, stage)
    elif isinstance(stage, Readable) or not callable(stage):
        return NotImplemented
    return Chain((*stages, stage))
