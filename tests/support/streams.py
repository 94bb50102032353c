"""Helpers for the tests of streams: tests as coroutines, records of events and of reports."""

import asyncio
import contextlib
import functools
import inspect

NAMES = ("end", "finish", "error", "close", "pause", "resume", "drain", "pipe", "unpipe")


def looped(test):
    """Makes a test of a coroutine function: it runs by the ``run`` fixture, on every loop that there is.

    Nothing may have reached the loop's exception handler when it is over, and no task may be left.
    """

    async def guarded(**fixtures):
        before = asyncio.all_tasks()
        with reported() as contexts:
            await test(**fixtures)
            await quiet(5)
        assert contexts == []
        assert asyncio.all_tasks() <= before

    def wrapper(run, **fixtures):
        return run(functools.partial(guarded, **fixtures))

    parameters = [inspect.Parameter("run", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += inspect.signature(test).parameters.values()
    functools.update_wrapper(wrapper, test)
    del wrapper.__wrapped__
    wrapper.__signature__ = inspect.Signature(parameters)
    return wrapper


class Events(list):
    """The events of a stream, in order: names, or ``(name, argument)`` for 'data' and 'error'."""

    def __init__(self, stream, *names):
        for name in names or NAMES:
            stream.on(name, functools.partial(self._note, name))

    def _note(self, name, *args):
        self.append((name, *args) if name in ("data", "error") else name)


@contextlib.contextmanager
def reported():
    """What reaches the loop's exception handler inside the block, as a list of contexts."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    contexts = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    try:
        yield contexts
    finally:
        loop.set_exception_handler(before)


async def quiet(turns=30):
    """Let the loop turn until what was set going has come to rest."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def closed(stream):
    """Wait for 'close'; return the error that was emitted before it, or None."""
    errors = []
    gone = asyncio.get_running_loop().create_future()
    stream.on("error", errors.append)
    if stream.closed:
        # The events are on their way, or have been.
        await quiet()
        return errors[0] if errors else stream.errored
    stream.on("close", lambda: gone.done() or gone.set_result(None))
    await gone
    assert len(errors) <= 1
    return errors[0] if errors else None


def chunks_of(*chunks):
    """A read hook that gives the chunks one by one, and then the end."""
    left = [*chunks, b""]
    return lambda size: left.pop(0)


def collected(readable):
    """A list that fills with what the stream emits."""
    out = []
    readable.on("data", out.append)
    return out
