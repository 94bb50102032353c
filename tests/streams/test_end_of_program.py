"""The end of a program: undelivered data is waited for, or named when it is dropped."""

import asyncio
import gc
import os
import socket
import threading
import time
import warnings

import pytest

import forebay
from forebay import Completion, PassThrough, Readable, Transform, Writable, create_write_stream, pipeline
from forebay.codecs import gzip
from forebay.net import connect
from forebay.throttle import throttle
from support.loops import LOOPS

LONG = 30.0


@pytest.fixture(params=LOOPS)
def ended(request):
    """Run a program by forebay.run(), on every loop; give what it returned and what was said of dropped data."""
    return lambda main: said_by(lambda: forebay.run(main, uvloop=request.param == "uvloop"))


@pytest.fixture(params=LOOPS)
def cut_off(request):
    """The same program by what does not wait."""

    def by_runner(main):
        factory = asyncio.new_event_loop
        if request.param == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop

        def go():
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(main())

        return said_by(go)

    return by_runner


def said_by(go):
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = go()
    assert {each.category for each in said} <= {ResourceWarning}
    return result, sorted(str(each.message) for each in said)


kept = []


@pytest.fixture(autouse=True)
def let_go():
    yield
    kept.clear()


# ---- what is waited for


def write_and_end(path, taken):
    stream = create_write_stream(path)
    for _ in range(20):
        stream.write(bytes(100_000))
    stream.end()


def write_alone(path, taken):
    stream = create_write_stream(path)
    stream.write(bytes(2_000_000))


def pipelined(path, taken):
    pipeline((bytes(100_000) for _ in range(20)), PassThrough(), create_write_stream(path))


def piped(path, taken):
    source = Readable.from_((bytes(100_000) for _ in range(20)), object_mode=False)
    source.pipe(create_write_stream(path))


def through_a_throttle(path, taken):
    pipeline([bytes(2_000_000)], throttle(20_000_000), create_write_stream(path))


def composed(path, taken):
    pipeline([bytes(2_000_000)], forebay.compose(PassThrough(), PassThrough()), create_write_stream(path))


def a_chain(path, taken):
    _ = Readable.from_([bytes(2_000_000)], object_mode=False) | PassThrough() | create_write_stream(path)


@pytest.mark.parametrize(
    "start", [write_and_end, write_alone, pipelined, piped, through_a_throttle, composed, a_chain]
)
def test_run_waits_for_undelivered_data(ended, tmp_path, start):
    path = tmp_path / "out"

    async def main():
        start(path, kept)
        return 7

    assert ended(main) == (7, [])
    assert os.path.getsize(path) == 2_000_000


async def asleep(chunk):
    await asyncio.sleep(0.01)
    kept.append(chunk)


def in_a_thread(chunk):
    return asyncio.to_thread(lambda: (time.sleep(0.05), kept.append(chunk)))


def by_a_timer(chunk):
    done = Completion()
    asyncio.get_running_loop().call_later(0.01, lambda: (kept.append(chunk), done.resolve()))
    return done


@pytest.mark.parametrize("write", [asleep, in_a_thread, by_a_timer])
def test_run_waits_for_slow_hooks(ended, write):
    async def main():
        stream = Writable(write=write, high_water_mark=1)
        for chunk in (b"1", b"2", b"3"):
            stream.write(chunk)

    assert ended(main) == (None, [])
    assert kept == [b"1", b"2", b"3"]


def test_run_waits_for_data_listeners_and_functions(ended):
    async def numbers():
        for number in range(3):
            await asyncio.sleep(0.01)
            yield number

    async def sink(items):
        async for item in items:
            kept.append(item)

    async def main():
        Readable.from_(numbers()).on("data", kept.append)
        pipeline(numbers, sink)

    assert ended(main) == (None, [])
    assert sorted(kept) == [0, 0, 1, 1, 2, 2]


def test_run_waits_for_the_work_of_other_threads(ended):
    async def main():
        packed = gzip()
        packed.on("data", kept.append)
        packed.end(os.urandom(3_000_000))

    assert ended(main) == (None, [])
    assert len(b"".join(kept)) > 3_000_000


def test_run_waits_for_streams_started_during_the_wait(ended, tmp_path):
    path = tmp_path / "out"

    async def main():
        first = Writable(write=asleep)
        first.end(b"1")
        first.on("finish", lambda: create_write_stream(path).end(b"2"))

    assert ended(main) == (None, [])
    assert path.read_bytes() == b"2"


def test_run_waits_for_a_socket(ended):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        peer, _ = listener.accept()
        with peer:
            while data := peer.recv(1 << 16):
                kept.append(len(data))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    async def main():
        stream = await connect(listener.getsockname()[1])
        stream.on("finish", stream.destroy)
        stream.end(bytes(5_000_000))

    assert ended(main) == (None, [])
    thread.join(LONG)
    listener.close()
    assert sum(kept) == 5_000_000


# ---- what can never come


def never(*_):
    return asyncio.get_running_loop().create_future()


def stuck_write():
    kept.append(Writable(write=never))
    kept[-1].write(b"abc")


def stuck_completion():
    kept.append(Writable(write=lambda chunk: Completion()))
    kept[-1].end(b"abc")


def stuck_cork():
    kept.append(Writable(write=lambda chunk: None))
    kept[-1].cork()
    kept[-1].write(b"abc")


def stuck_unread():
    kept.append(Transform(transform=lambda chunk: chunk))
    kept[-1].write(b"abc")


def stuck_pipe():
    kept.append(Readable(read=lambda size: None))
    kept.append(Writable(write=lambda chunk: Completion(), high_water_mark=1))
    kept[-2].push(b"abc")
    kept[-2].push(b"def")
    kept[-2].pipe(kept[-1])


STUCK = {
    stuck_write: ["Writable was dropped with 3 bytes in it"],
    stuck_completion: ["Writable was dropped with 3 bytes in it"],
    stuck_cork: ["Writable was dropped with 3 bytes in it"],
    stuck_unread: ["Transform was dropped with 3 bytes in it"],
    stuck_pipe: ["Readable was dropped with 3 bytes in it", "Writable was dropped with 3 bytes in it"],
}


@pytest.mark.parametrize("start", STUCK)
def test_data_that_can_never_come_is_named(ended, start):
    async def main():
        start()

    assert ended(main) == (None, STUCK[start])


@pytest.mark.parametrize("start", STUCK)
def test_dropped_data_is_named_without_run(cut_off, start):
    async def main():
        start()

    assert cut_off(main) == (None, STUCK[start])


def test_unawaited_pipeline_is_named_with_its_stages(cut_off):
    async def main():
        pipeline([b"abc"], PassThrough(), Writable(write=never))
        await asyncio.sleep(0.01)

    _, said = cut_off(main)
    assert said == [
        "Pipeline of list | PassThrough | Writable was never awaited, and was dropped with 3 bytes in Writable",
        "Writable was dropped with 3 bytes in it",
    ]


def test_a_stream_is_named_by_its_class_and_its_path(cut_off):
    class Upload(Writable):
        path = "a/b"

    class Told(Writable):
        def __repr__(self):
            return "<told>"

    async def main():
        kept.extend([Upload(write=never), Told(write=never)])
        for stream in kept:
            stream.end(b"abc")

    assert cut_off(main) == (
        None,
        ["<told> was dropped with 3 bytes in it", "Upload('a/b') was dropped with 3 bytes in it"],
    )


def test_pipeline_cancelled_at_the_end_of_the_loop_is_named(cut_off):
    async def copy():
        await pipeline([b"abc"], Writable(write=never))

    async def main():
        kept.append(asyncio.create_task(copy()))
        await asyncio.sleep(0.01)

    _, said = cut_off(main)
    assert said == [
        "Pipeline of list | Writable was dropped with 3 bytes in Writable",
        "Writable was dropped with 3 bytes in it",
    ]


# ---- what needs no word


def test_streams_destroyed_by_the_program_are_not_named(cut_off):
    async def main():
        stuck_write()
        kept[-1].destroy()
        task = asyncio.ensure_future(_awaited(pipeline([b"abc"], Writable(write=never))))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    assert cut_off(main) == (None, [])


def test_the_result_of_a_pipeline_is_delivered_by_its_await(cut_off):
    async def items_of(stream):
        return [item async for item in stream]

    async def main():
        return await pipeline(Readable.from_(range(3)), PassThrough(object_mode=True), items_of)

    assert cut_off(main) == ([0, 1, 2], [])


async def _awaited(flow):
    return await flow


def test_empty_streams_are_neither_waited_for_nor_named(ended):
    async def main():
        one, other = forebay.duplex_pair()
        kept.extend([Readable(read=never), Writable(write=never), PassThrough(), one, other])
        kept[0].read()
        await pipeline([b"abc"], Writable(write=lambda chunk: None))

    assert ended(main) == (None, [])


def test_an_exception_of_main_is_raised_at_once(ended):
    waited = []

    async def main():
        stuck_write()
        asyncio.get_running_loop().call_later(LONG, waited.append, True)
        raise KeyError("main")

    with pytest.raises(KeyError, match="main"):
        ended(main)
    assert not waited


def test_streams_of_another_loop_are_ignored(cut_off):
    other = asyncio.new_event_loop()

    async def start():
        stuck_write()

    other.run_until_complete(start())

    async def main():
        stuck_cork()

    assert cut_off(main) == (None, ["Writable was dropped with 3 bytes in it"])
    assert said_by(other.close) == (None, ["Writable was dropped with 3 bytes in it"])
    assert said_by(other.close) == (None, [])


# ---- a task that is cancelled before its first step


def late(start):
    """Call ``start`` in the last turn of the loop: tasks that it makes are cancelled before their first step."""

    async def main():
        loop = asyncio.get_running_loop()
        asyncio.current_task().add_done_callback(
            # uvloop has one more turn.
            lambda _: loop.call_soon(start) if type(loop).__module__.startswith("uvloop") else start()
        )

    return main


def test_a_hook_whose_task_has_not_begun_is_released(cut_off):
    closed = []

    async def write(chunk):
        try:
            await asyncio.sleep(LONG)
        finally:
            closed.append("hook")

    def start():
        stream = Writable(write=write)
        stream.on("close", lambda: closed.append("close"))
        stream.write(b"abc")

    assert cut_off(late(start)) == (None, ["Writable was dropped with 3 bytes in it"])
    assert closed == ["hook", "close"]


def test_a_pipeline_that_has_not_begun_is_released(cut_off):
    events = []

    def start():
        sink = Writable(write=never)
        sink.on("close", lambda: events.append("close"))
        pipeline([b"abc"], sink)

    _, said = cut_off(late(start))
    assert said == ["Pipeline of list | Writable was never awaited, and was dropped before its end"]
    assert events == ["close"]


def test_a_coroutine_listener_that_has_not_begun_is_closed(cut_off):
    async def listener():
        kept.append("ran")

    def start():
        stream = PassThrough()
        stream.on("x", listener)
        stream.emit("x")

    assert cut_off(late(start)) == (None, [])
    gc.collect()
    assert kept == []


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("name", ["map", "filter", "for_each", "flat_map"])
def test_a_call_of_an_operator_is_cancelled_in_silence(capsys, loop_name, name, begun):
    async def wait(item):
        await asyncio.sleep(LONG)

    async def main():
        contexts = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
        result = getattr(Readable.from_(range(10)), name)(wait)
        kept.append(result if name == "for_each" else result.on("data", print))
        if begun:
            await asyncio.sleep(0.01)
        return contexts

    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            contexts = runner.run(main())
        kept.clear()
        gc.collect()
    assert contexts == []
    assert capsys.readouterr() == ("", "")
