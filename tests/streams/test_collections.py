"""A garbage collection may come wherever an object is made, and with it any `__del__`: what that puts into the same
stream, emitter or queue of ticks comes before or after the call that was under way, and is not lost."""

import asyncio
import gc
import sys

import pytest

from forebay import Completion, EventEmitter, PassThrough, Readable, Writable, backend, finished, next_tick

pytestmark = pytest.mark.skipif(
    backend == "python" and sys.version_info < (3, 12),
    reason="Python 3.11 crashes if a collection adds an attribute to an object whose dict is being made",
)


class Garbage:
    """In a cycle, as an abandoned iterator or stream is."""

    def __init__(self, act):
        self.me = self
        self.act = act

    def __del__(self):
        self.act()


@pytest.fixture
def during():
    """Call a function with a collection at the first object that it makes, and at each one after that."""
    threshold = gc.get_threshold()

    def call(act, fn, *args, **options):
        gc.collect()
        gc.disable()
        gc.set_threshold(1)
        Garbage(act)
        gc.enable()
        try:
            return fn(*args, **options)
        finally:
            gc.disable()
            # Where the call made no object there was no collection: it comes now, while the loop still runs.
            gc.collect()

    yield call
    gc.set_threshold(*threshold)
    gc.enable()


def no_spare_lists():
    """The interpreter keeps some released lists and tuples, and reuses them without a collection."""
    return [[] for _ in range(300)], [(object(),) for _ in range(300)]


@pytest.mark.parametrize("queued", [0, 1, 2, 3, 5, 8, 10])
def test_ticks_added_during_a_collection(run, during, queued):
    ran = []

    async def main():
        spare = no_spare_lists()
        for n in range(queued):
            next_tick(ran.append, n)
        during(lambda: next_tick(ran.append, "del"), next_tick, ran.append, "last")
        await asyncio.sleep(0)
        del spare

    run(main)
    assert ran[:queued] == list(range(queued))
    assert sorted(ran[queued:]) == ["del", "last"]


@pytest.mark.parametrize("queued", [0, 1, 3, 4, 7, 8, 16])
def test_writes_during_a_collection(run, during, queued):
    written = []
    called = []

    async def main():
        spare = no_spare_lists()
        sink = Writable(write=lambda chunk: written.append(bytes(chunk)))
        sink.cork()
        for n in range(queued):
            sink.write(b"%d" % n, callback=lambda error, n=n: called.append(n))
        during(
            lambda: sink.write(b"del", callback=lambda error: called.append("del")),
            sink.write,
            b"last",
            callback=lambda error: called.append("last"),
        )
        sink.uncork()
        sink.end()
        await finished(sink)
        del spare

    run(main)
    assert written[:queued] == [b"%d" % n for n in range(queued)]
    assert sorted(written[queued:]) == [b"del", b"last"]
    assert len(called) == queued + 2


def test_uncork_during_the_allocation_of_a_write(run, during):
    written = []

    async def main():
        sink = Writable(write=lambda chunk: written.append(bytes(chunk)))
        sink.cork()
        during(sink.uncork, sink.write, b"a")
        sink.write(b"b")
        sink.end()
        await asyncio.wait_for(finished(sink), 5)

    run(main)
    assert written == [b"a", b"b"]


@pytest.mark.parametrize("queued", [0, 1, 3, 4, 7, 8, 16])
def test_pushes_during_a_collection(run, during, queued):
    async def main():
        spare = no_spare_lists()
        source = Readable(read=lambda size: None)
        for n in range(queued):
            source.push(b"%d," % n)
        during(lambda: source.push(b"del,"), source.push, b"last,")
        source.push(None)
        del spare
        return b"".join(await source.to_list()).split(b",")

    chunks = run(main)
    assert chunks[:queued] == [b"%d" % n for n in range(queued)]
    assert sorted(chunks[queued:]) == [b"", b"del", b"last"]


@pytest.mark.parametrize("queued", [0, 1, 3, 4, 7, 8, 16])
def test_read_during_the_allocation_of_a_push(run, during, queued):
    taken = []

    async def main():
        spare = no_spare_lists()
        source = Readable(read=lambda size: None)
        for n in range(queued):
            source.push(b"%02d" % n)
        source.read(1)
        during(lambda: taken.append(source.read(3)), source.unshift, b"front")
        source.push(None)
        del spare
        rest = b"".join(await source.to_list())
        return b"".join([*filter(None, taken), rest])

    data = b"".join(b"%02d" % n for n in range(queued))[1:]
    got = run(main)
    assert got in {b"front" + data, data[:3] + b"front" + data[3:]}


class Last:
    """A chunk that acts when its last reference is gone."""

    def __init__(self, act):
        self.act = act

    def __del__(self):
        self.act()


def test_del_of_a_dropped_chunk_writes_and_uncorks(run):
    handed, told = [], []

    async def main():
        first = Completion()

        def write(chunk):
            handed.append(chunk)
            return first if len(handed) == 1 else Completion()

        sink = Writable(write=write, object_mode=True, auto_destroy=False)

        def act():
            sink.cork()
            sink.write("late", callback=lambda error: told.append("late"))
            sink.uncork()

        sink.on("error", lambda error: None)
        sink.write("first")
        for n in range(3):
            sink.write(Last(act) if n == 0 else n, callback=lambda error, n=n: told.append(n))
        first.reject(ValueError())
        for _ in range(5):
            await asyncio.sleep(0)
        sink.destroy()
        await asyncio.sleep(0)

    run(main)
    # All of it is told in its order, and no hook gets what was dropped.
    assert told == [0, 1, 2, "late"]
    assert handed == ["first"]


def test_del_of_a_chunk_may_read(run):
    """A single read takes several chunks, and the first one is half read."""

    class Odd(bytearray):
        act = None

        def __del__(self):
            if self.act:
                self.act()

    async def main():
        nested = []
        source = Readable(read=lambda size: None)
        front = Odd(b"0123")
        front.act = lambda: nested.append(source.read(2))
        source.push(front)
        del front
        for chunk in (b"4567", b"89ab", b"cdef"):
            source.push(chunk)
        start = source.read(1)
        taken = source.read(9)
        source.push(None)
        rest = b"".join(await source.to_list())
        assert (bytes(start), bytes(taken)) == (b"0", b"123456789")
        assert [bytes(start + taken), *nested, rest] == [b"0123456789", b"ab", b"cdef"]

    run(main)


@pytest.mark.parametrize("method", ["on", "once", "prepend_listener"])
@pytest.mark.parametrize("before", [0, 1, 2, 5])
def test_listeners_added_during_a_collection(during, method, before):
    seen = []
    emitter = EventEmitter()
    for n in range(before):
        emitter.on("x", lambda n=n: seen.append(n))
    during(
        lambda: emitter.on("x", lambda: seen.append("del")),
        getattr(emitter, method),
        "x",
        lambda: seen.append("last"),
    )
    emitter.emit("x")
    assert sorted(map(str, seen)) == sorted([*map(str, range(before)), "del", "last"])


@pytest.mark.parametrize("before", [1, 2, 3, 5])
def test_listener_added_while_another_is_removed(during, before):
    seen = []
    emitter = EventEmitter()
    for n in range(before):
        emitter.on("x", lambda n=n: seen.append(n))
    last = seen.clear
    emitter.on("x", last)
    during(lambda: emitter.on("x", lambda: seen.append("del")), emitter.off, "x", last)
    emitter.emit("x")
    assert seen == [*range(before), "del"]


def test_eq_of_a_listener_removes_it(run):
    class Odd:
        def __call__(self):
            return None

        def __eq__(self, other):
            emitter.remove_all_listeners("x")
            emitter.on("x", print)
            return True

        __hash__ = None

    emitter = EventEmitter()
    emitter.on("x", Odd())
    emitter.off("x", len)
    assert emitter.listeners("x") == [print]


def test_end_callbacks_during_a_collection(run, during):
    called = []

    async def main():
        sink = Writable(write=lambda chunk: None)
        during(
            lambda: sink.end(callback=lambda error: called.append("del")),
            sink.end,
            callback=lambda error: called.append("last"),
        )
        await finished(sink)

    run(main)
    assert sorted(called) == ["del", "last"]


def test_pipes_added_during_a_collection(run, during):
    seen = {"del": [], "last": []}

    async def main():
        source = Readable(read=lambda size: None)
        sinks = {name: Writable(write=seen[name].append) for name in seen}
        during(lambda: source.pipe(sinks["del"]), source.pipe, sinks["last"])
        source.push(b"data")
        source.push(None)
        await asyncio.wait_for(asyncio.gather(*map(finished, sinks.values())), 5)

    run(main)
    assert seen == {"del": [b"data"], "last": [b"data"]}


def test_attributes_set_by_del_are_kept(run, during):
    async def main():
        through = PassThrough()
        during(lambda: setattr(through, "mark", 1), through.write, b"x")
        through.resume()
        through.end()
        await finished(through)
        return through.mark

    assert run(main) == 1
