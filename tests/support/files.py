"""Helpers for the tests of file streams: records of events, and waits for events."""

import asyncio


class Events(list):
    """The events of streams in order, as ``(name, event)``, or ``event`` for a stream without a name."""

    NAMES = ("open", "ready", "end", "finish", "error", "close", "pause", "resume", "drain", "pipe", "unpipe")

    def watch(self, stream, name=None, *events):
        for event in events or self.NAMES:
            stream.on(event, self._listener(name, event))
        return stream

    def _listener(self, name, event):
        def note(*args):
            self.append(event if name is None else (name, event))

        return note


async def until(stream, event):
    """Wait for an event; return what came with it."""
    done = asyncio.get_running_loop().create_future()
    stream.once(event, lambda *args: done.done() or done.set_result(args))
    return await done


async def closed(stream):
    """Wait for 'close'; return the error that came before it, or None."""
    if stream.closed:
        return stream.errored
    errors = []
    stream.on("error", errors.append)
    await until(stream, "close")
    return errors[0] if errors else None


async def gone(*streams):
    """Wait until all of them are closed."""
    for stream in streams:
        if not stream.closed:
            await until(stream, "close")
