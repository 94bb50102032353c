"""The n-th call of a hook, function or callback raises: one error in one place, every stream closed, no chunk delivered twice."""

import asyncio

import pytest

from forebay import Completion, Duplex, Readable, Transform, Writable, compose, finished, pipeline
from support.loops import LOOPS, Run

CHUNKS = [b"%03d" % number for number in range(12)]
# More calls than a program makes.
MOST_CALLS = 200


class Failing:
    """Counts the calls of the program's functions. The call of one number raises."""

    def __init__(self, number, error):
        self.number = number
        self.error = error
        self.calls = 0
        self.streams = []
        self.arrived = []

    def call(self):
        self.calls += 1
        if self.calls == self.number:
            raise self.error

    @property
    def has_raised(self):
        return self.calls >= self.number

    def plain(self, fn=lambda *args: None):
        def called(*args):
            self.call()
            return fn(*args)

        return called

    def later(self, fn=lambda *args: None):
        async def called(*args):
            self.call()
            await asyncio.sleep(0)
            return fn(*args)

        return called

    def outputs(self):
        async def called(chunk):
            self.call()
            yield chunk[:1]
            await asyncio.sleep(0)
            self.call()
            yield chunk[1:]

        return called

    def watch(self, stream):
        self.streams.append(stream)
        return stream

    def source(self, wrap):
        left = [*CHUNKS, None]
        return self.watch(
            Readable(
                read=wrap(lambda size: left.pop(0) or b""),
                construct=wrap(),
                destroy=wrap(lambda error: None),
                high_water_mark=5,
            )
        )

    def sink(self, wrap):
        return self.watch(
            Writable(
                write=wrap(self.arrived.append),
                construct=wrap(),
                final=wrap(),
                destroy=wrap(lambda error: None),
                high_water_mark=5,
            )
        )


async def of_plain_hooks(failing):
    through = Transform(
        transform=failing.plain(lambda chunk: chunk), flush=failing.plain(), high_water_mark=5
    )
    await pipeline(failing.source(failing.plain), failing.watch(through), failing.sink(failing.plain))


async def of_async_hooks(failing):
    through = Transform(
        transform=failing.later(lambda chunk: chunk), flush=failing.later(), high_water_mark=5
    )
    await pipeline(failing.source(failing.later), failing.watch(through), failing.sink(failing.later))


async def of_generators(failing):
    through = failing.watch(Transform(transform=failing.outputs(), high_water_mark=2))
    await pipeline(failing.source(failing.later), through, failing.sink(failing.plain))


async def of_many_at_once(failing):
    sink = failing.watch(Writable(writev=failing.later(failing.arrived.extend), high_water_mark=20))
    await pipeline(failing.source(failing.plain), sink)


async def of_operators(failing):
    source = failing.source(failing.later)
    stage = source.map(failing.later(lambda chunk: chunk), concurrency=3).filter(
        failing.plain(lambda chunk: True)
    )
    failing.watch(stage)
    failing.arrived += await stage.to_list()


async def of_composites(failing):
    inner = [failing.watch(Transform(transform=failing.plain(lambda chunk: chunk))) for _ in range(2)]
    await pipeline(failing.source(failing.plain), failing.watch(compose(*inner)), failing.sink(failing.plain))


async def of_functions(failing):
    async def doubled(source):
        async for chunk in source:
            failing.call()
            yield chunk

    async def take(source):
        async for chunk in source:
            failing.call()
            failing.arrived.append(chunk)

    await pipeline(failing.source(failing.plain), doubled, take)


async def of_a_duplex(failing):
    left = []

    def final():
        for chunk in left:
            duplex.push(chunk)
        duplex.push(None)

    duplex = failing.watch(
        Duplex(read=failing.plain(), write=failing.plain(left.append), final=failing.plain(final))
    )
    await pipeline(failing.source(failing.later), duplex, failing.sink(failing.later))


async def of_a_pipe(failing):
    source, sink = failing.source(failing.plain), failing.sink(failing.later)
    source.on("error", sink.destroy)
    sink.on("close", source.destroy)
    source.pipe(sink)
    await finished(sink)


PROGRAMS = {
    program.__name__: program
    for program in (
        of_plain_hooks,
        of_async_hooks,
        of_generators,
        of_many_at_once,
        of_operators,
        of_composites,
        of_functions,
        of_a_duplex,
        of_a_pipe,
    )
}


async def closed(streams):
    for _ in range(200):
        if all(stream.closed for stream in streams):
            return
        await asyncio.sleep(0)


def check(failing, raised, reports):
    """What must hold after a run in which a call has raised."""
    assert [stream for stream in failing.streams if not stream.closed] == []
    arrived = b"".join(failing.arrived)
    assert b"".join(CHUNKS).startswith(arrived)
    seen = [*([raised] if raised is not None else []), *(report.get("exception") for report in reports)]
    # A destroy hook that fails after all has arrived, or beside another error, has nobody to tell but its stream.
    told = [error for error in seen if error is failing.error or error.__cause__ is failing.error]
    if not told:
        assert any(stream.errored is failing.error for stream in failing.streams), seen
    assert len(told) <= 1


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, StopIteration])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_nth_call_raises(program, error, loop):
    run = Run(loop)
    run.errors_wanted = True
    for number in range(1, MOST_CALLS):
        failing = Failing(number, error("of the call"))
        run.errors.clear()

        async def main(failing=failing):
            raised = None
            try:
                await PROGRAMS[program](failing)
            except BaseException as caught:
                raised = caught
            await closed(failing.streams)
            return raised

        raised = run(main)
        if not failing.has_raised:
            assert raised is None
            assert b"".join(failing.arrived) == b"".join(CHUNKS)
            return
        check(failing, raised, run.errors)
    pytest.fail("the program makes more calls than expected")


def refuse(*args):
    raise ValueError("the hook failed")


async def refuse_later(*args):
    await asyncio.sleep(0)
    raise ValueError("the hook failed")


def refuse_by_completion(error):
    done = Completion()
    asyncio.get_running_loop().call_soon(done.reject, ValueError("the hook failed"))
    return done


def disk_full(*args):
    raise OSError("disk full")


@pytest.mark.parametrize("destroy", [refuse, refuse_later, refuse_by_completion])
@pytest.mark.parametrize("failing", ["construct", "write", "final"])
def test_an_error_of_destroy_has_the_first_error_as_its_context(run, failing, destroy):
    async def main():
        sink = Writable(**({"write": lambda chunk: None} | {failing: disk_full}), destroy=destroy)
        with pytest.raises(ValueError, match="the hook failed") as caught:
            await pipeline([b"a"], sink)
        assert isinstance(caught.value.__context__, OSError)
        assert sink.errored is caught.value.__context__

    run(main)


def test_an_error_that_destroy_raises_again_is_not_its_own_context(run):
    async def main():
        def again(error):
            raise error

        with pytest.raises(OSError, match="disk full") as caught:
            await pipeline([b"a"], Writable(write=disk_full, destroy=again))
        assert caught.value.__context__ is None

    run(main)
