"""What `Socket.timeout` is: a number of seconds, as in Node, and the operator of every Readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


class IdleTimeout(float):
    """The seconds of `Socket.set_timeout`. A call of it is `Readable.timeout`."""

    _stream: Readable[Any]

    def __new__(cls, seconds: float, stream: Readable[Any]) -> IdleTimeout:
        self = super().__new__(cls, seconds)
        self._stream = stream
        return self

    def __call__(self, seconds: float, *, signal: AbortSignal | None = None) -> Readable[Any]:
        return Readable.timeout(self._stream, seconds, signal=signal)
