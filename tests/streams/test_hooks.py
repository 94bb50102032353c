"""Every kind of hook against every way in which a hook may be done, given by keyword and by a subclass."""

import asyncio

import pytest

from forebay import Completion, Duplex, MultipleCompletionError, Readable, Transform, Writable
from support.streams import closed, looped, quiet


class Boom(Exception):
    """What the hooks of these tests fail with."""


def plain(value):
    return value


async def coroutine(value):
    return value


async def slow_coroutine(value):
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return value


def future(value):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, value)
    return done


def completion(value):
    done = Completion()
    done.resolve(value)
    return done


def completion_later(value):
    done = Completion()
    asyncio.get_running_loop().call_soon(done.resolve, value)
    return done


def raises(value):
    raise Boom


async def coroutine_raises(value):
    raise Boom


async def slow_coroutine_raises(value):
    await asyncio.sleep(0)
    raise Boom


def future_fails(value):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_exception, Boom())
    return done


def rejects(value):
    done = Completion()
    done.reject(Boom())
    return done


def rejects_later(value):
    done = Completion()
    asyncio.get_running_loop().call_soon(done.reject, Boom())
    return done


def resolves_twice(value):
    done = completion(value)
    done.resolve(value)
    return done


def resolves_twice_later(value):
    done = completion_later(value)
    asyncio.get_running_loop().call_soon(done.resolve, value)
    return done


def resolves_twice_at_once(value):
    done = Completion()

    def twice():
        done.resolve(value)
        done.resolve(value)

    asyncio.get_running_loop().call_soon(twice)
    return done


DONE = (plain, coroutine, slow_coroutine, future, completion, completion_later)
FAILS = (
    raises,
    coroutine_raises,
    slow_coroutine_raises,
    future_fails,
    rejects,
    rejects_later,
)
TWICE = (resolves_twice, resolves_twice_later, resolves_twice_at_once)

done_ways = pytest.mark.parametrize("way", DONE, ids=lambda way: way.__name__)
failing_ways = pytest.mark.parametrize("way", FAILS, ids=lambda way: way.__name__)
double_ways = pytest.mark.parametrize("way", TWICE, ids=lambda way: way.__name__)
forms = pytest.mark.parametrize("form", ["keyword", "method"])
readers = pytest.mark.parametrize("base", [Readable, Duplex], ids=["Readable", "Duplex"])
writers = pytest.mark.parametrize("base", [Writable, Duplex], ids=["Writable", "Duplex"])


def make(base, form, hooks, **options):
    """A stream with the hooks given in one of the two forms."""
    if base is Duplex:
        hooks = {"read": lambda size: None, **hooks}
    if form == "keyword":
        return base(**hooks, **options)

    def method(hook):
        return lambda self, *args: hook(*args)

    return type("Mine", (base,), {f"_{name}": method(hook) for name, hook in hooks.items()})(**options)


class Log:
    """What happened to a stream."""

    def __init__(self, stream):
        self.stream = stream
        self.events = []
        self.errors = []
        self.data = []
        for name in ("end", "finish", "close"):
            stream.on(name, lambda name=name: self.events.append(name))
        stream.on("error", self._failed)
        if isinstance(stream, Readable):
            stream.on("data", self.data.append)

    def _failed(self, error):
        self.events.append("error")
        self.errors.append(error)

    async def until_closed(self):
        if "close" not in self.events:
            gone = asyncio.get_running_loop().create_future()
            self.stream.once("close", lambda: gone.set_result(None))
            await gone
        await quiet()
        return self

    def failed_with(self, kind):
        """One error of the kind, then 'close', and nothing else."""
        return self.events[-2:] == ["error", "close"] and [type(error) for error in self.errors] == [kind]


def once_only(way, value, calls, then=plain):
    """A hook that is done in the way under test the first time, and at once from then on."""

    def hook(*args):
        calls.append(args)
        return way(value) if len(calls) == 1 else then(None)

    return hook


# ---- read


def reading(way, values):
    """A read hook that gives one value after the other, and b"" at the end, all in the same way."""
    left = list(values)
    return lambda size: way(left.pop(0) if left else b"")


@looped
@done_ways
@forms
@readers
async def test_read(way, form, base):
    stream = make(base, form, {"read": reading(way, [b"one", b"two"])})
    if base is Duplex:
        stream.end()
    log = await Log(stream).until_closed()
    assert log.data == [b"one", b"two"]
    assert log.errors == []
    assert log.events[-1] == "close"
    assert "end" in log.events


@looped
@done_ways
@forms
async def test_read_by_push(way, form):
    left = [b"one", b"two", None]

    def read(size):
        stream.push(left.pop(0))
        return way(None)

    stream = make(Readable, form, {"read": read})
    log = await Log(stream).until_closed()
    assert log.data == [b"one", b"two"]
    assert log.events == ["end", "close"]


@looped
@done_ways
async def test_read_in_object_mode(way):
    left = [0, "", (), {"a": 1}]

    def read(size):
        if not left:
            stream.push(None)
            return way(None)
        return way(left.pop(0))

    stream = Readable(read=read, object_mode=True)
    log = await Log(stream).until_closed()
    assert log.data == [0, "", (), {"a": 1}]


@looped
@failing_ways
@forms
@readers
async def test_read_fails(way, form, base):
    calls = []
    log = await Log(make(base, form, {"read": once_only(way, None, calls)})).until_closed()
    assert log.failed_with(Boom)
    assert log.data == []
    assert len(calls) == 1


@looped
@double_ways
@forms
async def test_read_completes_twice(way, form):
    calls = []
    log = await Log(make(Readable, form, {"read": once_only(way, b"x", calls)})).until_closed()
    assert log.failed_with(MultipleCompletionError)


# ---- write and writev


@looped
@done_ways
@forms
@writers
async def test_write(way, form, base):
    taken = []

    def write(chunk):
        taken.append(chunk)
        return way(len(chunk))

    stream = make(base, form, {"write": write})
    told = []
    for chunk in (b"one", b"two", b"three"):
        stream.write(chunk, callback=told.append)
    stream.end()
    if base is Duplex:
        stream.push(None)
    log = await Log(stream).until_closed()
    assert taken == [b"one", b"two", b"three"]
    assert told == [None, None, None]
    assert log.errors == []
    assert "finish" in log.events


@looped
@failing_ways
@forms
@writers
async def test_write_fails(way, form, base):
    calls = []
    stream = make(base, form, {"write": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    stream.write(b"one", callback=told.append)
    stream.write(b"two", callback=told.append)
    stream.end(callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [(b"one",)]
    assert [type(error) for error in told] == [Boom] * 3
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_write_completes_twice(way, form):
    calls = []
    stream = make(Writable, form, {"write": once_only(way, None, calls, completion_later)})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
@forms
async def test_writev(way, form):
    taken = []

    def writev(chunks):
        taken.append(chunks)
        return way(None)

    stream = make(Writable, form, {"writev": writev})
    told = []
    with stream.corked():
        for chunk in (b"one", b"two", b"three"):
            stream.write(chunk, callback=told.append)
    stream.end(b"last")
    log = await Log(stream).until_closed()
    assert [chunk for chunks in taken for chunk in chunks] == [b"one", b"two", b"three", b"last"]
    assert taken[0] == [b"one", b"two", b"three"]
    assert told == [None, None, None]
    assert log.events == ["finish", "close"]


@looped
@failing_ways
@forms
async def test_writev_fails(way, form):
    calls = []
    stream = make(Writable, form, {"writev": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    with stream.corked():
        stream.write(b"one", callback=told.append)
        stream.write(b"two", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [([b"one", b"two"],)]
    assert [type(error) for error in told] == [Boom] * 2


@looped
@double_ways
@forms
async def test_writev_completes_twice(way, form):
    stream = make(Writable, form, {"writev": once_only(way, None, [])})
    log = Log(stream)
    with stream.corked():
        stream.write(b"one")
        stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)


# ---- final


@looped
@done_ways
@forms
@writers
async def test_final(way, form, base):
    taken = []
    calls = []
    hooks = {"write": taken.append, "final": lambda: calls.append(list(taken)) or way("ignored")}
    stream = make(base, form, hooks)
    log = Log(stream)
    stream.end(b"last")
    if base is Duplex:
        stream.push(None)
    await log.until_closed()
    assert calls == [[b"last"]]
    assert log.errors == []
    assert "finish" in log.events


@looped
@failing_ways
@forms
@writers
async def test_final_fails(way, form, base):
    calls = []
    stream = make(base, form, {"write": lambda chunk: None, "final": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    stream.end(b"last", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert len(calls) == 1
    assert [type(error) for error in told] == [Boom]
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_final_completes_twice(way, form):
    stream = make(Writable, form, {"write": lambda chunk: None, "final": once_only(way, None, [])})
    log = Log(stream)
    stream.end(b"last")
    await log.until_closed()
    assert [type(error) for error in log.errors] == [MultipleCompletionError]
    assert log.events[-1] == "close"
    assert "finish" not in log.events


# ---- construct


@looped
@done_ways
@forms
async def test_construct_of_a_readable(way, form):
    order = []

    def construct():
        order.append("construct")
        return way("ignored")

    def read(size):
        order.append("read")
        return b""

    log = await Log(make(Readable, form, {"construct": construct, "read": read})).until_closed()
    assert order == ["construct", "read"]
    assert log.events == ["end", "close"]


@looped
@done_ways
@forms
async def test_construct_of_a_writable(way, form):
    order = []

    def construct():
        order.append("construct")
        return way("ignored")

    stream = make(Writable, form, {"construct": construct, "write": order.append})
    stream.write(b"one")
    stream.end(b"two")
    assert order == []
    log = await Log(stream).until_closed()
    assert order == ["construct", b"one", b"two"]
    assert log.events == ["finish", "close"]


@looped
@failing_ways
@forms
@pytest.mark.parametrize("base", [Readable, Writable, Duplex, Transform], ids=lambda base: base.__name__)
async def test_construct_fails(way, form, base):
    calls = []
    log = await Log(make(base, form, {"construct": once_only(way, None, calls)})).until_closed()
    assert log.failed_with(Boom)
    assert log.events == ["error", "close"]
    assert len(calls) == 1


@looped
@double_ways
@forms
async def test_construct_completes_twice(way, form):
    stream = make(Writable, form, {"construct": once_only(way, None, []), "write": lambda chunk: None})
    log = await Log(stream).until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
async def test_destroy_waits_for_construct(way):
    order = []

    def construct():
        order.append("construct")
        return way(None)

    stream = Readable(construct=construct, destroy=lambda error: order.append("destroy"))
    stream.destroy()
    assert order == []
    assert stream.destroyed
    await closed(stream)
    assert order == ["construct", "destroy"]


# ---- destroy


@looped
@done_ways
@forms
@pytest.mark.parametrize("base", [Readable, Writable, Duplex, Transform], ids=lambda base: base.__name__)
async def test_destroy(way, form, base):
    calls = []
    stream = make(base, form, {"destroy": once_only(way, None, calls)})
    log = Log(stream)
    stream.destroy()
    stream.destroy()
    await log.until_closed()
    assert calls == [(None,)]
    assert log.events == ["close"]


@looped
@pytest.mark.parametrize("way", [plain, coroutine, slow_coroutine, future], ids=lambda way: way.__name__)
@forms
async def test_destroy_keeps_the_error(way, form):
    calls = []
    stream = make(Readable, form, {"destroy": once_only(way, None, calls)})
    log = Log(stream)
    error = ValueError("kept")
    stream.destroy(error)
    await log.until_closed()
    assert calls == [(error,)]
    assert log.errors == [error]
    assert log.events == ["error", "close"]


@looped
@pytest.mark.parametrize("way", [completion, completion_later], ids=lambda way: way.__name__)
async def test_a_completion_of_destroy_drops_the_error(way):
    stream = Readable(destroy=lambda error: way(None))
    log = Log(stream)
    error = ValueError("dropped")
    stream.destroy(error)
    await log.until_closed()
    assert log.events == ["close"]
    assert stream.errored is error


@looped
@failing_ways
@forms
@pytest.mark.parametrize("error", [None, ValueError("first")], ids=["plain", "with-error"])
async def test_destroy_fails(way, form, error):
    stream = make(Readable, form, {"destroy": once_only(way, None, [])})
    log = Log(stream)
    stream.destroy(error)
    await log.until_closed()
    assert log.failed_with(Boom)


@looped
@double_ways
@forms
async def test_only_the_first_completion_of_destroy_counts(way, form):
    stream = make(Readable, form, {"destroy": once_only(way, None, [])})
    log = Log(stream)
    stream.destroy()
    await log.until_closed()
    assert log.events == ["close"]


# ---- transform and flush


@looped
@done_ways
@forms
async def test_transform(way, form):
    stream = make(Transform, form, {"transform": lambda chunk: way(chunk.upper())})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    stream.end()
    await log.until_closed()
    assert b"".join(log.data) == b"ONETWO"
    assert log.errors == []
    assert log.events[-1] == "close"


@looped
@done_ways
@forms
async def test_transform_without_output(way, form):
    stream = make(Transform, form, {"transform": lambda chunk: way(None)})
    log = Log(stream)
    stream.end(b"gone")
    await log.until_closed()
    assert log.data == []
    assert log.errors == []


@looped
@failing_ways
@forms
async def test_transform_fails(way, form):
    calls = []
    stream = make(Transform, form, {"transform": once_only(way, None, calls)})
    log = Log(stream)
    told = []
    stream.write(b"one", callback=told.append)
    stream.write(b"two", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [(b"one",)]
    assert [type(error) for error in told] == [Boom] * 2


@looped
@double_ways
@forms
async def test_transform_completes_twice(way, form):
    stream = make(Transform, form, {"transform": once_only(way, b"x", [], completion_later)})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
@forms
async def test_flush(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": lambda: way(b"!")}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert b"".join(log.data) == b"one!"
    assert log.errors == []
    assert sorted(log.events[:-1]) == ["end", "finish"]


@looped
@failing_ways
@forms
async def test_flush_fails(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": once_only(way, None, [])}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert log.failed_with(Boom)
    assert "end" not in log.events
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_flush_completes_twice(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": once_only(way, b"!", [])}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert [type(error) for error in log.errors] == [MultipleCompletionError]
    assert log.events[-1] == "close"


def generator(*values):
    yield from values


async def async_generator(*values):
    for value in values:
        await asyncio.sleep(0)
        yield value


def failing_generator(*values):
    yield values[0]
    raise Boom


async def failing_async_generator(*values):
    yield values[0]
    raise Boom


@looped
@pytest.mark.parametrize("make_outputs", [generator, async_generator], ids=lambda make: make.__name__)
@forms
async def test_transform_and_flush_as_generators(make_outputs, form):
    hooks = {
        "transform": lambda chunk: make_outputs(chunk, chunk),
        "flush": lambda: make_outputs(b"the", b"end"),
    }
    stream = make(Transform, form, hooks, high_water_mark=1)
    log = Log(stream)
    stream.write(b"1")
    stream.end(b"2")
    await log.until_closed()
    assert log.data == [b"1", b"1", b"2", b"2", b"the", b"end"]
    assert log.errors == []


@looped
@pytest.mark.parametrize(
    "make_outputs", [failing_generator, failing_async_generator], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("kind", ["transform", "flush"])
async def test_a_generator_that_fails(make_outputs, kind):
    hooks = {"transform": lambda chunk: chunk, kind: lambda *args: make_outputs(b"x")}
    stream = Transform(**hooks)
    log = Log(stream)
    stream.end(b"1")
    await log.until_closed()
    assert log.failed_with(Boom)


# ---- all kinds


@looped
async def test_one_task_serves_all_calls_of_an_async_hook():
    tasks = set()

    async def write(chunk):
        await asyncio.sleep(0)
        tasks.add(asyncio.current_task())

    stream = Writable(write=write)
    for n in range(50):
        stream.write(b"%d" % n)
    stream.end()
    assert await closed(stream) is None
    assert len(tasks) == 1


@looped
async def test_ordinary_callables_fit():
    source = [b"b", b"a"]
    taken = []
    stream = Readable(read=lambda size: source.pop() if source else b"")
    sink = Writable(write=taken.append, final=taken.sort)
    stream.pipe(sink)
    assert await closed(sink) is None
    assert taken == [b"a", b"b"]


@looped
@pytest.mark.parametrize("kind", ["read", "write", "final", "transform", "flush"])
async def test_destroy_cancels_the_async_hook_that_is_under_way(kind):
    cancelled = []
    entered = asyncio.get_running_loop().create_future()

    async def hook(*args):
        entered.set_result(None)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(kind)
            raise

    stream = stream_with(kind, hook)
    await entered
    stream.destroy()
    assert await closed(stream) is None
    await quiet()
    assert cancelled == [kind]


@looped
@pytest.mark.parametrize("kind", ["read", "write", "final", "transform", "flush"])
async def test_destroy_right_after_the_call_of_an_async_hook(kind):
    begun = []
    ended = []

    async def hook(*args):
        begun.append(kind)
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(kind)

    stream = stream_with(kind, hook)
    stream.destroy()
    assert await closed(stream) is None
    await quiet()
    assert begun == ended
    assert len(begun) <= 1


@looped
async def test_destroy_lets_an_async_construct_come_to_its_end():
    gate = asyncio.get_running_loop().create_future()
    order = []

    async def construct():
        await gate
        order.append("construct")

    stream = Duplex(construct=construct, destroy=lambda error: order.append("destroy"))
    await quiet()
    stream.destroy()
    await quiet()
    assert not stream.closed
    gate.set_result(None)
    assert await closed(stream) is None
    assert order == ["construct", "destroy"]


def stream_with(kind, hook):
    """A stream that has just called its hook of the kind."""
    if kind == "read":
        stream = Readable(read=hook)
        stream.read()
        return stream
    others = {"final": {"write": lambda chunk: None}, "flush": {"transform": lambda chunk: None}}.get(
        kind, {}
    )
    base = Transform if kind in ("transform", "flush") else Writable
    stream = base(**others, **{kind: hook})
    stream.end(b"x")
    return stream


@pytest.mark.parametrize("attributes", [{}, {"color": "red"}], ids=["bare", "with-attributes"])
@looped
async def test_hooks_that_getattr_gives(attributes):
    calls = []

    class Forwarding(Duplex):
        def __init__(self):
            vars(self).update(attributes)
            super().__init__()

        def __getattr__(self, name):
            if name in ("_construct", "_destroy", "_read", "_writev", "_final"):
                return lambda *args: calls.append(name)
            raise AttributeError(name)

    stream = Forwarding()
    await asyncio.sleep(0)
    stream.read()
    stream.end(b"last")
    await asyncio.sleep(0)
    stream.destroy()
    await closed(stream)
    assert calls == ["_construct", "_read", "_writev", "_final", "_destroy"]


@pytest.mark.parametrize("kind", ["read", "write", "writev", "transform"])
@pytest.mark.parametrize("left_by", [KeyboardInterrupt, SystemExit])
def test_a_hook_that_ends_the_program(run, kind, left_by):
    """The stream fails with it, so that what it holds is released; then it leaves the loop."""
    events = []

    async def main():
        stream = failing(kind, left_by("enough"))
        stream.on("error", lambda error: events.append(("error", type(error))))
        stream.on("close", lambda: events.append("close"))
        await asyncio.Event().wait()

    with pytest.raises(left_by, match="enough"):
        run(main)
    assert events == [("error", left_by), "close"]


@pytest.mark.parametrize("kind", ["read", "write", "writev", "transform"])
@looped
async def test_a_hook_that_was_cancelled_outside_of_a_task(kind):
    error = asyncio.CancelledError("gone")
    stream = failing(kind, error)
    errors = []
    stream.on("error", errors.append)
    await closed(stream)
    assert errors == [error]


def failing(kind, error):
    """A stream at work, with a hook that raises ``error``."""

    def hook(*args):
        raise error

    if kind == "read":
        return Readable(read=hook).resume()
    base = Transform if kind == "transform" else Writable
    stream = base(**{kind: hook})
    stream.end(b"x")
    return stream
