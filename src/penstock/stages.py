"""The streams that operators return: each pulls from the stream before it, calls its function, and keeps the order.

A stage that is read as a stream works in its ``_read``, with no task; awaitables that the function returns are awaited
by at most ``concurrency`` tasks, which live as long as there is something to await.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from penstock._flow.runner import is_awaitable
from penstock.abort import AbortSignal
from penstock.errors import (
    AbortError,
    InvalidArgTypeError,
    InvalidReturnValueError,
    NullChunkError,
    OutOfRangeError,
    PrematureCloseError,
)
from penstock.pulling import Pull
from penstock.readable import Readable

MAP, FILTER, TAP, TAKE, DROP = 1, 2, 3, 4, 5

#: Types whose values are never awaitable, to be told from the rest by one look.
PLAIN = frozenset((int, bool, str, bytes, float, list, tuple, dict, set, bytearray, memoryview))

_PENDING, _DONE, _FAILED = 0, 1, 2


def checked_int(name: str, value: Any, least: int) -> int:
    """``value``, an int of at least ``least``. Raises InvalidArgTypeError and OutOfRangeError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < least:
        raise OutOfRangeError(f"{name} must be {least} or more, got {value}")
    return value


def null_result(name: str) -> NullChunkError:
    return NullChunkError(
        f"{name}(): the function gave None, which marks the end of a stream and cannot be a chunk"
    )


class _Slot:
    """The place of one item's result in the order of the results."""

    __slots__ = ("item", "state", "value")

    def __init__(self, item: Any) -> None:
        self.item = item
        self.state = _PENDING
        self.value: Any = None


class Stage(Readable):
    """What `map` and the others return: a Readable of objects that reads one item ahead, once it is read itself."""

    def __init__(
        self,
        source: Readable,
        kind: int,
        fn: Callable[..., Any] | None,
        concurrency: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
        count: int = 0,
    ) -> None:
        if kind not in (TAKE, DROP) and not callable(fn):
            raise InvalidArgTypeError(f"an operator needs a function, got {fn!r}")
        if signal is not None and not isinstance(signal, AbortSignal):
            raise InvalidArgTypeError(
                f"signal must be an AbortSignal, such as AbortController().signal, got {signal!r}"
            )
        self.source = source
        self.kind = kind
        self.fn = fn
        self.count = count
        self._concurrency = checked_int("concurrency", concurrency, 1)
        if high_water_mark is None:
            high_water_mark = concurrency - 1
        # How many items may be under way or done, in all.
        self._limit = concurrency + checked_int("high_water_mark", high_water_mark, 0)
        self._abort_signal = signal
        self._pull: Pull | None = None
        self._started = False
        self._driven = False
        self._pumping = False
        self._wanted = False
        self._slots: deque[_Slot] = deque()
        self._workers: _Workers | None = None
        super().__init__(object_mode=True, high_water_mark=1)

    # ---- taken apart by a reader

    def is_idle(self) -> bool:
        """Whether nobody looks at this stream, so that its step may as well be another's."""
        return not (
            self._started
            or self.destroyed
            or self._concurrency > 1
            or self._abort_signal
            or self.event_names()
        )

    def run_by(self, pull: Pull) -> None:
        """Let the owner of ``pull`` do the work; destroying this stream stops it."""
        self._started = self._driven = True
        self._pull = pull
        self.on("error", _handled)

    def conclude(self, complete: bool, error: BaseException | None) -> None:
        """The reader that did the work is done: so is this stream."""
        if self.destroyed:
            return
        if complete:
            self.push(None)
            self.resume()
        else:
            self.destroy(error if isinstance(error, Exception) else None)

    # ---- run as a stream

    def _read(self, size: int) -> None:
        if self._driven:
            return
        self._wanted = True
        if self._pull is None:
            self._started = True
            self._pull = Pull(self.source, self._pump, self._abort_signal)
            if self.kind == TAKE and self.count == 0:
                self._enough()
                return
        if not self._pumping:
            self._pump()

    def _pump(self) -> None:
        pull = self._pull
        if self._pumping or pull is None or self.destroyed:
            return
        if self._abort_signal is not None and self._abort_signal.aborted:
            self.destroy(pull.error)
            return
        self._pumping = True
        try:
            self._work(pull)
        except Exception as error:
            self.destroy(error)
        finally:
            self._pumping = False

    def _work(self, pull: Pull) -> None:
        """Give results while they are wanted, and call the function for what comes, while there is room."""
        slots = self._slots
        source = pull.source
        while self._wanted and not self.destroyed:
            if slots and slots[0].state != _PENDING:
                slot = slots.popleft()
                if slot.state == _FAILED:
                    raise slot.value
                self._wanted = self._give(slot.item, slot.value)
                continue
            if slots and (
                len(slots) >= self._limit
                or (self._workers is not None and self._workers.busy >= self._concurrency)
            ):
                return
            item = None if source.destroyed else pull.read()
            if item is None:
                if pull.error is not None and not slots:
                    raise pull.error
                if pull.ended and not slots:
                    self._at_end()
                return
            value = item if self.fn is None else self.fn(item)
            if self.fn is not None and type(value) not in PLAIN and is_awaitable(value):
                slot = _Slot(item)
                slots.append(slot)
                if self._workers is None:
                    self._workers = _Workers(self._concurrency, self._pump)
                self._workers.submit(value, slot)
            elif slots:
                slot = _Slot(item)
                slot.state = _DONE
                slot.value = value
                slots.append(slot)
            else:
                self._wanted = self._give(item, value)

    def _at_end(self) -> None:
        self.push(None)

    def _give(self, item: Any, value: Any) -> bool:
        """Push what comes of an item; return whether more is wanted."""
        kind = self.kind
        if kind == MAP:
            if value is None:
                raise null_result("map")
            return self.push(value)
        if kind == FILTER:
            return self.push(item) if value else True
        if kind == TAKE:
            self.count -= 1
            more = self.push(item)
            if self.count == 0:
                self._enough()
                return False
            return more
        if kind == DROP and self.count:
            self.count -= 1
            return True
        return self.push(item)

    def _enough(self) -> None:
        pull = self._pull
        self._wanted = False
        if pull is not None:
            pull.leave()
        self.push(None)

    def _destroy(self, error: BaseException | None) -> None:
        pull, self._pull = self._pull, None
        if self._workers is not None:
            self._workers.stop()
        self._slots.clear()
        if pull is None:
            return
        if not self._driven:
            pull.leave()
        else:
            pull.fail(
                error
                if error is not None
                else PrematureCloseError("a stage was destroyed before it had ended")
            )


class FlatStage(Stage):
    """`flat_map`: the items of what the function returns, one after the other."""

    _items: Iterator[Any] | None = None
    _async_items: AsyncIterator[Any] | None = None
    _room: asyncio.Future[None] | None = None

    def is_idle(self) -> bool:
        return False

    def _work(self, pull: Pull) -> None:
        while self._wanted and not self.destroyed:
            if self._async_items is not None:
                return
            if self._items is not None:
                self._expand()
                continue
            super()._work(pull)
            if self._items is None:
                return

    def _expand(self) -> None:
        items = self._items
        assert items is not None
        for item in items:
            if item is None:
                raise null_result("flat_map")
            if not self.push(item):
                self._wanted = False
                return
        self._items = None

    def _give(self, item: Any, value: Any) -> bool:
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            return self.push(value)
        if isinstance(value, AsyncIterable):
            self._async_items = aiter(value)
            if self._workers is None:
                self._workers = _Workers(self._concurrency, self._pump)
            self._workers.spawn(self._expand_async())
            return False
        if isinstance(value, Iterable):
            self._items = iter(value)
            self._expand()
            return self._wanted
        raise InvalidReturnValueError(
            f"flat_map(): the function must give an iterable or async iterable, got {value!r}"
        )

    async def _expand_async(self) -> None:
        items: Any = self._async_items
        self._wanted = True
        try:
            async for item in items:
                if item is None:
                    raise null_result("flat_map")
                self._wanted = self.push(item)
                if not self._wanted and not self.destroyed:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    self._room = None
                if self.destroyed:
                    return
            self._async_items = None
        except Exception as error:
            self.destroy(error)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
        self._pump()

    def _read(self, size: int) -> None:
        super()._read(size)
        if self._room is not None and not self._room.done():
            self._room.set_result(None)


class _Workers:
    """Up to ``count`` tasks that await what a stage's function returned, oldest first; none is left without work."""

    def __init__(self, count: int, wake: Callable[[], None]) -> None:
        self._count = count
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[tuple[Any, _Slot]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = 0
        self._starting = False
        self._stopped = False
        #: Awaitables that are not done.
        self.busy = 0

    def submit(self, awaitable: Any, slot: _Slot) -> None:
        self._jobs.append((awaitable, slot))
        self.busy += 1
        self._start_one()

    def spawn(self, work: Any) -> None:
        """Run something else beside the jobs, until `stop`."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_one(self) -> None:
        # One at a time: whoever starts and finds more than it can do alone starts the next.
        if not self._starting and self._serving < self._count:
            self._starting = True
            self._serving += 1
            self.spawn(self._serve())

    async def _serve(self) -> None:
        jobs = self._jobs
        self._starting = False
        while jobs:
            awaitable, slot = jobs.popleft()
            if jobs:
                self._start_one()
            try:
                slot.value = await awaitable
                slot.state = _DONE
            except asyncio.CancelledError as error:
                if self._stopped:
                    raise
                slot.value = AbortError("what an operator's function returned was cancelled")
                slot.value.__cause__ = error
                slot.state = _FAILED
            except Exception as error:
                slot.value = error
                slot.state = _FAILED
            self.busy -= 1
            self._wake()
        self._serving -= 1

    def stop(self) -> None:
        """Cancel what is under way, and close what has not begun."""
        self._stopped = True
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
        while self._jobs:
            awaitable, _ = self._jobs.popleft()
            close = getattr(awaitable, "close", None)
            if close is not None:
                close()


def _handled(error: BaseException) -> None:
    """The reader has the error."""
