"""Mistakes of new users: the message names the argument, the value and the way out."""

import asyncio
import pathlib
import socket
import threading
import traceback
import warnings

import pytest

import forebay
from forebay import (
    Completion,
    Duplex,
    InvalidArgTypeError,
    InvalidReturnValueError,
    PassThrough,
    Readable,
    Transform,
    Writable,
    WrongLoopError,
    compose,
    create_read_stream,
    merge,
    pipeline,
    share,
)
from forebay.codecs import gzip
from forebay.fs import ReadStream, WriteStream
from forebay.net import Socket
from support.streams import looped, quiet, reported


def sink():
    return Writable(write=lambda chunk: None)


# ---- constructors

WRONG_OPTIONS = {
    "node-object-mode": (
        lambda: Transform(objectMode=True),
        r"Transform\(\) has no option 'objectMode': use object_",
    ),
    "node-mark": (lambda: Readable(highWaterMark=5), "'highWaterMark': use high_water_mark=5"),
    "node-mark-of-one-side": (lambda: Duplex(readableHighWaterMark=5), "use readable_high_water_mark=5"),
    "node-strings": (lambda: Writable(decodeStrings=False), "use decode_strings=False"),
    "dict": (lambda: Writable({"write": print}), r"options by keyword, .*got \{'write'.*\*\*options"),
    "positional": (lambda: Readable(print), r"Readable\(\) takes its options by keyword, .*got <built-in"),
    "transform-dict": (lambda: Transform({"transform": print}), "options by keyword"),
    "unknown": (lambda: Writable(colour=1), r"Writable\(\) has no option 'colour'; it has .*high_water_mark"),
    "of-another-class": (lambda: Readable(write=print), r"Readable\(\) has no option 'write'; it has .*read"),
    "in-a-subclass": (lambda: Sub(object_Mode=True), r"Sub\(\) has no option 'object_Mode': use object_mode"),
    "from": (lambda: Readable.from_([1], objectMode=False), "'objectMode': use object_mode=False"),
}


class Sub(PassThrough):
    pass


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_unknown_options_raise(case):
    make, message = WRONG_OPTIONS[case]
    with pytest.raises(InvalidArgTypeError, match=message):
        make()


# ---- what is no stage

PATH = pathlib.Path("big.bin")

NO_STAGES = {
    "class": (lambda: pipeline([b"a"], Transform, sink()), r"stage 2 .*a class.*make one with Transform\("),
    "class-first": (lambda: pipeline(Readable, sink()), r"stage 1 .*a class.*Readable\("),
    "text-for-a-path": (lambda: pipeline("big.bin", sink()), r"stage 1 .*create_read_stream\('big.bin'\)"),
    "path": (lambda: pipeline(PATH, sink()), r"stage 1 .*create_read_stream\('big.bin'\)"),
    "path-last": (lambda: pipeline([b"a"], PATH), r"stage 2 .*create_write_stream\('big.bin'\)"),
    "text-last": (lambda: pipeline([b"a"], "big.bin"), r"stage 2 .*create_write_stream\('big.bin'\)"),
    "open-file": (lambda: pipeline([b"a"], open_file(), sink()), "stage 2 is the file .* first or the last"),
    "generator": (lambda: pipeline([b"a"], numbers(), sink()), "stage 2 .*generator.*without calling it"),
    "coroutine": (lambda: pipeline([b"a"], consume()), "stage 2 .*coroutine.*without calling it"),
    "pipe-path": (lambda: Readable().pipe(PATH), r"pipe\(\).*create_write_stream\('big.bin'\)"),
    "pipe-open-file": (lambda: Readable().pipe(open_file()), r"pipe\(\).*create_write_stream\(fd="),
    "pipe-class": (lambda: Readable().pipe(PassThrough), r"pipe\(\).*PassThrough\(...\)"),
    "compose-class": (lambda: compose(Transform, sink()), r"a class.*Transform\("),
    "compose-middle": (lambda: compose(PassThrough(), Transform, PassThrough()), r"stage 2.*a class"),
    "compose-path": (lambda: compose(PATH, PassThrough()), "create_read_stream"),
    "compose-text": (lambda: compose("big.bin", PassThrough()), "create_read_stream"),
    "share-path": (lambda: share(PATH), "create_read_stream"),
    "share-text": (lambda: share("big.bin"), r"create_read_stream.*from_\(\)"),
    "share-class": (lambda: share(Readable), r"a class.*Readable\("),
    "merge-path": (lambda: merge([b"a"], PATH), "create_read_stream"),
    "merge-text": (lambda: merge("big.bin"), "create_read_stream"),
    "from-path": (lambda: Readable.from_(PATH), r"from_\(\).*create_read_stream\('big.bin'\)"),
}


def open_file():
    return open("/dev/null", "wb", closefd=True)


def numbers():
    yield 1


async def consume():
    return None


@looped
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", NO_STAGES)
async def test_wrong_stage_raises(case):
    make, message = NO_STAGES[case]
    with pytest.raises(InvalidArgTypeError, match=message):
        make()


async def upper(chunk):
    return chunk.upper()


@looped
@pytest.mark.parametrize("stage", [lambda chunk: chunk.upper(), lambda chunk: b"" + chunk, upper])
async def test_a_function_that_takes_its_source_for_a_chunk_gets_a_hint(stage):
    with pytest.raises((AttributeError, TypeError, InvalidReturnValueError)) as caught:
        pipeline([b"a"], stage, sink())
    assert "for each chunk, use Transform(transform=" in "".join([str(caught.value), *caught.value.__notes__])


@looped
async def test_a_chain_names_its_stream_for_what_only_a_stream_has():
    chain = Readable.from_([b"a"]) | PassThrough()
    with pytest.raises(AttributeError, match=r"\.stream\.to_list"):
        chain.to_list()
    assert not hasattr(chain, "nonsense")


@looped
async def test_str_source_is_one_chunk_if_the_sink_takes_text():
    taken = []
    await pipeline("big.bin", Writable(write=taken.append, default_encoding="utf8"))
    await pipeline("big.bin", Writable(write=taken.append, object_mode=True))
    assert taken == [b"big.bin", "big.bin"]


# ---- super().__init__() was left out


def forgetful(base):
    return type("Forgetful", (base,), {"__init__": lambda self: None})


USES = {
    "read": lambda s: s.read(),
    "push": lambda s: s.push(b"x"),
    "push-end": lambda s: s.push(None),
    "on-data": lambda s: s.on("data", print),
    "on-error": lambda s: s.on("error", print),
    "resume": lambda s: s.resume(),
    "pipe": lambda s: s.pipe(sink()),
    "readable": lambda s: s.readable,
    "async-for": lambda s: aiter(s).__anext__(),
    "to-list": lambda s: s.to_list(),
    "unshift": lambda s: s.unshift(b"x"),
    "set-encoding": lambda s: s.set_encoding("utf8"),
    "write": lambda s: s.write(b"x"),
    "end": lambda s: s.end(),
    "send": lambda s: s.send(b"x"),
    "drain": lambda s: s.drain(),
    "cork": lambda s: s.cork(),
    "writable": lambda s: s.writable,
    "piped-to": lambda s: Readable(read=lambda size: None).pipe(s),
    "destroy": lambda s: s.destroy(),
    "aclose": lambda s: s.aclose(),
    "finished": lambda s: forebay.finished(s),
    "stats": lambda s: s.stats(),
    "pipeline": lambda s: pipeline([b"x"], s) if isinstance(s, Writable) else pipeline(s, sink()),
}
ONLY = {
    Readable: {"write", "end", "send", "drain", "cork", "writable", "piped-to"},
    Writable: {"read", "push", "push-end", "on-data", "resume", "pipe", "readable", "async-for", "to-list"}
    | {"unshift", "set-encoding"},
    Duplex: set(),
    Transform: set(),
    ReadStream: {"write", "end", "send", "drain", "cork", "writable", "piped-to"},
    Socket: set(),
}
ONLY[WriteStream] = ONLY[Writable]


@looped
@pytest.mark.parametrize(
    ("base", "use"), [(base, use) for base in ONLY for use in USES if use not in ONLY[base]]
)
async def test_missing_super_init_raises(base, use):
    stream = forgetful(base)()
    with pytest.raises(RuntimeError, match=r"Forgetful.__init__\(\) did not call super\(\).__init__\(\)"):
        result = USES[use](stream)
        if hasattr(result, "__await__"):
            await asyncio.wait_for(_awaited(result), 5)


async def _awaited(awaitable):
    return await awaitable


# ---- hooks written as Node's


class NodeHooks(Duplex):
    def _write(self, chunk, encoding, callback):
        callback()

    def _final(self, callback):
        callback()

    def _construct(self, callback):
        callback()


NODE_HOOKS = {
    "transform": (
        lambda: Transform(transform=lambda chunk, encoding, callback: None),
        "_transform.*the chunk alone",
    ),
    "transform-default": (
        lambda: Transform(transform=lambda chunk, encoding=None, callback=None: callback(None, chunk)),
        "_transform.*Completion",
    ),
    "flush": (lambda: Transform(flush=lambda callback: None, transform=lambda c: c), "_flush.*no argument"),
    "write": (lambda: Writable(write=lambda chunk, encoding, callback: None), "_write.*the chunk alone"),
    "writev": (lambda: Writable(writev=lambda chunks, callback: None), "_writev.*the chunks alone"),
    "final": (lambda: Writable(write=lambda c: None, final=lambda callback: None), "_final.*no argument"),
    "construct": (NodeHooks, r"NodeHooks\._construct\(callback\).*no argument"),
    "destroy": (
        lambda: Writable(write=bool, destroy=lambda error, callback: None),
        "_destroy.*the error alone",
    ),
}


@looped
@pytest.mark.parametrize("case", NODE_HOOKS)
async def test_hooks_that_wait_for_a_callback(case):
    make, message = NODE_HOOKS[case]
    with pytest.raises(InvalidArgTypeError, match=message) as caught:
        await pipeline(
            [b"abc"], make(), *(() if case in ("write", "writev", "final", "destroy") else (sink(),))
        )
    assert "as in Node" in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)


@looped
async def test_type_error_of_a_hook_is_not_changed():
    def write(chunk):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        await pipeline([b"abc"], Writable(write=write))


@looped
async def test_a_loop_without_async():
    with pytest.raises(TypeError, match="async for"):
        for _ in Readable.from_([1]):
            pass
    with pytest.raises(TypeError, match="to_list"):
        list(Readable.from_([1]))


# ---- the stage of an error


def fail(chunk):
    raise KeyError("broken")


async def fails(items):
    async for _ in items:
        raise KeyError("broken")
    yield


async def fails_last(items):
    async for _ in items:
        raise KeyError("broken")


STAGES = {
    "sink": (lambda: ([b"a"], PassThrough(), Writable(write=fail)), "in stage 3 of 3: Writable"),
    "middle": (lambda: ([b"a"], Transform(transform=fail), gzip(), sink()), "in stage 2 of 4: Transform"),
    "function": (lambda: ([b"a"], PassThrough(), fails, sink()), "in stage 3 of 4: fails"),
    "last-function": (lambda: ([b"a"], PassThrough(), fails_last), "in stage 3 of 3: fails_last"),
    "source": (lambda: (map(fail, [1]), sink()), "in stage 1 of 2: map"),
    "readable": (lambda: (Readable(read=fail), PassThrough(), sink()), "in stage 1 of 3: Readable"),
    "composed": (
        lambda: ([b"a"], PassThrough(), compose(PassThrough(), Transform(transform=fail)), sink()),
        "in stage 2 of 2: Transform",
    ),
}


@looped
@pytest.mark.parametrize("case", STAGES)
async def test_error_note_names_the_stage(case):
    make, note = STAGES[case]
    with pytest.raises(KeyError) as caught:
        await pipeline(*make())
    assert caught.value.__notes__ == [note]


@looped
async def test_the_error_is_the_same_object_with_one_note():
    error = OSError("gone")

    def read(size):
        raise error

    inner = pipeline(Readable(read=read), PassThrough())
    with pytest.raises(OSError, match="gone") as caught:
        await pipeline(inner.stream, sink())
    assert caught.value is error
    with pytest.raises(OSError, match="gone"):
        await inner
    assert error.__notes__ == ["in stage 1 of 2: Readable"]


@looped
async def test_a_wrong_chunk_names_the_stage_that_does_not_take_it():
    with pytest.raises(InvalidArgTypeError) as caught:
        await pipeline([{"a": 1}], sink())
    assert caught.value.__notes__ == ["in stage 2 of 2: Writable"]


# ---- an 'error' that nobody listens to


@looped
async def test_report_of_an_error_names_the_stream_without_library_frames(tmp_path):
    path = str(tmp_path / "missing")

    def write(chunk):
        raise KeyError("broken")

    with reported() as contexts:
        stream = create_read_stream(path)
        while not stream.closed:
            await asyncio.sleep(0.001)
        Writable(write=write).write(b"x")
        await quiet()
    assert [context["message"] for context in contexts] == [
        f"Unhandled 'error' of ReadStream({path!r})",
        "Unhandled 'error' of Writable",
    ]
    frames = [
        frame for context in contexts for frame in traceback.extract_tb(context["exception"].__traceback__)
    ]
    assert [frame.name for frame in frames] == ["write"]
    assert contexts[0]["stream"] is stream


@looped
async def test_report_of_a_destination_error_has_the_same_form():
    with reported() as contexts:
        source = Readable.from_([b"x"], object_mode=False)
        source.pipe(Writable(write=fail))
        await quiet()
        source.destroy()
        await quiet()
    assert [context["message"] for context in contexts] == ["Unhandled 'error' of Writable"]


# ---- debug mode


def debugging(run, main):
    async def in_debug_mode():
        asyncio.get_running_loop().set_debug(True)
        return await main()

    return run(in_debug_mode)


def test_a_read_hook_that_never_pushes_is_warned_of(run, monkeypatch):
    monkeypatch.setattr("forebay._core.usage_errors._SILENT_SECONDS", 0.02)

    async def waiting(size):
        await asyncio.sleep(0.2)

    async def main():
        near, far = socket.socketpair()
        kept = [
            Readable(read=waiting),
            Readable(read=lambda size: Completion()),
            Readable(read=lambda size: b""),
            PassThrough(),
            # Its hook is a compiled method, which does not say where it comes from.
            Socket(sock=near),
        ]
        with warnings.catch_warnings(record=True) as false:
            warnings.simplefilter("always")
            for stream in kept:
                stream.resume()
            await asyncio.sleep(0.06)
        assert [str(each.message) for each in false] == []
        silent = Readable(read=silent_hook)
        silent.resume()
        with pytest.warns(
            RuntimeWarning, match=r"_read hook \(silent_hook\) returned None and has pushed nothing"
        ):
            await asyncio.sleep(0.06)
        for stream in kept:
            await stream.aclose()
        far.close()

    debugging(run, main)


def silent_hook(size):
    return None


CALLS = {
    "write": lambda s: s.write(b"x"),
    "send": lambda s: s.send(b"x"),
    "end": lambda s: s.end(),
    "push": lambda s: s.push(b"x"),
    "unshift": lambda s: s.unshift(b"x"),
    "destroy": lambda s: s.destroy(),
}


@pytest.mark.parametrize("call", CALLS)
def test_another_thread_is_refused(run, call):
    async def main():
        stream = Duplex(read=lambda size: None, write=lambda chunk: None)
        errors = []

        def use():
            try:
                CALLS[call](stream)
            except WrongLoopError as error:
                errors.append(error)

        thread = threading.Thread(target=use, name="worker")
        thread.start()
        await asyncio.to_thread(thread.join)
        assert [type(error) for error in errors] == [WrongLoopError]
        assert f"{call}() of Duplex in the thread 'worker'" in str(errors[0])
        assert f"call_soon_threadsafe(stream.{call}, ...)" in str(errors[0])
        CALLS[call](stream)
        await quiet()

    debugging(run, main)


def test_another_loop_is_refused(run):
    async def make():
        return Writable(write=lambda chunk: None)

    stream = debugging(run, make)

    async def use():
        with pytest.raises(WrongLoopError, match=r"write\(\) of Writable in another event loop"):
            stream.write(b"x")

    debugging(run, use)
