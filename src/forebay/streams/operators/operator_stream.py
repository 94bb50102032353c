"""The streams that operators return: each pulls from the stream before it, calls its function, and keeps the order.

Such a stream works inside the ``read()`` of its reader, with no task. What the function returns is
awaited where it is awaitable, by at most ``concurrency`` tasks that live as long as the stream; a coroutine that
never suspends needs none of their turns.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from forebay._core.abort import checked_signal
from forebay._core.scheduling.hook_runner import HookRunner, is_awaitable
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state import constants as state
from forebay.errors import (
    AbortError,
    InvalidArgTypeError,
    InvalidReturnValueError,
    NullChunkError,
    OutOfRangeError,
    PrematureCloseError,
)
from forebay.streams.operators import constants as k
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


def checked_int(name: str, value: Any, least: int) -> int:
    """``value``, an int of at least ``least``. Raises InvalidArgTypeError and OutOfRangeError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < least:
        raise OutOfRangeError(f"{name} must be {least} or more, got {value}")
    return value


def null_result(name: str) -> Exception:
    return NullChunkError(
        f"{name}(): the function gave None, which marks the end of a stream and cannot be a chunk"
    )


class Slot:
    """The place of one item's result in the order of the results. A HookRunner settles it."""

    _stream: Any
    _item: Any
    _runner: Any
    _state: int
    _value: Any

    def __init__(self, stream: OperatorStream | None, item: Any, runner: Any) -> None:
        self._stream = stream
        self._item = item
        self._runner = runner
        self._state = k.PENDING
        self._value = None

    def resolve(self, value: Any = None) -> None:
        self._value = value
        self._settle(k.DONE)

    def reject(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._value = AbortError("what an operator's function returned was cancelled")
            self._value.__cause__ = error
        else:
            self._value = error
        self._settle(k.FAILED)

    def _abandon(self) -> None:
        """Report that the loop is being shut down and the result will never come."""
        stream = self._stream
        if stream is not None:
            stream._s_abandon_hook()

    def _cancel(self) -> None:
        """Nothing: the stream is destroyed and asks for no result."""

    def _settle(self, state: int) -> None:
        stream = self._stream
        self._stream = None
        if stream is not None:
            self._state = state
            stream._free.append(self._runner)
            stream._busy -= 1
            if stream._unordered:
                # Behind those that were done before it, and before those that are not.
                stream._slots.remove(self)
                stream._slots.insert(stream._done, self)
                stream._done += 1
            try:
                stream._pump()
            except MemoryError as error:
                stream.destroy(error)


class OperatorStream(Readable):
    """What `map` and the others return: a Readable of objects that reads one item ahead, once it is read itself."""

    source: Readable
    kind: int
    fn: Callable[..., Any] | None
    count: int
    _concurrency: int
    _limit: int
    _abort_signal: Any
    _puller: Any
    _started: bool
    _driven: bool
    _pumping: bool
    _wanted: bool
    _plain: Any
    _slots: Any
    _runners_made: Any
    _free: Any
    _busy: int
    _unordered: bool
    _done: int

    def __init__(
        self,
        source: Readable,
        kind: int,
        fn: Callable[..., Any] | None,
        concurrency: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
        count: int,
    ) -> None:
        if kind != k.TAKE and kind != k.DROP and not callable(fn):
            raise InvalidArgTypeError(f"an operator needs a function, got {fn!r}")
        self.source = source
        self.kind = kind
        self.fn = fn
        self.count = count
        self._concurrency = checked_int("concurrency", concurrency, 1)
        if high_water_mark is None:
            high_water_mark = concurrency - 1
        self._limit = concurrency + checked_int("high_water_mark", high_water_mark, 0)
        self._abort_signal = checked_signal(signal)
        self._puller = None
        self._started = self._driven = self._pumping = self._wanted = False
        self._slots = self._free = self._plain = None
        self._busy = self._done = 0
        self._unordered = False
        Readable.__init__(self, object_mode=True, high_water_mark=1)

    def give_unordered(self) -> None:
        """Give each result as soon as it is there."""
        self._unordered = True

    # ---- taken apart by a reader

    def is_idle(self) -> bool:
        """Return whether the stream has no listener and no reader, so that another stream may run its step."""
        return not (
            self._started
            or self._s_destroyed
            or self._concurrency > 1
            or self._abort_signal is not None
            or self.event_names()
        )

    def run_by(self, puller: Puller) -> None:
        """Let the owner of ``puller`` do the work; destroying this stream stops it."""
        self._started = self._driven = True
        self._puller = puller
        self.on("error", _handled)

    def conclude(self, complete: bool, error: BaseException | None) -> None:
        """The reader that did the work is done: so is this stream."""
        if self._s_destroyed:
            return
        if complete:
            self.push(None)
            self.resume()
        else:
            self.destroy(error if isinstance(error, Exception) else None)

    # ---- run as a stream

    def _r_call_read(self) -> None:
        if self._driven:
            return
        self._wanted = True
        if self._puller is None:
            self._started = True
            self._puller = Puller(self.source, self._pump, self._abort_signal)
            if self.kind == k.TAKE and self.count == 0:
                self._enough()
                return
        if not self._pumping:
            self._pump()

    def _pump(self) -> None:
        """Deliver the requested items that are available."""
        if self._pumping or self._puller is None or self._s_destroyed:
            return
        if self._abort_signal is not None and self._abort_signal.aborted:
            self.destroy(self._puller.error)
            return
        self._pumping = True
        try:
            self._work()
        except (Exception, asyncio.CancelledError) as error:
            self.destroy(error)
        finally:
            self._pumping = False

    def _work(self) -> None:
        """Deliver results on request, and call the function for incoming items while there is room."""
        stream = self.source
        while self._wanted and not self._s_destroyed:
            if self._slots:
                slot = self._slots[0]
                if slot._state != k.PENDING:
                    self._slots.popleft()
                    if self._unordered:
                        self._done -= 1
                    if slot._state == k.FAILED:
                        raise slot._value
                    self._wanted = self._give(slot._item, slot._value)
                    continue
                if self._busy >= self._concurrency or len(self._slots) >= self._limit:
                    return
            if stream._s_queue is not None:
                # If no item is passed on, the loop does not get its turn, and ticks would accumulate.
                stream._s_queue.relieve()
                if stream._r_length > stream._r_hwm and stream._s_queue.late():
                    next_tick(self._pump)
                    return
            item = None if stream._s_destroyed else stream._r_read(state.READ_ANY)
            if item is None:
                if not self._slots:
                    puller = self._puller
                    if puller is not None and puller.error is not None:
                        raise puller.error
                    if puller is not None and puller.ended:
                        self._end_of_source()
                return
            if self.fn is None:
                self._wanted = self._give(item, None)
                continue
            value = self.fn(item)
            if value is not None and type(value) is not self._plain:
                if is_awaitable(value):
                    self._await(item, value)
                    continue
                self._plain = type(value)
            if self._slots and not self._unordered:
                slot = Slot(None, item, None)
                slot._value = value
                slot._state = k.DONE
                self._slots.append(slot)
            else:
                self._wanted = self._give(item, value)

    def _await(self, item: Any, awaitable: Any) -> None:
        if self._slots is None:
            made: list[Any] = []
            free: list[Any] = []
            slots: deque[Any] = deque()
            # The allocations may have run the garbage collector and with it foreign code, such as destroy().
            self._runners_made = made
            self._free = free
            self._slots = slots
        runner: HookRunner
        if self._free:
            runner = self._free.pop()
        else:
            runner = HookRunner()
            self._runners_made.append(runner)
        slot = Slot(self, item, runner)
        if self._s_destroyed:
            close = getattr(awaitable, "close", None)
            if close is not None:
                close()
            return
        self._slots.append(slot)
        self._busy += 1
        runner.submit(awaitable, slot)

    def _give(self, item: Any, value: Any) -> bool:
        """Push the result of an item; return whether more is wanted."""
        kind = self.kind
        if kind == k.MAP:
            if value is None:
                raise null_result("map")
            return self._r_push(value, None)
        if kind == k.FILTER:
            return self._r_push(item, None) if value else True
        if kind == k.PAIR:
            return self._r_push((item, value), None)
        if kind == k.TAKE:
            self.count -= 1
            more = self._r_push(item, None)
            if self.count == 0:
                self._enough()
                return False
            return more
        if kind == k.DROP and self.count:
            self.count -= 1
            return True
        if kind == k.TAKE_WHILE and not value:
            self._enough()
            return False
        if kind == k.DROP_WHILE:
            if value:
                return True
            self.fn = None
            self.kind = k.DROP
        return self._r_push(item, None)

    def _end_of_source(self) -> None:
        """Deliver what the last item leaves, and the end."""
        self._r_push(None, None)

    def _enough(self) -> None:
        self._wanted = False
        if self._puller is not None:
            self._puller.leave()
        self._r_push(None, None)

    def _abandon(self) -> None:
        """Cancel the running calls."""
        for slot in self._slots:
            slot._stream = None
        self._slots.clear()
        for runner in self._runners_made:
            runner.stop()

    def _destroy(self, error: Any) -> None:
        puller = self._puller
        self._puller = None
        if self._slots is not None:
            self._abandon()
        if puller is None:
            # Destroyed before it was read: only this stream would have read the source.
            if self.source is None or self.source.destroyed:
                return
            puller = Puller(self.source)
        if self._driven:
            puller.fail(
                error
                if error is not None
                else PrematureCloseError("a stage was destroyed before it had ended")
            )
        else:
            puller.leave()


class WindowStream(OperatorStream):
    """`chunks` and `window`: lists of ``count`` items, each of which begins ``step`` items after the one before it."""

    _step: int
    _partial: bool
    _skip: int
    _items: Any

    def __init__(self, source: Any, count: Any, step: Any, partial: Any, signal: Any) -> None:
        self._step = step
        self._partial = partial
        self._skip = 0
        self._items = []
        OperatorStream.__init__(self, source, k.TAKE, None, 1, None, signal, count)

    def is_idle(self) -> Any:
        return False

    def _give(self, item: Any, value: Any) -> Any:
        if self._skip:
            self._skip -= 1
            return True
        items = self._items
        items.append(item)
        if len(items) < self.count:
            return True
        self._items = items[self._step :]
        if self._step > self.count:
            self._skip = self._step - self.count
        return self._r_push(items, None)

    def _end_of_source(self) -> None:
        items = self._items
        self._items = []
        if items and self._partial:
            self._r_push(items, None)
        self._r_push(None, None)

    def _destroy(self, error: Any) -> None:
        self._items = []
        OperatorStream._destroy(self, error)


class FlatMapStream(OperatorStream):
    """`flat_map`: the items of each result of the function, one after the other."""

    _items: Any
    _async_items: Any
    _room: Any
    _task: Any
    _begun: bool

    def __init__(
        self, source: Any, kind: Any, fn: Any, concurrency: Any, high_water_mark: Any, signal: Any, count: Any
    ) -> None:
        self._items = self._async_items = self._room = self._task = None
        self._begun = False
        OperatorStream.__init__(self, source, kind, fn, concurrency, high_water_mark, signal, count)

    def is_idle(self) -> Any:
        return False

    def _r_call_read(self) -> None:
        OperatorStream._r_call_read(self)
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _work(self) -> None:
        while self._wanted and not self._s_destroyed and self._async_items is None:
            if self._items is None:
                OperatorStream._work(self)
                if self._items is None:
                    return
            else:
                self._expand()

    def _expand(self) -> None:
        for item in self._items:
            if item is None:
                raise null_result("flat_map")
            if not self._r_push(item, None):
                self._wanted = False
                return
        self._items = None

    def _give(self, item: Any, value: Any) -> Any:
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            return self._r_push(value, None)
        if isinstance(value, AsyncIterable):
            self._async_items = aiter(value)
            self._begun = False
            self._task = asyncio.get_running_loop().create_task(self._expand_async())
            return False
        if isinstance(value, Iterable):
            self._items = iter(value)
            # What follows is given by _work, when these are.
            self._expand()
            return self._wanted and self._items is None
        raise InvalidReturnValueError(
            f"flat_map(): the function must give an iterable or async iterable, got {value!r}"
        )

    async def _expand_async(self) -> None:
        items = self._async_items
        self._wanted = self._begun = True
        try:
            if self._s_destroyed:
                return
            async for item in items:
                if item is None:
                    raise null_result("flat_map")
                self._wanted = self.push(item)
                if not self._wanted and not self._s_destroyed:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    self._room = None
                if self._s_destroyed:
                    return
            self._async_items = None
        except Exception as error:
            self.destroy(error)
        finally:
            self._task = None
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
        self._pump()

    def _destroy(self, error: Any) -> None:
        task = self._task
        # One that has not begun sees that the stream is destroyed, and closes the items.
        if task is not None and self._begun and task is not asyncio.current_task():
            task.cancel()
        OperatorStream._destroy(self, error)


def _handled(error: Any) -> None:
    """The reader has the error."""
