"""A flow whose hooks never wait lets the other tasks of its loop run, and loses nothing by that."""

import asyncio
import itertools

import pytest

import forebay
from forebay import PassThrough, Readable, Transform, Writable, compose, merge, next_tick, pipeline
from support.loops import LOOPS
from support.streams import looped

# A flow that takes as much, which is seconds of work, has kept the loop for itself.
TOO_MANY = 3_000_000
TURNS = 5


class Source(Readable):
    """Numbers from 0 on, as objects, as long as they are wanted."""

    def __init__(self, wanted, **options):
        super().__init__(object_mode=True, **options)
        self.wanted = wanted

    def _read(self, size):
        self.push(next(self.wanted, None))


class Wanted:
    """An iterator over the numbers from 0 on, until `enough`."""

    def __init__(self):
        self.numbers = itertools.count()
        self.enough = False

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self.numbers)
        assert number < TOO_MANY, "no other task had a turn"
        if self.enough:
            raise StopIteration
        return number


def sink(taken):
    return Writable(object_mode=True, write=taken.append)


def pairs(number):
    yield number
    yield None


async def by_pipe(wanted, taken):
    await forebay.finished(Source(wanted).pipe(sink(taken)))


async def by_stages(wanted, taken):
    await pipeline(Source(wanted), PassThrough(object_mode=True), sink(taken))


async def by_data(wanted, taken):
    source = Source(wanted)
    source.on("data", taken.append)
    await forebay.finished(source)


async def by_readable(wanted, taken):
    source = Source(wanted)
    source.on("readable", lambda: taken.extend(iter(source.read, None)))
    await forebay.finished(source)


async def from_an_iterator(wanted, taken):
    await pipeline(Readable.from_(wanted), sink(taken))


async def from_an_iterator_by_data(wanted, taken):
    source = Readable.from_(wanted)
    source.on("data", taken.append)
    await forebay.finished(source)


async def from_a_plain_iterator(wanted, taken):
    await pipeline(wanted, sink(taken))


async def through_a_function(wanted, taken):
    async def same(items):
        async for item in items:
            yield item

    await pipeline(wanted, same, sink(taken))


async def through_a_generator(wanted, taken):
    await pipeline(wanted, Transform(object_mode=True, transform=pairs), sink(taken))


async def out_of_one_generator(wanted, taken):
    stream = Transform(object_mode=True, transform=lambda _: wanted_numbers(wanted))
    stream.on("data", taken.append)
    stream.end(0)
    await forebay.finished(stream)


async def out_of_a_generator_without_output(wanted, taken):
    def nothing(_):
        for number in wanted:
            taken.append(number)
            yield None

    stream = Transform(object_mode=True, transform=nothing)
    stream.resume()
    stream.end(0)
    await forebay.finished(stream)


def wanted_numbers(wanted):
    yield from wanted


async def through_operators(wanted, taken):
    await Source(wanted).map(lambda number: number).filter(lambda number: True).for_each(taken.append)


async def through_async_operators(wanted, taken):
    async def same(number):
        return number

    await Source(wanted).map(same).for_each(taken.append)


async def to_a_list(wanted, taken):
    taken.extend(await Source(wanted).to_list())


async def by_iteration(wanted, taken):
    async for number in Source(wanted):
        taken.append(number)


async def by_async_hooks(wanted, taken):
    async def write(number):
        taken.append(number)

    await pipeline(wanted, Writable(object_mode=True, write=write))


async def of_a_full_buffer(wanted, taken):
    """All are in the buffer at once, far above the mark."""
    source = Readable(object_mode=True, read=lambda size: None)
    source.push_many(list(range(600_000)))
    source.push(None)
    async for number in source:
        taken.append(number)
        if wanted.enough:
            break


async def merged(wanted, taken):
    await pipeline(merge(Source(wanted)), sink(taken))


async def composed(wanted, taken):
    through = compose(PassThrough(object_mode=True), PassThrough(object_mode=True))
    await pipeline(wanted, through, sink(taken))


async def of_ticks(wanted, taken):
    done = asyncio.get_running_loop().create_future()

    def tick():
        number = next(wanted, None)
        if number is None:
            done.set_result(None)
        else:
            taken.append(number)
            next_tick(tick)

    next_tick(tick)
    await done


async def by_hand(wanted, taken):
    stream = sink(taken)
    for number in wanted:
        await stream.send(number)
    stream.end()
    await forebay.finished(stream)


FLOWS = [
    by_pipe,
    by_stages,
    by_data,
    by_readable,
    from_an_iterator,
    from_an_iterator_by_data,
    from_a_plain_iterator,
    through_a_function,
    through_a_generator,
    out_of_one_generator,
    out_of_a_generator_without_output,
    through_operators,
    through_async_operators,
    to_a_list,
    by_iteration,
    by_async_hooks,
    of_a_full_buffer,
    merged,
    composed,
    of_ticks,
    by_hand,
]


@looped
@pytest.mark.parametrize("flow", FLOWS)
async def test_another_task_runs_during_a_flow(flow):
    wanted = Wanted()
    taken = []

    async def others():
        for _ in range(TURNS):
            await asyncio.sleep(0)
        wanted.enough = True

    beside = asyncio.create_task(others())
    await flow(wanted, taken)
    assert beside.done()
    assert taken == list(range(len(taken)))


@looped
@pytest.mark.parametrize("flow", [by_stages, by_iteration, from_a_plain_iterator, through_operators])
async def test_a_timeout_ends_a_flow(flow):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await flow(Wanted(), [])


@looped
@pytest.mark.parametrize("pause", [0.02, 0.05])
async def test_a_flow_that_is_paused_by_another_task_goes_on_where_it_was(pause):
    wanted = Wanted()
    taken = []
    source = Source(wanted)
    source.on("data", taken.append)
    for _ in range(3):
        await asyncio.sleep(0.001)
        source.pause()
        count = len(taken)
        await asyncio.sleep(pause)
        assert len(taken) == count
        source.resume()
    wanted.enough = True
    await forebay.finished(source)
    assert taken == list(range(len(taken)))


@pytest.mark.parametrize("name", LOOPS)
def test_reading_beside_the_loop_waits_for_no_turn(name):
    async def main():
        source = Source(Wanted())
        source.on("readable", lambda: None)
        await asyncio.sleep(0)
        return source

    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        source = runner.run(main())
        assert [source.read() for _ in range(100_000)] == list(range(100_000))
        source.destroy()
