"""Streams and pipelines with undelivered data: find them, and wait for them.

They are found in the garbage collector's list of objects when they are needed, so a stream needs no bookkeeping.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
import functools
import gc
import sys
import warnings
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

from forebay._core.names import stream_name
from forebay._system.activity import Activity

#: Attribute of the loop: the objects whose data was dropped when the loop's tasks were cancelled.
_GIVEN_UP = "_forebay_given_up"
_SAMPLE = "Writable was dropped with 1 bytes in it"
_LONGEST_PAUSE = 0.02
# The wait ends when more than this number of checks in a row, over more than this number of seconds, found nothing that
# the loop waits for.
_IDLE_LOOKS = 5
_IDLE_SECONDS = 0.1


class Flow:
    """The base of an awaitable that moves chunks through several streams: a pipeline."""

    _loop: asyncio.AbstractEventLoop
    _error: BaseException | None
    _inner: bool
    _handled: bool
    stages: tuple[Any, ...]
    # These are the methods of Operation, from which a pipeline derives too.
    mark_handled: Callable[[], None]
    done: Callable[[], bool]


def _is_stream(kind: type) -> bool:
    return hasattr(kind, "_s_unfinished")


def of_loop(loop: asyncio.AbstractEventLoop) -> tuple[list[Any], list[Flow]]:
    """Return the unfinished streams and pipelines of ``loop``."""
    streams: list[Any] = []
    flows: list[Flow] = []
    kinds: dict[type, bool] = {}
    for each in gc.get_objects():
        kind = type(each)
        stream = kinds.get(kind)
        if stream is None:
            stream = kinds[kind] = _is_stream(kind)
        if stream:
            if each._s_is_of(loop) and each._s_unfinished() is not None:
                streams.append(each)
        elif isinstance(each, Flow) and each._loop is loop:
            flows.append(each)
    return streams, flows


# ---- the wait


async def until_delivered(activity: Activity) -> None:
    """Wait until no object of the running loop has undelivered data, or until no further progress is possible."""
    loop = asyncio.get_running_loop()
    while True:
        # If everything is delivered as soon as the ticks have run, there is no need to search all objects.
        await asyncio.sleep(0)
        streams, flows = of_loop(loop)
        if not await _until_over([*streams, *flows], activity):
            return


async def _until_over(these: list[Any], activity: Activity) -> bool:
    """Return whether at least one of these objects was worth a wait, and all of them are done."""
    these = [each for each in these if _moves(each)]
    if not these:
        return False
    pause, idle, since = 0.0005, 0, monotonic()
    while True:
        await asyncio.sleep(pause)
        these = [each for each in these if _moves(each)]
        if not these:
            return True
        if not activity.idle():
            idle, since = 0, monotonic()
        idle += 1
        if idle > _IDLE_LOOKS and monotonic() - since > _IDLE_SECONDS:
            return False
        pause = min(pause * 2, _LONGEST_PAUSE)


def _moves(each: Any) -> bool:
    if isinstance(each, Flow):
        return not each.done()
    left = each._s_unfinished()
    return left is not None and left[0]


# ---- dropped data


def watch_close(loop: asyncio.AbstractEventLoop) -> None:
    """Make ``loop.close()`` issue warnings for dropped data."""
    close = loop.close

    @functools.wraps(close)
    def closing() -> None:
        told = [] if loop.is_closed() or loop.is_running() or not _is_heard() else _accounts(loop)
        close()
        for text in told:
            warn(text)

    loop.close = closing  # type: ignore[method-assign]  # of this one loop


def warn(text: str) -> None:
    """Issue a ResourceWarning. If warnings are errors, report it like an exception of ``__del__``."""
    _Teller(text)


class _Teller:
    def __init__(self, text: str) -> None:
        self._text = text

    def __del__(self) -> None:
        warnings.warn_explicit(self._text, ResourceWarning, "<forebay>", 1, "forebay")


def _is_heard() -> bool:
    """Return whether the warning would be shown. Its text takes time to make."""
    for action, message, category, module, _ in warnings.filters:
        pattern: Any = message
        if not issubclass(ResourceWarning, category) or (pattern and not pattern.match(_SAMPLE)):
            continue
        if action != "ignore" or module is None:
            return action != "ignore"
    return True


def shutting_down() -> bool:
    """Return whether the loop is at the end of ``asyncio.run`` and cancels the remaining tasks."""
    frame: FrameType | None = sys._getframe()
    code = asyncio.runners._cancel_all_tasks.__code__  # type: ignore[attr-defined]  # private
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


class _Dropped(NamedTuple):
    """Return a text for the data that is lost with a stream or a pipeline."""

    each: Any
    text: str | None


def give_up(each: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Account for a stream or a pipeline that is about to be destroyed because one of its tasks was cancelled.

    Destroying one object destroys others, so at the end of the loop the first call remembers everything unfinished. Before
    that the warning comes at once: a loop that goes on must not keep what it has destroyed.
    """
    noted = loop.__dict__.get(_GIVEN_UP)
    if noted is not None:
        _note(noted, [each])
    elif shutting_down():
        noted = loop.__dict__[_GIVEN_UP] = {}
        streams, flows = of_loop(loop)
        _note(noted, [each, *flows, *streams])
        for flow in flows:
            flow.mark_handled()
    elif _is_heard():
        text = _account(each).text
        if text is not None:
            warn(text)


def _note(noted: dict[int, _Dropped], these: list[Any]) -> None:
    for each in these:
        if id(each) not in noted:
            noted[id(each)] = _account(each)


def _accounts(loop: asyncio.AbstractEventLoop) -> list[str]:
    streams, flows = of_loop(loop)
    noted: dict[int, _Dropped] = loop.__dict__.pop(_GIVEN_UP, {})
    _note(noted, [*flows, *streams])
    return [each.text for each in noted.values() if each.text is not None and not _is_over(each.each)]


def _is_over(each: Any) -> bool:
    """Return whether a remembered object has finished after all."""
    if isinstance(each, Flow):
        return each.done() and each._error is None
    read, written = (not each._s_has_side(True), not each._s_has_side(False))
    return bool((read or each._s_read_side_done()) and (written or each._s_write_side_done()))


def _account(each: Any) -> _Dropped:
    if isinstance(each, Flow):
        return _Dropped(each, None if each.done() else _pipeline_text(each))
    left = None if each.destroyed else each._s_unfinished()
    return _Dropped(each, None if left is None else _stream_text(each, left))


def _stream_text(stream: Any, left: tuple[bool, int, int]) -> str | None:
    amounts = _amounts(stream, left)
    if amounts:
        state = f"with {' and '.join(amounts)} in it"
    elif stream._s_has_side(False) and stream.writable_ended and not stream.writable_finished:
        state = "after end(), before it had finished"
    elif not stream._s_has_side(False):
        state = "before all that it was to deliver had come"
    else:
        return None
    return f"{stream_name(stream)} was dropped {state}"


def _pipeline_text(flow: Any) -> str | None:
    if flow._inner:
        return None
    sizes = []
    for stage in flow.stages:
        if _is_stream(type(stage)):
            left = stage._s_unfinished()
            if left is not None and (left[1] or left[2]):
                sizes.append(f"{' and '.join(_amounts(stage, left))} in {stream_name(stage)}")
    name = " | ".join(map(stream_name, flow.stages))
    awaited = "" if flow._handled else "was never awaited, and "
    state = f"with {' and '.join(sizes)}" if sizes else "before its end"
    return f"Pipeline of {name} {awaited}was dropped {state}"


def _amounts(stream: Any, left: tuple[bool, int, int]) -> list[str]:
    _, written, waiting = left
    amounts = []
    if written:
        amounts.append(_amount(written, stream.writable_object_mode))
    if waiting:
        amounts.append(_amount(waiting, stream.readable_object_mode) + (" to be read" if written else ""))
    return amounts


def _amount(size: int, objects: bool) -> str:
    return f"{size} {'object' if objects else 'byte'}{'' if size == 1 else 's'}"
