"""A server of forebay and one of asyncio: handlers write, close, fail and are cancelled at any moment.

The client is a plain socket that reads slowly, so that much waits to be sent. It is told by how many bytes come, and by
what the loop's exception handler hears. FOREBAY_PROGRAMS is how many random programs are run.
"""

import asyncio
import importlib
import importlib.util
import inspect
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import forebay.asyncio
from support.loops import LOOPS

PROGRAMS = int(os.environ.get("FOREBAY_PROGRAMS", "40"))

writes = st.one_of(
    st.tuples(st.just("write"), st.sampled_from([b"", b"1", b"w" * 1000, b"W" * 70_000, b"M" * 3_000_000])),
    st.tuples(st.just("writelines"), st.sampled_from([(), (b"a", b"b"), (b"l" * 100_000,) * 5])),
)
steps = st.one_of(
    writes,
    writes,
    st.tuples(st.sampled_from(["drain", "turn"]), st.none()),
    st.tuples(st.sampled_from(["write_eof", "write past the writer"]), st.none()),
)
ends = ["return", "raise", "close", "close past the writer", "close and raise"]
# asyncio of 3.11 and of the first releases of 3.12 leaves the connection of a handler open that was cancelled.
if "task.cancelled()" in inspect.getsource(asyncio.StreamReaderProtocol.connection_made):
    ends.append("cancel")
ending = st.sampled_from(ends)


async def play(streams, program, end):
    """What a client receives from a server whose handler does what the program says, and what the loop was told."""
    loop = asyncio.get_running_loop()
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    finished = loop.create_future()

    async def handler(reader, writer):
        try:
            for name, argument in program:
                if name == "drain":
                    await asyncio.wait([asyncio.ensure_future(writer.drain())], timeout=0.01)
                elif name == "turn":
                    await asyncio.sleep(0)
                elif name == "write past the writer":
                    writer.transport.write(b"past" * 1000)
                else:
                    getattr(writer, name)(*([] if argument is None else [argument]))
            if end == "close past the writer":
                writer._protocol._transport.close()
            elif end.startswith("close"):
                writer.close()
            if end.endswith("raise"):
                raise LookupError("no such thing")
            if end == "cancel":
                asyncio.current_task().cancel()
                await asyncio.sleep(0)
            if end == "return":
                writer.close()
        except (RuntimeError, TypeError) as error:  # a write after the end, told alike
            told.append(str(error).replace("writelines()", "write()"))
            writer.close()
        finally:
            finished.set_result(None)

    server = await streams.start_server(handler, "127.0.0.1", 0)
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await asyncio.wait_for(finished, 20)
        received = bytearray()
        while data := await asyncio.wait_for(loop.sock_recv(client, 1 << 17), 20):
            received += data
    server.close()
    await server.wait_closed()
    return bytes(received), told


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program=st.lists(steps, max_size=10), end=ending)
def test_the_client_gets_the_same(loop, program, end):
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    results = []
    for streams in (asyncio, forebay.asyncio):
        with asyncio.Runner(loop_factory=factory) as runner:
            results.append(runner.run(play(streams, program, end)))
    theirs, ours = results
    assert ours[1] == theirs[1]
    assert len(ours[0]) == len(theirs[0])
    assert ours[0] == theirs[0]
