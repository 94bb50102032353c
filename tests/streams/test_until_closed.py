"""What is awaited ends when the streams that it destroyed are closed: after an error, a cancellation, or with enough read."""

import asyncio
import contextlib

import pytest

from forebay import Readable, Writable, pipeline
from support.streams import closed, looped, quiet


class SlowToClose(Readable):
    """A source without end, whose resources are released when the test says so."""

    def __init__(self):
        super().__init__(object_mode=True)
        self.may_close = asyncio.Event()
        self.began_to_close = asyncio.Event()

    def _read(self, size):
        self.push(1)

    async def _destroy(self, error):
        self.began_to_close.set()
        await self.may_close.wait()


def fail(item):
    raise OSError("no more")


async def to_a_failing_sink(source):
    await pipeline(source, Writable(object_mode=True, write=fail))


async def through_a_failing_operator(source):
    await source.map(fail).to_list()


async def for_each_that_fails(source):
    await source.for_each(fail)


async def for_each_at_once_that_fails(source):
    await source.for_each(fail, concurrency=3)


async def find(source):
    await source.find(lambda item: True)


async def take(source):
    await source.take(2).to_list()


async def leave_an_iteration(source):
    async with contextlib.aclosing(source.iterator()) as items:
        async for _ in items:
            break


EARLY_ENDS = [
    to_a_failing_sink,
    through_a_failing_operator,
    for_each_that_fails,
    for_each_at_once_that_fails,
    find,
    take,
    leave_an_iteration,
]


@pytest.mark.parametrize("use", EARLY_ENDS)
@looped
async def test_it_ends_when_the_source_is_closed(use):
    source = SlowToClose()
    task = asyncio.ensure_future(use(source))
    await source.began_to_close.wait()
    await quiet()
    assert not task.done()
    source.may_close.set()
    with contextlib.suppress(OSError):
        await task
    assert source.closed


async def wait(item):
    await asyncio.Event().wait()


async def into_a_sink_that_waits(source):
    await pipeline(source, Writable(object_mode=True, write=wait))


async def for_each_that_waits(source):
    await source.for_each(wait)


@pytest.mark.parametrize("use", [into_a_sink_that_waits, for_each_that_waits])
@looped
async def test_a_cancelled_use_ends_when_the_source_is_closed(use):
    source = SlowToClose()
    task = asyncio.ensure_future(use(source))
    await quiet()
    task.cancel()
    await source.began_to_close.wait()
    await quiet()
    assert not task.done()
    source.may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


@pytest.mark.parametrize("use", [into_a_sink_that_waits, for_each_that_waits])
@looped
async def test_a_second_cancellation_does_not_wait(use):
    source = SlowToClose()
    task = asyncio.ensure_future(use(source))
    await quiet()
    task.cancel()
    await source.began_to_close.wait()
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not source.closed
    source.may_close.set()
    await closed(source)
