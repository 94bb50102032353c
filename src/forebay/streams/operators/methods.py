"""The functions behind the operators of Readable: `map`, `filter`, `take`, ..., and `reduce`, `to_list`, `some`, ...

An operator that returns a stream is lazy: it reads its source only when the returned stream is read. An operator that
returns a value is a coroutine. The task that awaits it reads the source. In ``source.map(fn).filter(other).to_list()`` it
reads ``source`` directly and calls ``fn`` and ``other`` itself; no chunk passes through the two streams in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from forebay._core.abort import AbortSignal, checked_signal
from forebay._core.seconds import check_seconds
from forebay._core.usage_errors import checked_source
from forebay._core.waiting.until_closed import UntilClosed
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, MissingArgsError, OutOfRangeError
from forebay.streams.operators import constants as k
from forebay.streams.operators.executor_stream import ExecutorStream
from forebay.streams.operators.operator_stream import (
    FlatMapStream,
    OperatorStream,
    WindowStream,
    checked_int,
)
from forebay.streams.operators.pulling import BlockStream, TimeoutStream
from forebay.streams.operators.rate_limit import RateLimit
from forebay.streams.operators.reducer import MISSING, Operator, Reducer
from forebay.streams.operators.zip_stream import ZipStream
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

Fn = Callable[..., Any]

# The most that `Readable.read` takes.
_LARGEST_READ = 1 << 30


# ---- operators that return a stream


class Calls(NamedTuple):
    """How the calls of a function are made: the options that `map` and others share."""

    concurrency: int | None
    high_water_mark: int | None
    signal: AbortSignal | None
    executor: Any
    ordered: bool
    window: int | None
    chunk: int


def map_(source: Any, fn: Fn, calls: Calls) -> Readable:
    return _called(source, k.MAP, fn, calls)


def filter_(source: Any, fn: Fn, calls: Calls) -> Readable:
    return _called(source, k.FILTER, fn, calls)


def tap(source: Any, fn: Fn, calls: Calls) -> Readable:
    return _called(source, k.TAP, fn, calls)


def flat_map(source: Any, fn: Fn, calls: Calls) -> Readable:
    return _called(source, k.FLAT_MAP, fn, calls)


def _called(source: Any, kind: int, fn: Fn, calls: Calls) -> Readable:
    window = _window(calls)
    if calls.executor is not None:
        return ExecutorStream(
            source,
            kind,
            fn,
            calls.executor,
            concurrency=calls.concurrency,
            ordered=bool(calls.ordered),
            window=window,
            chunk=calls.chunk,
            signal=calls.signal,
        )
    checked_int("chunk", calls.chunk, 1)
    if calls.chunk != 1:
        raise InvalidArgValueError(f"chunk={calls.chunk} needs an executor")
    concurrency = 1 if calls.concurrency is None else calls.concurrency
    make = FlatMapStream if kind == k.FLAT_MAP else OperatorStream
    made = make(source, k.MAP if kind == k.FLAT_MAP else kind, fn, concurrency, window, calls.signal, 0)
    if not calls.ordered:
        made.give_unordered()
    return made


def _window(calls: Calls) -> int | None:
    """The results that may wait: one number by two names, of which Node has the first."""
    if calls.high_water_mark is not None and calls.window is not None:
        raise InvalidArgValueError("give window or high_water_mark: they mean the same")
    return calls.high_water_mark if calls.window is None else calls.window


def take(source: Any, count: int, signal: AbortSignal | None) -> OperatorStream:
    return OperatorStream(source, k.TAKE, None, 1, None, signal, checked_int("count", count, 0))


def drop(source: Any, count: int, signal: AbortSignal | None) -> OperatorStream:
    return OperatorStream(source, k.DROP, None, 1, None, signal, checked_int("count", count, 0))


def take_while(source: Any, fn: Fn, signal: AbortSignal | None) -> OperatorStream:
    return OperatorStream(source, k.TAKE_WHILE, fn, 1, None, signal, 0)


def drop_while(source: Any, fn: Fn, signal: AbortSignal | None) -> OperatorStream:
    return OperatorStream(source, k.DROP_WHILE, fn, 1, None, signal, 0)


def chunks(source: Any, count: int, signal: AbortSignal | None) -> Readable:
    checked_int("count", count, 1)
    if source.readable_object_mode:
        return WindowStream(source, count, count, True, signal)
    if count > _LARGEST_READ:
        raise OutOfRangeError(f"count must be at most 1 GiB, got {count}")
    return BlockStream(source, count, signal)


def window(source: Any, count: int, step: int, signal: AbortSignal | None) -> Readable:
    return WindowStream(source, checked_int("count", count, 1), checked_int("step", step, 1), False, signal)


def zip_(source: Any, others: tuple[Any, ...], strict: bool, signal: AbortSignal | None) -> Readable:
    streams = [
        each if isinstance(each, Readable) else Readable.from_(checked_source(each)) for each in others
    ]
    return ZipStream([source, *streams], bool(strict), signal)


def timeout(source: Any, seconds: float, signal: AbortSignal | None) -> Readable:
    check_seconds("seconds", seconds)
    return TimeoutStream(source, seconds, signal)


def rate(
    source: Any,
    bytes_per_second: float | None,
    items_per_second: float | None,
    burst: float | None,
    signal: AbortSignal | None,
) -> OperatorStream:
    limit = RateLimit("rate", bytes_per_second, items_per_second, burst)
    if limit.by_items:
        return OperatorStream(source, k.TAP, limit.turn_of_item, 1, None, signal, 0)
    return FlatMapStream(source, k.MAP, limit.pieces, 1, None, signal, 0)


# ---- operators that return a value


async def to_list(source: Any, signal: AbortSignal | None) -> list[Any]:
    items: list[Any] = []
    await _drive(source, Operator(k.COLLECT, items.append, 0), signal)
    return items


async def for_each(source: Any, fn: Fn, calls: Calls) -> None:
    _callable("for_each", fn)
    if calls.executor is not None or _concurrent(calls.concurrency, _window(calls)):
        made = _called(source, k.TAP, fn, calls._replace(signal=None))
        await _drive(made, Operator(k.COLLECT, _ignore, 0), calls.signal)
    else:
        await _drive(source, Operator(k.EACH, fn, 0), calls.signal)


async def reduce(source: Any, fn: Fn, initial: Any, signal: AbortSignal | None) -> Any:
    _callable("reduce", fn)
    result = await _drive(source, Operator(k.REDUCE, fn, 0), signal, MISSING if initial is ... else initial)
    if result is MISSING:
        raise MissingArgsError("reduce() of an empty stream needs an initial value")
    return result


async def find(
    source: Any,
    fn: Fn,
    concurrency: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> Any:
    found = await _search("find", source, fn, True, concurrency, high_water_mark, signal)
    return None if found is MISSING else found


async def some(
    source: Any,
    fn: Fn,
    concurrency: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> bool:
    return await _search("some", source, fn, True, concurrency, high_water_mark, signal) is not MISSING


async def every(
    source: Any,
    fn: Fn,
    concurrency: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> bool:
    return await _search("every", source, fn, False, concurrency, high_water_mark, signal) is MISSING


async def _search(
    name: str,
    source: Any,
    fn: Fn,
    wanted: bool,
    concurrency: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> Any:
    """Return the first item for which the truth of ``fn(item)`` is ``wanted``, or MISSING."""
    _callable(name, fn)
    if not _concurrent(concurrency, high_water_mark):
        return await _drive(source, Operator(k.FIND, fn, int(wanted)), signal, MISSING)

    pairs = OperatorStream(source, k.PAIR, fn, concurrency, high_water_mark, None, 0)
    found = await _drive(pairs, Operator(k.FIND, itemgetter(1), int(wanted)), signal, MISSING)
    return found if found is MISSING else found[0]


def _ignore(item: Any) -> None:
    return None


def _callable(name: str, fn: Any) -> None:
    if not callable(fn):
        raise InvalidArgTypeError(f"{name}() needs a function, got {fn!r}")


def _concurrent(concurrency: Any, high_water_mark: Any) -> bool:
    if concurrency is None:
        concurrency = 1
    checked_int("concurrency", concurrency, 1)
    if high_water_mark is not None:
        checked_int("high_water_mark", high_water_mark, 0)
    return bool(concurrency > 1)


# ---- the reader


async def _drive(source: Any, last: Operator, signal: AbortSignal | None, value: Any = None) -> Any:
    """Read ``source`` until its end, or until the last step has enough. Return the value of the last step.

    The steps of operator stages run here, on the items of the stream before them.
    """
    checked_signal(signal)
    steps = [last]
    stages: list[OperatorStream] = []
    while isinstance(source, OperatorStream) and source.is_idle():
        steps.insert(0, Operator(source.kind, source.fn, source.count))
        stages.append(source)
        source = source.source
    puller = Puller(source, None, signal)
    for stage in stages:
        stage.run_by(puller)
    nothing = any(stage.kind == k.TAKE and stage.count == 0 for stage in stages)
    drive = Reducer(source, steps, value, nothing)
    failure: BaseException | None = None
    try:
        pending = drive.run()
        while True:
            if pending is not None:
                pending = drive.resume(await pending)
            elif drive.stopped or not await puller.more():
                break
            else:
                pending = drive.run()
    except BaseException as error:
        failure = error
        raise
    finally:
        complete = puller.ended and failure is None
        puller.leave()
        for stage in stages:
            stage.conclude(complete, failure)
        can_wait = not isinstance(failure, GeneratorExit)
        # An error's traceback holds this frame, which must not hold the error.
        failure = None
        if can_wait:
            await UntilClosed(*_sources(source))
    return drive.value


def _sources(stream: Any) -> Iterator[Any]:
    """The stream, and the streams that it reads."""
    yield stream
    while isinstance(stream, OperatorStream):
        stream = stream.source
        yield stream
