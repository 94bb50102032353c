"""What a program keeps of operations that are over: objects that are more after each of them."""

import asyncio
import collections
import contextlib
import gc
import time

SECONDS = 10
OTHERS = ("Task", "Future", "coroutine", "async_generator")


def kept_objects():
    """How many objects there are of each class of forebay, and of what asyncio makes for a call."""
    gc.collect()
    counts = collections.Counter(type(each) for each in gc.get_objects())
    return {
        kind: count
        for kind, count in counts.items()
        if str(kind.__module__).startswith("forebay") or kind.__name__ in OTHERS
    }


async def growth(operation, count=20):
    """Which objects are more after each call of ``operation``, by the names of their classes."""
    for _ in range(count):
        await operation()
    # What is still closing after the first calls would hide what the others leave.
    before, until = kept_objects(), time.monotonic() + SECONDS
    while before != (now := await later()) and time.monotonic() < until:
        before = now
    for _ in range(count):
        await operation()
    grown = more(before, await later(), count)
    while grown and time.monotonic() < until:
        grown = more(before, await later(), count)
    return grown


async def later():
    await asyncio.sleep(0.02)
    return kept_objects()


def more(before, after, count):
    return {
        kind.__qualname__: number - before.get(kind, 0)
        for kind, number in after.items()
        if number - before.get(kind, 0) >= count / 2
    }


async def cancelled_after(turns, awaitable):
    """Cancel what awaits ``awaitable`` after some turns of the loop."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
