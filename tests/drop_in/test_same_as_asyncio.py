"""forebay's reader and asyncio's: the same calls in any order give the same results, errors and state."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.asyncio import StreamReader

_Original = asyncio.StreamReader


class RecordingTransport(asyncio.ReadTransport):
    """Notes whether the reader has it paused."""

    paused = False

    def pause_reading(self):
        assert not self.paused
        self.paused = True

    def resume_reading(self):
        assert self.paused
        self.paused = False


pieces = st.one_of(
    st.lists(st.sampled_from([b"a", b"b", b"\r", b"\n", b"\r\n"]), max_size=9).map(b"".join),
    st.sampled_from([b"x" * 700, b"y" * 3000 + b"\n", b"line\n" * 200]),
)
operations = st.one_of(
    st.tuples(st.just("feed_data"), pieces),
    st.tuples(st.just("feed_data"), pieces),
    st.tuples(st.just("feed_bytearray"), pieces),
    st.tuples(st.just("read"), st.sampled_from([0, 1, 3, 500, 10**6])),
    st.tuples(st.just("readline"), st.none()),
    st.tuples(st.just("next"), st.none()),
    st.tuples(st.just("readuntil"), st.sampled_from([b"\n", b"\r\n", b"b", b"", bytearray(b"ab")])),
    st.tuples(st.just("readexactly"), st.sampled_from([-1, 0, 1, 4, 600, 5000])),
    st.tuples(st.just("cancelled"), st.sampled_from(["readline", "read", "readexactly"])),
    st.tuples(st.just("at_eof"), st.none()),
)
endings = st.sampled_from(["eof", "error", "both", "none"])


async def trace(cls, limit, script, ending):
    """What a reader of a class does, told as plain values."""
    reader = cls(limit=limit)
    transport = RecordingTransport()
    reader.set_transport(transport)
    told = []

    async def call(name, argument):
        if name == "next":
            return await reader.__anext__()
        if name == "readline":
            return await reader.readline()
        return await getattr(reader, name)(argument)

    def note(what):
        told.append(
            (what, bytes(reader._buffer), reader.at_eof(), transport.paused, repr(reader.exception()))
        )

    for name, argument in script:
        if name == "feed_data":
            reader.feed_data(argument)
            note(None)
        elif name == "feed_bytearray":
            data = bytearray(argument)
            reader.feed_data(data)
            data[:] = b"?" * len(data)  # it was taken in, and is the caller's again
            note(None)
        elif name == "at_eof":
            note(reader.at_eof())
        elif name == "cancelled":
            task = asyncio.create_task(call(argument, 10**6))
            await asyncio.sleep(0)
            if not task.done():
                task.cancel()
            note(describe(await asyncio.gather(task, return_exceptions=True)))
        else:
            task = asyncio.create_task(call(name, argument))
            for _ in range(3):
                await asyncio.sleep(0)
            if not task.done():  # it waits: give it what it waits for, in two pieces
                note("waits")
                reader.feed_data(b"more\r")
                await asyncio.sleep(0)
                reader.feed_data(b"\nab" + b"z" * 10**4)
                await asyncio.sleep(0)
            if not task.done():
                task.cancel()
            note(describe(await asyncio.gather(task, return_exceptions=True)))
    if ending in ("eof", "both"):
        reader.feed_eof()
    if ending in ("error", "both"):
        reader.set_exception(ConnectionResetError("gone"))
    if ending != "none":
        for name, argument in [
            ("readexactly", 3),
            ("readline", None),
            ("readuntil", b"\n"),
            ("read", -1),
            ("next", 0),
        ]:
            note(describe(await asyncio.gather(call(name, argument), return_exceptions=True)))
    return told


def describe(results):
    (result,) = results
    if not isinstance(result, BaseException):
        assert type(result) is bytes
        return result
    return (
        type(result).__name__,
        str(result),
        getattr(result, "partial", None),
        getattr(result, "consumed", None),
    )


@settings(max_examples=150, deadline=None)
@given(script=st.lists(operations, max_size=12), limit=st.sampled_from([1, 4, 1000, 2**16]), ending=endings)
def test_same_results_errors_and_state(script, limit, ending):
    async def both():
        return (
            await trace(StreamReader, limit, script, ending),
            await trace(_Original, limit, script, ending),
        )

    ours, theirs = asyncio.run(both())
    assert ours == theirs


def test_wrong_arguments_raise_in_both():
    async def main():
        for cls in (StreamReader, _Original):
            with pytest.raises(ValueError, match="Limit cannot be <= 0"):
                cls(limit=0)
            reader = cls()
            with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
                await reader.readuntil(b"")
            with pytest.raises(ValueError, match="readexactly size can not be less than zero"):
                await reader.readexactly(-1)
            with pytest.raises(AssertionError, match="feed_data after feed_eof"):
                reader.feed_eof()
                reader.feed_data(b"late")

    asyncio.run(main())


def test_a_second_reader_is_refused():
    async def main():
        for cls in (StreamReader, _Original):
            reader = cls()
            first = asyncio.create_task(reader.readexactly(5))
            await asyncio.sleep(0)
            with pytest.raises(
                RuntimeError, match=r"read\(\) called while another coroutine is already waiting"
            ):
                await reader.read(1)
            reader.feed_data(b"12345")
            assert await first == b"12345"

    asyncio.run(main())
