"""The machines of the random programs begin with these: a loop that turns between the rules, and a source with data."""

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from model_checks import Log, tasks_left
from model_tools import LARGEST, WIDTH, numbered

# Chunks, as counts of numbers.
COUNTS = st.lists(st.integers(0, LARGEST // WIDTH), max_size=4)


def assert_within_the_mark(stream, extra=0):
    """A buffer has at most what a chunk adds to one that was below its mark."""
    for length, mark in (
        (getattr(stream, "readable_length", 0), getattr(stream, "readable_high_water_mark", 0)),
        (getattr(stream, "writable_length", 0), getattr(stream, "writable_high_water_mark", 0)),
    ):
        assert length <= max(mark, 1) - 1 + LARGEST + extra


class Machine(RuleBasedStateMachine):
    """A machine with an event loop, which turns between the rules only."""

    loop_factory = staticmethod(asyncio.new_event_loop)

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=self.loop_factory)
        self.reports = []
        self.logs = []
        self.runner.get_loop().set_exception_handler(lambda _, context: self.reports.append(context))

    def inside(self, fn, *args):
        """Call ``fn`` on the loop, and let what it has queued run."""

        async def call():
            return fn(*args)

        return self.runner.run(call())

    def log(self, stream, stays_up=False):
        self.logs.append(Log(stream, stays_up))
        return stream

    @rule(turns=st.integers(1, 5))
    def turn(self, turns):
        self.turns(turns)

    def turns(self, count):
        async def wait():
            for _ in range(count):
                await asyncio.sleep(0)

        self.runner.run(wait())

    @invariant()
    def lives_are_in_order(self):
        for log in self.logs:
            log.check()

    def teardown(self):
        try:
            if self.logs:
                self.finish()
                self.lives_are_in_order()
                assert self.reports == []
                assert self.runner.run(tasks_left()) == set()
        finally:
            self.runner.close()

    def finish(self):
        """Bring the program to its end, and look at the whole."""
        raise NotImplementedError


class SuppliedMachine(Machine):
    """A machine with a source, to which the program gives what it has."""

    @precondition(lambda self: not self.ended)
    @rule(counts=COUNTS)
    def supply(self, counts):
        for count in counts:
            self.inside(self.source.supply, numbered(self.count, count))
            self.count += count

    @precondition(lambda self: not self.ended and self.count > 8)
    @rule()
    def supply_the_end(self):
        self.ended = True
        self.inside(self.source.supply, None)
