"""Helpers of the model tests: the number of programs, and a stream's life as its listeners see it."""

import asyncio
import functools
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MANY = int(os.environ.get("FOREBAY_MODEL_EXAMPLES", "0"))
MARKS = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16])


def chosen(examples, steps=1):
    """Settings: the same programs each time, unless more are asked for."""
    return settings(
        max_examples=MANY or examples,
        stateful_step_count=steps,
        derandomize=not MANY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Log:
    """The events of one stream that its life consists of."""

    def __init__(self, stream, stays_up=False):
        self.stream = stream
        # Without auto_destroy a stream goes on after an error, as far as it can.
        self.stays_up = stays_up
        self.events = []
        self.errors = []
        for name in ("end", "finish"):
            stream.on(name, functools.partial(self.events.append, name))
        stream.prepend_listener("drain", self.drained)
        stream.on("error", self.failed)
        stream.on("close", self.closed)

    def drained(self):
        assert self.stream.writable_length == 0, "all is written"
        assert not self.stream.writable_need_drain

    def failed(self, error):
        self.events.append("error")
        self.errors.append(error)

    def closed(self):
        self.events.append("close")
        # forebay releases the listeners of a closed stream; no event may follow.
        asyncio.get_running_loop().call_soon(self.listen_on)

    def listen_on(self):
        for name in ("data", "readable", "end", "finish", "drain", "error", "close"):
            self.stream.on(name, functools.partial(self.late, name))

    def late(self, name, *args):
        self.events.append(f"late {name}")

    def check(self):
        events = self.events
        for name in ("end", "finish", "error", "close"):
            assert events.count(name) <= 1, events
        if "close" in events:
            assert events[-1] == "close", events
            assert self.stream.closed
        if "error" in events and not self.stays_up:
            assert events[events.index("error") + 1 :] in ([], ["close"]), events


async def tasks_left():
    return asyncio.all_tasks() - {asyncio.current_task()}
