"""Wrong uses: each raises one clear exception with Node's code, and no error is lost."""

import asyncio

import pytest

import forebay
from forebay import (
    Duplex,
    EventEmitter,
    PassThrough,
    Readable,
    StreamError,
    Transform,
    Writable,
    errors,
)
from support.streams import Events, closed, looped, quiet, reported

ALL = sorted(errors.__all__)


@pytest.mark.parametrize("name", ALL)
def test_every_error_is_a_stream_error_with_a_code_of_its_own(name):
    cls = getattr(errors, name)
    assert issubclass(cls, StreamError)
    assert cls.code.isupper()
    assert cls.__doc__
    assert [other for other in ALL if getattr(errors, other).code == cls.code] == [name]
    assert getattr(forebay, name) is cls


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("InvalidArgTypeError", TypeError),
        ("InvalidArgValueError", ValueError),
        ("InvalidReturnValueError", TypeError),
        ("MissingArgsError", TypeError),
        ("NoRunningLoopError", RuntimeError),
        ("NotImplementedHookError", NotImplementedError),
        ("NullChunkError", TypeError),
        ("OutOfRangeError", ValueError),
        ("UnknownEncodingError", LookupError),
    ],
)
def test_errors_derive_from_python_exceptions(name, python):
    assert issubclass(getattr(errors, name), python)


def sink():
    return Writable(write=lambda chunk: None)


def source():
    return Readable(read=lambda size: None)


# What is done, the code of the exception that it raises at once, and what the message names.
RAISED = {
    "write-none": (lambda: sink().write(None), "ERR_STREAM_NULL_VALUES", r"write\(None\).*end\(\)"),
    "write-text": (lambda: sink().write("text"), "ERR_INVALID_ARG_TYPE", "str 'text'.*encod"),
    "write-object": (lambda: sink().write({}), "ERR_INVALID_ARG_TYPE", r"dict \{\}.*object_mode"),
    "write-encoding": (lambda: sink().write("x", "rot"), "ERR_UNKNOWN_ENCODING", "'rot'"),
    "end-text": (lambda: sink().end("text"), "ERR_INVALID_ARG_TYPE", "'text'"),
    "read-size": (lambda: source().read("1"), "ERR_INVALID_ARG_TYPE", "size.*'1'"),
    "read-huge": (lambda: source().read(1 << 40), "ERR_OUT_OF_RANGE", str(1 << 40)),
    "mark-negative": (lambda: Readable(high_water_mark=-1), "ERR_INVALID_ARG_VALUE", "high_water_mark.*-1"),
    "mark-float": (lambda: Writable(high_water_mark=1.5), "ERR_INVALID_ARG_VALUE", "high_water_mark.*1.5"),
    "mark-bool": (lambda: Writable(high_water_mark=True), "ERR_INVALID_ARG_VALUE", "high_water_mark.*True"),
    "mark-huge": (lambda: Duplex(high_water_mark=1 << 80), "ERR_INVALID_ARG_VALUE", "high_water_mark"),
    "mark-text": (lambda: PassThrough(high_water_mark="1"), "ERR_INVALID_ARG_VALUE", "high_water_mark.*'1'"),
    "default-mark": (
        lambda: forebay.set_default_high_water_mark(False, None),
        "ERR_INVALID_ARG_VALUE",
        "value.*None",
    ),
    "encoding": (lambda: Readable(encoding="rot"), "ERR_UNKNOWN_ENCODING", "'rot'"),
    "destroy-text": (lambda: source().destroy("text"), "ERR_INVALID_ARG_TYPE", r"destroy\(\).*'text'"),
    "destroy-class": (lambda: sink().destroy(ValueError), "ERR_INVALID_ARG_TYPE", r"destroy\(\)"),
    "pipe-nothing": (lambda: source().pipe(None), "ERR_INVALID_ARG_TYPE", "dest.*None"),
    "pipe-readable": (lambda: source().pipe(source()), "ERR_INVALID_ARG_TYPE", "dest"),
    "pipe-writable": (lambda: sink().pipe(sink()), "ERR_STREAM_CANNOT_PIPE", r"pipe\(\).*Writable"),
    "on-event": (lambda: source().on(1, print), "ERR_INVALID_ARG_TYPE", "event.*1"),
    "on-listener": (lambda: source().on("end", 1), "ERR_INVALID_ARG_TYPE", "'end'.*1"),
    "signal": (lambda: Readable(signal=3), "ERR_INVALID_ARG_TYPE", "signal.*3"),
    "abort-signal": (lambda: forebay.add_abort_signal(3, source()), "ERR_INVALID_ARG_TYPE", "signal.*3"),
    "abort-stream": (
        lambda: forebay.add_abort_signal(forebay.AbortController().signal, 3),
        "ERR_INVALID_ARG_TYPE",
        "stream.*3",
    ),
    "finished": (lambda: forebay.finished(3), "ERR_INVALID_ARG_TYPE", r"finished\(\).*3"),
    "pipeline-few": (lambda: forebay.pipeline(source()), "ERR_MISSING_ARGS", r"pipeline\(\).*1"),
    "from": (lambda: Readable.from_(3), "ERR_INVALID_ARG_TYPE", r"from_\(\).*3"),
    "on-iterator": (lambda: forebay.on(3, "x"), "ERR_INVALID_ARG_TYPE", r"on\(\).*3"),
    "next-tick": (lambda: forebay.next_tick(3), "ERR_INVALID_ARG_TYPE", r"next_tick\(\).*3"),
}


@looped
@pytest.mark.parametrize("case", RAISED)
async def test_wrong_arguments_raise_at_once(case):
    do, code, message = RAISED[case]
    with pytest.raises(StreamError, match=message) as caught:
        do()
    assert caught.value.code == code


# What is done to a stream, and the code and message of its 'error' event.
EMITTED = {
    "push-after-end": (
        source,
        lambda s: (s.push(None), s.push(b"x")),
        "ERR_STREAM_PUSH_AFTER_EOF",
        r"push\(\)",
    ),
    "push-text": (source, lambda s: s.push("text"), "ERR_INVALID_ARG_TYPE", "'text'"),
    "push-object": (source, lambda s: s.push(3), "ERR_INVALID_ARG_TYPE", "int 3.*object_mode"),
    "unshift-object": (source, lambda s: s.unshift(3), "ERR_INVALID_ARG_TYPE", "int 3"),
    "write-after-end": (
        sink,
        lambda s: (s.end(), s.write(b"x")),
        "ERR_STREAM_WRITE_AFTER_END",
        r"write\(\) after end",
    ),
    "end-after-end": (sink, lambda s: (s.end(), s.end(b"x")), "ERR_STREAM_WRITE_AFTER_END", "after end"),
    "no-read": (Readable, lambda s: s.read(), "ERR_METHOD_NOT_IMPLEMENTED", "_read.*read="),
    "no-write": (Writable, lambda s: s.write(b"x"), "ERR_METHOD_NOT_IMPLEMENTED", "_write.*write="),
    "no-transform": (
        Transform,
        lambda s: s.write(b"x"),
        "ERR_METHOD_NOT_IMPLEMENTED",
        "_transform.*transform=",
    ),
    "read-returns-text": (
        lambda: Readable(read=lambda size: "text"),
        lambda s: s.read(),
        "ERR_INVALID_ARG_TYPE",
        "'text'",
    ),
    "transform-returns-object": (
        lambda: Transform(transform=lambda chunk: 3),
        lambda s: s.write(b"x"),
        "ERR_INVALID_ARG_TYPE",
        "int 3",
    ),
}


@looped
@pytest.mark.parametrize("case", EMITTED)
async def test_error_is_emitted_once_before_close(case):
    make, do, code, message = EMITTED[case]
    stream = make()
    events = Events(stream, "error", "close")
    do(stream)
    await quiet()
    assert [event if isinstance(event, str) else event[0] for event in events] == ["error", "close"]
    error = events[0][1]
    assert isinstance(error, StreamError)
    assert error.code == code
    with pytest.raises(StreamError, match=message):
        raise error
    assert stream.errored is error


@looped
@pytest.mark.parametrize("case", EMITTED)
async def test_error_without_a_listener_is_reported_once(case):
    make, do, code, _ = EMITTED[case]
    stream = make()
    with reported() as contexts:
        do(stream)
        await quiet()
    assert [context["exception"].code for context in contexts] == [code]
    assert contexts[0]["stream"] is stream
    assert stream.closed


@looped
@pytest.mark.parametrize(
    "base", [Readable, Writable, Duplex, Transform, PassThrough], ids=lambda base: base.__name__
)
async def test_destroy_error_without_a_listener_is_reported_once(base):
    stream = base()
    error = OSError("nobody listens")
    with reported() as contexts:
        stream.destroy(error)
        stream.destroy(ValueError("too late"))
        await quiet()
    assert [context["exception"] for context in contexts] == [error]


@looped
async def test_error_with_a_listener_is_not_reported():
    stream = source()
    seen = []
    stream.on("error", seen.append)
    error = OSError()
    with reported() as contexts:
        stream.destroy(error)
        await quiet()
    assert contexts == []
    assert seen == [error]


@looped
async def test_close_follows_an_error_without_a_listener():
    stream = source()
    events = Events(stream, "close")
    with reported():
        stream.destroy(OSError())
        await quiet()
    assert events == ["close"]


@looped
async def test_the_error_of_a_pipe_is_reported_once_at_each_failing_end():
    bad = OSError("sink")

    def write(chunk):
        raise bad

    stream = Writable(write=write)
    reader = source()
    reader.pipe(stream)
    with reported() as contexts:
        reader.push(b"x")
        await quiet()
        reader.destroy()
        await quiet()
    assert [context["exception"] for context in contexts] == [bad]


# ---- no loop


OUTSIDE = {
    "push": lambda: Readable(read=lambda size: None).push(b"x"),
    "read": lambda: Readable(read=lambda size: b"x").read(),
    "resume": lambda: Readable(read=lambda size: None).resume(),
    "data": lambda: Readable(read=lambda size: None).on("data", print),
    "destroy": lambda: Readable().destroy(),
    "construct": lambda: Readable(construct=lambda: None),
    "end": lambda: sink().end(),
    "callback": lambda: sink().write(b"x", callback=print),
    "write-fails": lambda: Writable().write(b"x"),
    "pipe": lambda: source().pipe(sink()),
    "pipeline": lambda: forebay.pipeline([b"x"], sink()),
    "finished": lambda: forebay.finished(source()),
    "next-tick": lambda: forebay.next_tick(print),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_use_outside_a_loop_raises(case):
    with pytest.raises(RuntimeError) as caught:
        OUTSIDE[case]()
    assert caught.value.code == "ERR_NO_RUNNING_LOOP"
    assert "forebay.run(" in str(caught.value)


def test_a_stream_can_be_made_before_the_loop_runs(run):
    taken = []
    stream = Writable(write=taken.append)
    emitter = EventEmitter()
    emitter.on("x", taken.append).emit("x", 1)

    async def main():
        stream.end(b"x")
        assert await closed(stream) is None

    run(main)
    assert taken == [1, b"x"]


@looped
async def test_an_error_may_be_any_exception():
    class Cancelled(BaseException):
        pass

    stream = source()
    error = Cancelled()
    stream.destroy(error)
    assert await closed(stream) is error


@looped
async def test_two_errors_become_an_exception_group():
    def construct():
        raise ValueError("construct")

    stream = Readable(construct=construct)
    stream.destroy(OSError("destroy"))
    error = await closed(stream)
    assert isinstance(error, ExceptionGroup)
    assert {type(part) for part in error.exceptions} == {OSError, ValueError}


@looped
async def test_awaits_raise_the_error_of_the_stream():
    error = OSError("gone")
    stream = source()
    stream.destroy(error)
    with pytest.raises(OSError, match="gone"):
        await forebay.finished(stream)
    stream = sink()
    stream.destroy(error)
    assert await closed(stream) is error
    with pytest.raises(OSError, match="gone"):
        await stream.drain()
    stream = source()
    asyncio.get_running_loop().call_soon(stream.destroy, error)
    with pytest.raises(OSError, match="gone"):
        await anext(aiter(stream))


@looped
async def test_a_stream_that_is_not_destroyed_emits_its_first_error_only():
    stream = Readable(read=lambda size: None, auto_destroy=False)
    seen = []
    stream.on("error", seen.append)
    stream.push(3)
    stream.push(4)
    await quiet()
    assert len(seen) == 1
    assert stream.errored is seen[0]
    assert not stream.destroyed
