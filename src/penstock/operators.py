"""Operators: `map`, `filter`, `take`, ... and the reductions to one value, as methods of every Readable.

Those that return a stream are lazy: nothing is read before they are. Those that return a value are coroutines that read
in the task that awaits them. Between a source and a value no stream is run that nobody looks at: the functions of
the stages in the middle are called by the reader itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import CoroutineType
from typing import Any

from penstock._flow.runner import is_awaitable
from penstock.abort import AbortSignal
from penstock.errors import InvalidArgTypeError, MissingArgsError
from penstock.pulling import Pull
from penstock.stages import DROP, FILTER, MAP, PLAIN, TAKE, TAP, FlatStage, Stage, checked_int, null_result

# The last step of a reader, after the kinds of the stages.
_COLLECT, _EACH, _FIND, _REDUCE = 10, 11, 12, 13

_MISSING: Any = object()

Fn = Callable[..., Any]


# ---- operators that return a stream


def map_(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Stage:
    return Stage(source, MAP, fn, concurrency, high_water_mark, signal)


def filter_(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Stage:
    return Stage(source, FILTER, fn, concurrency, high_water_mark, signal)


def tap(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Stage:
    return Stage(source, TAP, fn, concurrency, high_water_mark, signal)


def flat_map(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Stage:
    return FlatStage(source, MAP, fn, concurrency, high_water_mark, signal)


def take(source: Any, count: int, *, signal: AbortSignal | None = None) -> Stage:
    return Stage(source, TAKE, None, 1, None, signal, checked_int("count", count, 0))


def drop(source: Any, count: int, *, signal: AbortSignal | None = None) -> Stage:
    return Stage(source, DROP, None, 1, None, signal, checked_int("count", count, 0))


# ---- operators that return a value


async def to_list(source: Any, *, signal: AbortSignal | None = None) -> list[Any]:
    items: list[Any] = []
    await _drive(source, [_COLLECT, items.append, 0], signal)
    return items


async def for_each(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> None:
    _callable("for_each", fn)
    if _concurrent(concurrency, high_water_mark):
        await _drive(_results(source, fn, concurrency, high_water_mark), [_COLLECT, _ignore, 0], signal)
    else:
        await _drive(source, [_EACH, fn, 0], signal)


async def reduce(source: Any, fn: Fn, initial: Any = _MISSING, *, signal: AbortSignal | None = None) -> Any:
    _callable("reduce", fn)
    result = await _drive(source, [_REDUCE, fn, 0], signal, initial)
    if result is _MISSING:
        raise MissingArgsError("reduce() of an empty stream needs an initial value")
    return result


async def find(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Any:
    found = await _search("find", source, fn, True, concurrency, high_water_mark, signal)
    return None if found is _MISSING else found


async def some(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> bool:
    return await _search("some", source, fn, True, concurrency, high_water_mark, signal) is not _MISSING


async def every(
    source: Any,
    fn: Fn,
    *,
    concurrency: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> bool:
    return await _search("every", source, fn, False, concurrency, high_water_mark, signal) is _MISSING


async def _search(
    name: str,
    source: Any,
    fn: Fn,
    wanted: bool,
    concurrency: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> Any:
    """The first item for which the truth of ``fn(item)`` is ``wanted``, or _MISSING."""
    _callable(name, fn)
    if not _concurrent(concurrency, high_water_mark):
        return await _drive(source, [_FIND, fn, wanted], signal, _MISSING)

    def pair(item: Any) -> Any:
        verdict = fn(item)
        return _Paired(item, verdict) if is_awaitable(verdict) else (item, verdict)

    pairs = Stage(source, MAP, pair, concurrency, high_water_mark, None)
    found = await _drive(pairs, [_FIND, lambda each: each[1], wanted], signal, _MISSING)
    return found if found is _MISSING else found[0]


class _Paired:
    """Awaits a verdict and gives it together with the item that it is about."""

    __slots__ = ("_item", "_verdict")

    def __init__(self, item: Any, verdict: Awaitable[Any]) -> None:
        self._item = item
        self._verdict = verdict

    def __await__(self) -> Generator[Any, None, tuple[Any, Any]]:
        verdict = yield from self._verdict.__await__()
        return self._item, verdict

    def close(self) -> None:
        close = getattr(self._verdict, "close", None)
        if close is not None:
            close()


def _results(source: Any, fn: Fn, concurrency: int, high_water_mark: int | None) -> Stage:
    """A stage that calls ``fn`` for its own sake."""

    def call(item: Any) -> Any:
        done = fn(item)
        return _Paired(None, done) if is_awaitable(done) else (None, done)

    return Stage(source, MAP, call, concurrency, high_water_mark, None)


def _ignore(item: Any) -> None:
    return None


def _callable(name: str, fn: Any) -> None:
    if not callable(fn):
        raise InvalidArgTypeError(f"{name}() needs a function, got {fn!r}")


def _concurrent(concurrency: Any, high_water_mark: Any) -> bool:
    checked_int("concurrency", concurrency, 1)
    if high_water_mark is not None:
        checked_int("high_water_mark", high_water_mark, 0)
    return bool(concurrency > 1)


# ---- the reader


async def _drive(source: Any, last: list[Any], signal: AbortSignal | None, value: Any = None) -> Any:
    """Read ``source`` to its end, or to where the last step has enough; return the value of the last step.

    Stages without a life of their own are taken apart: their steps run here, on the items of the stream before them.
    """
    if signal is not None and not isinstance(signal, AbortSignal):
        raise InvalidArgTypeError(
            f"signal must be an AbortSignal, such as AbortController().signal, got {signal!r}"
        )
    steps = [last]
    stages: list[Stage] = []
    while isinstance(source, Stage) and source.is_idle():
        steps.insert(0, [source.kind, source.fn, source.count])
        stages.append(source)
        source = source.source
    pull = Pull(source, None, signal)
    for stage in stages:
        stage.run_by(pull)
    failure: BaseException | None = None
    try:
        value = await _loop(pull, steps, value)
    except BaseException as error:
        failure = error
        raise
    finally:
        complete = pull.ended and failure is None
        pull.leave()
        for stage in stages:
            stage.conclude(complete, failure)
    return value


async def _loop(pull: Pull, steps: list[list[Any]], value: Any) -> Any:
    read = pull.read
    source = pull.source
    plain = PLAIN
    stop = any(step[0] == TAKE and step[2] == 0 for step in steps)
    while not stop:
        item = None if source.destroyed else read()
        if item is None:
            if await pull.more():
                continue
            break
        for step in steps:
            kind, fn, extra = step
            if kind == MAP:
                item = fn(item)
                if type(item) not in plain:
                    if type(item) is CoroutineType or is_awaitable(item):
                        item = await item
                    if item is None:
                        raise null_result("map")
            elif kind == _REDUCE:
                if value is _MISSING:
                    value = item
                else:
                    value = fn(value, item)
                    if type(value) not in plain and (type(value) is CoroutineType or is_awaitable(value)):
                        value = await value
            elif kind == _COLLECT:
                fn(item)
            elif kind == TAKE:
                step[2] = extra - 1
                stop = stop or extra == 1
            elif kind == DROP:
                if extra:
                    step[2] = extra - 1
                    break
            else:
                verdict = fn(item)
                if (
                    verdict is not None
                    and type(verdict) not in plain
                    and (type(verdict) is CoroutineType or is_awaitable(verdict))
                ):
                    verdict = await verdict
                if kind == FILTER:
                    if not verdict:
                        break
                elif kind == _FIND and bool(verdict) is extra:
                    return item
    return value
