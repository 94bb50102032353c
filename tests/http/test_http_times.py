"""Time limits of a server: what each limit counts, and what it does not count."""

import asyncio
import contextlib

import pytest

from forebay import HttpTimeoutError, InvalidArgTypeError, OutOfRangeError, http
from support.http_peers import answer, body_of, hello, peer_of, request, until


def test_a_slow_head_is_408(run):
    async def main():
        async with peer_of(hello, limits=http.Limits(header_time=0.1)) as peer:
            await peer.send(b"GET / HT")
            assert (await answer(peer)).status == 408
            assert await peer.receive(1) == b""

    run(main)


def test_a_silent_connection_is_closed(run):
    async def main():
        async with peer_of(hello, limits=http.Limits(header_time=0.1)) as peer:
            assert await peer.receive(1) == b""

    run(main)


def test_an_idle_connection_is_closed(run):
    async def main():
        async with peer_of(hello, limits=http.Limits(keep_alive_time=0.1)) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 200
            assert await peer.receive(1) == b""

    run(main)


def test_a_busy_connection_is_not_closed_as_idle(run):
    # The clock is checked now and then. It may find the connection between two requests each time.
    async def main():
        async with peer_of(hello, limits=http.Limits(keep_alive_time=0.6)) as peer:
            loop = asyncio.get_running_loop()
            end = loop.time() + 1.5
            while loop.time() < end:
                await peer.send(request("GET /"))
                assert (await answer(peer)).status == 200

    run(main)


def test_a_stalled_body_is_408(run):
    async def handler(request, response):
        response.end(await body_of(request))

    async def main():
        async with peer_of(handler, limits=http.Limits(idle_time=0.1)) as peer:
            errors = []
            peer.server.on("client_error", lambda error, socket: errors.append(error))
            await peer.send(request("POST /", "Content-Length: 10", body=b"abc"))
            assert (await answer(peer)).status == 408
            assert [type(error) for error in errors] == [HttpTimeoutError]

    run(main)


def test_slow_handler_is_no_timeout(run):
    async def handler(request, response):
        await asyncio.sleep(0.3)
        response.end("slow")

    async def main():
        limits = http.Limits(idle_time=0.1, header_time=0.1, keep_alive_time=0.1)
        async with peer_of(handler, limits=limits) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == b"slow"

    run(main)


def test_client_that_reads_nothing_is_disconnected(run):
    closed = []

    def handler(request, response):
        response.on("close", lambda: closed.append(response.writable_finished))
        response.end(b"x" * 30_000_000)

    async def main():
        async with peer_of(handler, limits=http.Limits(idle_time=0.2)) as peer:
            await peer.send(request("GET /"))
            await until(lambda: closed)
            assert closed == [False]

    run(main)


def test_half_closed_client_is_disconnected_after_idle_time(run):
    """As long as the handler sends nothing, the server cannot see that such a client has gone."""
    closed = []

    def handler(request, response):
        response.on("close", lambda: closed.append(response.writable_finished))

    async def main():
        async with peer_of(handler, limits=http.Limits(idle_time=0.1)) as peer:
            await peer.send(request("GET /"))
            peer.half_close()
            await until(lambda: closed)
            assert closed == [False]
            assert await peer.rest() == b""

    run(main)


async def dribble(peer, data, seconds=0.02, times=500):
    """Send ``data`` once and again until the server has had enough."""
    with contextlib.suppress(ConnectionError):
        for _ in range(times):
            await peer.send(data)
            await asyncio.sleep(seconds)


@contextlib.asynccontextmanager
async def dribbling(peer, data):
    task = asyncio.ensure_future(dribble(peer, data))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_header_time_starts_with_the_first_byte(run):
    """The time starts neither with the connection nor with the previous response."""

    async def handler(request, response):
        if request.path == "/slow":
            await asyncio.sleep(0.6)
        response.end(request.path)

    async def main():
        async with peer_of(handler, limits=http.Limits(header_time=0.4)) as peer:
            await asyncio.sleep(0.1)
            for path in ("/slow", "/a", "/slow", "/b"):
                data = request(f"GET {path}")
                await peer.send(data[:20])
                await asyncio.sleep(0.1)
                await peer.send(data[20:])
                got = await answer(peer)
                assert (got.status, got.body) == (200, path.encode())

    run(main)


def test_slow_head_hits_header_time(run):
    async def main():
        async with peer_of(hello, limits=http.Limits(header_time=0.2)) as peer:
            errors = []
            peer.server.on("client_error", lambda error, socket: errors.append(error))
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 200
            await peer.send(b"GET / HTTP/1.1\r\nX: ")
            async with dribbling(peer, b"y"):
                got = await answer(peer)
            assert got.status == 408
            assert b"Limits.header_time" in got.body
            assert [type(error) for error in errors] == [HttpTimeoutError]

    run(main)


def test_blank_lines_do_not_extend_keep_alive_time(run):
    async def main():
        async with peer_of(hello, limits=http.Limits(keep_alive_time=0.2)) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 200
            async with dribbling(peer, b"\r\n"):
                assert await peer.receive(1) == b""

    run(main)


def test_sending_client_that_reads_nothing_is_disconnected(run):
    closed = []

    def handler(request, response):
        response.on("close", lambda: closed.append(response.writable_finished))
        response.end(b"x" * 30_000_000)

    async def main():
        async with peer_of(handler, limits=http.Limits(idle_time=0.3)) as peer:
            await peer.send(request("GET /") + b"GET / HTTP/1.1\r\nX: ")
            async with dribbling(peer, b"y"):
                await until(lambda: closed)
            assert closed == [False]

    run(main)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"idle_time": 0.2, "body_rate": 10_000}, b"Limits.body_rate"),
        ({"idle_time": 0.2, "body_rate": 0.001}, None),
        ({"idle_time": 0.2, "body_rate": None}, None),
        ({"request_time": 0.2}, b"Limits.request_time"),
        ({}, None),
    ],
)
@pytest.mark.parametrize("coding", ["Content-Length: 50", "Transfer-Encoding: chunked"])
def test_slow_body_falls_below_body_rate(run, limits, named, coding):
    async def handler(request, response):
        response.end(await body_of(request))

    async def main():
        async with peer_of(handler, limits=http.Limits(**limits)) as peer:
            errors = []
            peer.server.on("client_error", lambda error, socket: errors.append(type(error)))
            piece = b"y" if "Length" in coding else b"1\r\ny\r\n"
            await peer.send(request("POST /", coding))
            sending = asyncio.ensure_future(dribble(peer, piece, times=50))
            if named is None:
                await sending
                if "chunked" in coding:
                    await peer.send(b"0\r\n\r\n")
                assert (await answer(peer)).body == b"y" * 50
                assert errors == []
            else:
                got = await answer(peer)
                await sending
                assert got.status == 408
                assert named in got.body
                assert errors == [HttpTimeoutError]

    run(main)


def test_pause_in_a_fast_body_is_allowed(run):
    """A pause is allowed while the client is at most idle_time behind its rate."""

    async def handler(request, response):
        response.end(await body_of(request))

    async def main():
        limits = http.Limits(idle_time=0.4, body_rate=10_000)
        async with peer_of(handler, limits=limits) as peer:
            await peer.send(request("POST /", "Content-Length: 100000", body=b"x" * 50_000))
            for _ in range(4):
                await asyncio.sleep(0.2)
                await peer.send(b"y" * 12_500)
            assert len((await answer(peer)).body) == 100_000

    run(main)


@pytest.mark.parametrize("expects", [False, True])
def test_slow_reading_handler_does_not_count_against_the_client(run, expects):
    """Time in which the client waits for "100 Continue" or for room does not count."""

    async def handler(request, response):
        await asyncio.sleep(0.6)
        response.end(str(len(await body_of(request))))

    async def main():
        limits = http.Limits(idle_time=0.2, request_time=0.4, body_rate=100_000)
        async with peer_of(handler, limits=limits) as peer:
            fields = ["Expect: 100-continue"] if expects else []
            size = 10 if expects else 5_000_000
            await peer.send(request("POST /", f"Content-Length: {size}", *fields))
            if expects:
                assert (await answer(peer)).status == 100
            await peer.send(b"x" * size)
            assert (await answer(peer)).body == str(size).encode()

    run(main)


@pytest.mark.parametrize("reads", [False, True])
def test_time_limit_for_the_rest_of_a_body(run, reads):
    outcomes = []

    async def handler(request, response):
        if reads:
            request.read(1)
        response.end("early")
        if reads:
            try:
                await body_of(request)
            except HttpTimeoutError as error:
                outcomes.append(error)
                raise

    async def main():
        limits = http.Limits(idle_time=0.2, body_rate=10_000)
        async with peer_of(handler, limits=limits) as peer:
            await peer.send(request("POST /", "Content-Length: 1000", body=b"x"))
            async with dribbling(peer, b"y"):
                assert (await answer(peer)).body == b"early"
                assert await peer.receive(1) == b""
                await until(lambda: not peer.server.connections)
            assert len(outcomes) == reads

    run(main)


@pytest.mark.parametrize("loop_turns", [1, 5])
def test_upgraded_connection_has_no_timeouts(run, loop_turns):
    sockets = []

    async def main():
        limits = http.Limits(idle_time=0.05, header_time=0.05, keep_alive_time=0.05, request_time=0.05)
        async with peer_of(limits=limits) as peer:
            peer.server.on("upgrade", lambda request, socket: sockets.append(socket))
            await peer.send(request("GET /", "Connection: Upgrade", "Upgrade: other"))
            await until(lambda: sockets)
            await asyncio.sleep(0.1 * loop_turns)
            sockets[0].write(b"still here")
            assert await peer.receive(10) == b"still here"
            sockets[0].destroy()

    run(main)


def test_wrong_limits_raise(run):
    for wrong in (0, -1):
        for name in ("request_time", "body_rate"):
            with pytest.raises(OutOfRangeError, match=name):
                http.Limits(**{name: wrong})
    with pytest.raises(InvalidArgTypeError, match="body_rate"):
        http.Limits(body_rate="fast")
