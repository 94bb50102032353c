"""A connection of forebay and one of asyncio: the same program gives the same results and errors.

The peers are the other ends of socket pairs, where what is sent is there at once; so a few turns of the loop are enough
for everything to happen that is going to.
"""

import asyncio
import importlib
import importlib.util
import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import forebay.asyncio
from support.loops import LOOPS

TURNS = 6

received = st.sampled_from([b"a", b"ab\n", b"x" * 50 + b"\n", b"line\n" * 20, b"z" * 3000, b"end\r\n"])
steps = st.one_of(
    st.tuples(st.just("peer sends"), received),
    st.tuples(st.just("peer sends"), received),
    st.tuples(st.sampled_from(["peer ends", "peer closes", "peer takes"]), st.none()),
    st.tuples(st.just("read"), st.sampled_from([-1, 0, 1, 50, 4096])),
    st.tuples(st.just("readexactly"), st.sampled_from([-1, 0, 1, 50, 4096])),
    st.tuples(st.just("readuntil"), st.sampled_from([b"\n", b"\r\n", b""])),
    st.tuples(st.sampled_from(["readline", "__anext__", "drain", "wait_closed"]), st.none()),
    st.tuples(st.just("write"), st.sampled_from([b"", b"1", b"w" * 1000, b"W" * 3_000_000])),
    st.tuples(st.sampled_from(["write_eof", "close", "abort"]), st.none()),
)
READER = {"read", "readexactly", "readuntil", "readline", "__anext__"}
AWAITED = READER | {"drain", "wait_closed"}


def told_as(result):
    """A result or an exception as a plain value."""
    if not isinstance(result, BaseException):
        return result
    words = re.sub("0x[0-9a-f]+", "", str(result))
    return type(result).__name__, words, getattr(result, "partial", None), getattr(result, "consumed", None)


async def turns():
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Peer:
    """The other end of a connection."""

    def __init__(self, end):
        self.end = end
        end.setblocking(False)

    def sends(self, data):
        self.end.send(data)

    def ends(self, _):
        self.end.shutdown(socket.SHUT_WR)

    def closes(self, _):
        self.end.close()

    async def takes(self):
        taken = 0
        while True:
            try:
                data = self.end.recv(1 << 20)
            except BlockingIOError:
                await turns()
                try:
                    data = self.end.recv(1 << 20)
                except BlockingIOError:
                    return taken
            if not data:
                return taken, "end"
            taken += len(data)


async def play(streams, limit, program):
    """Carry a program out on a connection; what came of each step."""
    ours, theirs = socket.socketpair()
    peer = Peer(theirs)
    reader, writer = await streams.open_connection(sock=ours, limit=limit)
    told = []

    async def step(name, argument):
        who, _, what = name.partition(" ")
        if name == "peer takes":
            return await peer.takes()
        if who == "peer":
            return getattr(peer, what)(argument)
        if name == "abort":
            return writer.transport.abort()
        method = getattr(reader if name in READER else writer, name)
        if name not in AWAITED:
            method(*([] if argument is None else [argument]))
            return None
        waiting = asyncio.ensure_future(method() if argument is None else method(argument))
        await turns()
        if not waiting.done():
            told.append("waits")
            waiting.cancel()
        return await waiting

    for name, argument in program:
        try:
            result = await step(name, argument)
        except asyncio.CancelledError:
            result = "cancelled"
        except Exception as error:
            result = error
        await turns()
        told.append(
            (name, told_as(result), reader.at_eof(), writer.is_closing(), told_as(reader.exception()))
        )
    theirs.close()
    writer.close()
    told.append(
        [told_as(error) for error in await asyncio.gather(writer.wait_closed(), return_exceptions=True)]
    )
    return told


async def play_and_listen(streams, limit, program):
    """What `play` gives, and what the loop's exception handler was told meanwhile."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    return await play(streams, limit, program), complaints


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=120, deadline=None)
@given(program=st.lists(steps, max_size=14), limit=st.sampled_from([16, 1000, 2**16]))
def test_same_results_and_errors(loop, program, limit):
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    results = []
    for streams in (asyncio, forebay.asyncio):
        with asyncio.Runner(loop_factory=factory) as runner:
            results.append(runner.run(play_and_listen(streams, limit, program)))
    theirs, ours = results
    assert ours == theirs
