"""Random pipelines, whole and broken at any point, checked against invariants.

FOREBAY_MODEL_EXAMPLES=2000 runs that many, and other ones each time.
"""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_checks import MARKS, Log, chosen, tasks_left
from model_tools import LARGEST, SINKS, SOURCES, STAGES, WIDTH, Failure, numbered, numbers

from forebay import AbortController, AbortError, PrematureCloseError, pipeline
from support.loops import LOOPS

PLACES = st.integers(0, 4)
BREAKS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["fail", "destroy", "destroy-plain"]), PLACES, st.integers(0, 30)),
    st.tuples(st.sampled_from(["abort", "cancel"]), st.just(0), st.integers(1, 30)),
)


async def run_on(streams, done, turns=2000):
    """Complete what is held, a turn at a time, until ``done``."""
    while not done():
        turns -= 1
        assert turns, "it does not come to its end"
        for stream in streams:
            if stream.under_way:
                stream.settle()
        await asyncio.sleep(0)


@pytest.mark.parametrize("loop", LOOPS)
@settings(chosen(300))
@given(
    source=st.sampled_from(SOURCES),
    stages=st.lists(st.sampled_from(STAGES), max_size=3),
    sink=st.sampled_from(SINKS),
    marks=st.lists(MARKS, min_size=5, max_size=5),
    counts=st.lists(st.integers(0, LARGEST // WIDTH), max_size=20),
    broken=BREAKS,
)
def test_random_pipelines(loop, source, stages, sink, marks, counts, broken):
    """A pipeline ends or fails with all of its streams, and with the first error."""
    reports = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        streams = [kind(mark) for kind, mark in zip([source, *stages, sink], marks, strict=False)]
        logs = [Log(stream) for stream in streams]
        count = 0
        for size in counts:
            streams[0].supply(numbered(count, size))
            count += size
        controller = AbortController()
        flow = pipeline(*streams, signal=controller.signal)

        async def wait():
            await flow

        task = asyncio.create_task(wait())
        what, place, turns = broken if broken is not None else (None, 0, 0)
        victim = streams[place % len(streams)]
        error = Failure(what)
        for _ in range(turns):
            await asyncio.sleep(0)
            for stream in streams:
                if stream.under_way:
                    stream.settle()
        if what == "fail":
            if victim is streams[0]:
                victim.supply(error)
            elif victim.under_way:
                victim.settle(error)
            else:
                victim.failure = error
        elif what == "destroy":
            victim.give_up(error)
        elif what == "destroy-plain":
            victim.destroy()
        elif what == "abort":
            controller.abort(error)
        elif what == "cancel":
            task.cancel()
        streams[0].supply(None)
        await run_on(streams, task.done)
        outcome = None
        try:
            await task
        except (Exception, asyncio.CancelledError) as raised:
            outcome = raised
        for _ in range(20):
            await asyncio.sleep(0)
        got = numbers(streams[-1].taken)
        assert got == list(range(len(got)))
        assert all(stream.closed for stream in streams)
        for log in logs:
            log.check()
        if outcome is None:
            assert got == list(range(count))
            assert all(log.errors == [] for log in logs)
        elif what in ("fail", "destroy"):
            assert outcome is error
            assert all(each is error for log in logs for each in log.errors)
        else:
            kinds = {
                "destroy-plain": PrematureCloseError,
                "abort": AbortError,
                "cancel": asyncio.CancelledError,
            }
            assert isinstance(outcome, kinds[what])
        assert await tasks_left() == set()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())
    assert reports == []
