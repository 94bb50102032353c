"""destroy() while a hook writes: each callback is called once, and the writes that were not carried out get an error."""

import asyncio

import pytest

from forebay import (
    Completion,
    Duplex,
    PassThrough,
    PrematureCloseError,
    StreamDestroyedError,
    Transform,
    Writable,
    finished,
)
from support.streams import looped


class Held:
    """Hooks that wait until they are cancelled or released."""

    def __init__(self):
        self.completion = Completion()
        self.cancelled = 0

    async def wait(self, *_):
        try:
            await asyncio.sleep(60)
        finally:
            self.cancelled += 1

    async def outputs(self, chunk):
        while True:
            yield chunk * 100_000

    def plain_outputs(self, chunk):
        while True:
            yield chunk * 100_000

    async def passed(self, chunk):
        return chunk

    def later(self, *_):
        return self.completion


STREAMS = {
    "write": lambda held: Writable(write=held.wait),
    "writev": lambda held: Writable(writev=held.wait),
    "duplex": lambda held: Duplex(write=held.wait, read=lambda: None),
    "transform": lambda held: Transform(transform=held.wait),
    "transform_many": lambda held: Transform(transform_many=held.wait),
    "async_outputs": lambda held: Transform(transform=held.outputs),
    "plain_outputs": lambda held: Transform(transform=held.plain_outputs),
    "full_passthrough": lambda held: PassThrough(high_water_mark=1),
    "full_transform": lambda held: Transform(transform=lambda chunk: chunk, high_water_mark=1),
    "full_by_a_coroutine": lambda held: Transform(transform=held.passed, high_water_mark=1),
}


@looped
@pytest.mark.parametrize("turns", [0, 1, 5])
@pytest.mark.parametrize("error", [None, ValueError("enough")])
@pytest.mark.parametrize("kind", STREAMS)
async def test_each_callback_is_called_once_with_the_error(kind, error, turns):
    held = Held()
    stream = STREAMS[kind](held)
    stream.on("error", lambda _: None)
    answers = []
    for number in range(3):
        stream.write(b"x", callback=lambda error, number=number: answers.append((number, error)))
    stream.end(callback=lambda error: answers.append(("end", error)))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert answers == []
    stream.destroy(error)
    for _ in range(10):
        await asyncio.sleep(0)
    assert [name for name, _ in answers] == [0, 1, 2, "end"]
    for _, each in answers:
        assert each is error if error is not None else type(each) is StreamDestroyedError
    assert stream.errored is error
    # The write in flight stays unfinished.
    assert stream.writable_length > 0
    with pytest.raises((PrematureCloseError, ValueError)):
        await finished(stream)
    assert held.cancelled == (0 if "outputs" in kind or "full" in kind else 1)


@looped
async def test_a_hook_that_ends_in_spite_of_the_cancellation_has_written():
    async def write(chunk):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)

    stream = Writable(write=write)
    answers = []
    stream.write(b"1", callback=answers.append)
    stream.write(b"2", callback=answers.append)
    await asyncio.sleep(0)
    stream.destroy()
    for _ in range(10):
        await asyncio.sleep(0)
    assert answers[0] is None
    assert type(answers[1]) is StreamDestroyedError


@looped
async def test_the_hook_fails_while_it_is_cancelled():
    async def write(chunk):
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("no room")

    stream = Writable(write=write)
    answers = []
    stream.write(b"1", callback=answers.append)
    await asyncio.sleep(0)
    stream.destroy()
    for _ in range(10):
        await asyncio.sleep(0)
    assert [type(each) for each in answers] == [OSError]


@looped
async def test_callbacks_wait_for_a_completion():
    held = Held()
    stream = Writable(write=held.later)
    answers = []
    stream.write(b"1", callback=answers.append)
    stream.write(b"2", callback=answers.append)
    stream.destroy()
    for _ in range(5):
        await asyncio.sleep(0)
    assert answers == []
    held.completion.resolve()
    await asyncio.sleep(0)
    assert answers[0] is None
    assert type(answers[1]) is StreamDestroyedError


def test_callbacks_are_called_at_the_end_of_the_loop():
    held = Held()
    answers = []

    async def main():
        stream = Writable(write=held.wait)
        stream.write(b"1", callback=answers.append)
        stream.write(b"2", callback=answers.append)
        await asyncio.sleep(0)
        return stream

    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: None)
        stream = runner.run(main())
    assert stream.destroyed
    assert [type(each) for each in answers] == [StreamDestroyedError, StreamDestroyedError]
