"""check_duplex()."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from forebay.streams.duplex import Duplex
from forebay.testing._check import Check, Collected, Factory, Log, require, rest
from forebay.testing._readable import ReadableCheck
from forebay.testing._writable import WritableCheck


class HalfOpen(Check):
    """The two sides of a Duplex, which live and end independently."""

    def __init__(self, factory: Factory, chunks: Sequence[Any] | None, limit: float) -> None:
        super().__init__(factory, Duplex, limit)
        self._writing = WritableCheck(factory, None, chunks, limit, Duplex)

    async def all(self) -> None:
        for order in ("the writable side first", "the readable side first"):
            async with self.step(f"ending {order}") as log:
                await self.both(log, order)
        self.descriptors_closed()

    async def both(self, log: Log, order: str) -> None:
        stream = log.stream
        half_open = True
        if order == "the writable side first":
            stream.end()
            await self.until(lambda: "finish" in log.events or log.errors, "W10", "'finish' did not come")
            require(
                "close" not in log.events or "end" in log.events, "W10", f"'close' before 'end': {log.events}"
            )
            stream.resume()
        else:
            stream.resume()
            await self.until(lambda: "end" in log.events or log.errors, "R8", "'end' did not come")
            await rest()
            half_open = stream.writable
            if half_open:
                require(
                    "close" not in log.events, "R8", f"'close' while the writable side is open: {log.events}"
                )
                for chunk in self._writing.chunks(stream):
                    stream.write(chunk)
                stream.end()
        await self.until(
            lambda: {"end", "finish"} <= set(log.events) or log.errors,
            "D1",
            "the other side did not come to its end",
        )
        require(not log.errors, "L3", f"failed with {log.errors}")
        await self.closed(log)


async def check_duplex(
    factory: Callable[[], Duplex[Any, Any] | Awaitable[Duplex[Any, Any]]],
    *,
    expected: Any = None,
    collected: Collected | None = None,
    chunks: Sequence[Any] | None = None,
    burst: int = 1,
    limit: float = 5.0,
) -> None:
    """Check a Duplex with independent sides: each as `check_readable` and `check_writable` do, and both together.

    The readable side must end without a write. For a stream that returns what is written to it, use `check_transform`.

    Args:
        factory: A plain or async function that returns a new stream.
        expected: As for `check_readable`.
        collected: As for `check_writable`.
        chunks: As for `check_writable`.
        burst: As for `check_readable`.
        limit: Seconds that a step may take.

    Raises:
        RuleViolation: The stream breaks a rule.
        InvalidArgTypeError: An argument has the wrong type, or the factory returns something else.
    """
    await HalfOpen(factory, chunks, limit).all()
    await ReadableCheck(factory, expected, burst, limit, Duplex).all()
    await WritableCheck(factory, collected, chunks, limit, Duplex).all()
