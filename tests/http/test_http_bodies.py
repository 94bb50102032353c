"""Bodies flow at the pace of the slower end, and are whole or fail with an error."""

import asyncio
import contextlib
import socket

import pytest

from forebay import (
    IncompleteMessageError,
    PrematureCloseError,
    Readable,
    Writable,
    create_read_stream,
    create_write_stream,
    http,
    pipeline,
)
from support.http_peers import answer, body_of, echo, hello, peer_of, raw_server, request, serving, until
from support.sockets import Peer

MIB = 1024 * 1024


def test_slow_handler_pauses_the_client(run):
    got = asyncio.Event()

    async def handler(request, response):
        await got.wait()
        response.end(b"%d" % len(await body_of(request)))

    async def main():
        got.clear()
        async with peer_of(handler) as peer:
            size = 50 * MIB
            await peer.send(request("POST /", f"Content-Length: {size}"))
            sent = 0
            while sent < size:
                send = asyncio.ensure_future(peer.send(bytes(MIB)))
                done, _ = await asyncio.wait([send], timeout=None if got.is_set() else 0.3)
                if not done:
                    # The client's and the server's buffers are full: far less than the body.
                    assert sent < 20 * MIB
                    got.set()
                    await send
                sent += MIB
            assert got.is_set()
            assert (await answer(peer)).body == b"%d" % size

    run(main)


def test_slow_client_pauses_the_handler(run):
    given = 0

    async def handler(request, response):
        nonlocal given
        for _ in range(50):
            given += MIB
            await response.send(bytes(MIB))
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await until(lambda: given)
            for _ in range(200):
                await asyncio.sleep(0.001)
            assert given < 20 * MIB
            assert len((await answer(peer)).body) == 50 * MIB

    run(main)


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 65536, 65537, 1_000_003])
def test_chunks_of_any_size_are_framed(run, size):
    async def main():
        data = bytes(n % 251 for n in range(min(size, 1000))) * (size // 1000 + 1)
        data = data[:size]
        async with serving(echo) as server, http.Agent() as agent:
            for body in (data, Readable.from_([data, b"tail"], object_mode=False)):
                response = await agent.request(server.base, method="POST", body=body)
                assert await body_of(response) == (data if body is data else data + b"tail")

    run(main)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_chunks_of_other_kinds(run, kind):
    def handler(request, response):
        response.write(kind(b"a" * 10))
        response.write(kind(b"b" * 100_000))
        response.write(b"")
        response.end(kind(b"c"))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == b"a" * 10 + b"b" * 100_000 + b"c"

    run(main)


def test_corked_writes_are_chunks_of_their_own(run):
    def handler(request, response):
        with response.corked():
            for n in range(5):
                response.write(b"%d" % n * 1000)
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /") * 2)
            for _ in range(2):
                assert (await answer(peer)).body == b"".join(b"%d" % n * 1000 for n in range(5))

    run(main)


def test_truncated_body_is_an_error(run):
    errors = []

    async def handler(request, response):
        try:
            await body_of(request)
        except IncompleteMessageError as error:
            errors.append(error)
            raise

    async def main():
        for fields, part in (
            (["Content-Length: 10"], b"abc"),
            (["Transfer-Encoding: chunked"], b"3\r\nabc\r\n"),
            (["Transfer-Encoding: chunked"], b"a\r\nabc"),
        ):
            async with peer_of(handler) as peer:
                await peer.send(request("POST /", *fields, body=part))
                peer.half_close()
                await peer.rest()
                peer.close()
            async with peer_of(handler) as peer:
                await peer.send(request("POST /", *fields, body=part))
                await asyncio.sleep(0.01)
                peer.reset()
                await until(lambda: len(errors) == 2)
            assert [error.code for error in errors] == ["ECONNRESET"] * 2
            errors.clear()

    run(main)


@pytest.mark.parametrize("way", ["raised", "destroyed", "proxied"])
def test_failed_http_1_0_body_ends_with_a_reset(run, way):
    """A client of HTTP/1.0 would take an orderly end for the end of a whole body."""

    async def handler(request, response):
        await response.send(b"part")
        await asyncio.sleep(0.01)
        if way == "destroyed":
            response.destroy()
        else:
            raise LookupError("lost")

    async def main():
        run.errors_wanted = way != "destroyed"
        async with serving(handler) as far, http.Agent() as agent:
            proxy = http.ReverseProxy(far.base, agent=agent)
            async with peer_of(proxy if way == "proxied" else handler) as peer:
                await peer.send(b"GET / HTTP/1.0\r\n\r\n")
                got = b""
                with pytest.raises(ConnectionResetError):
                    while data := await peer.receive(1):
                        got += data
                assert got == b"" or got.startswith(b"HTTP/1.1 200 OK\r\n")

    run(main)


def test_half_closed_client_gets_its_response(run):
    async def main():
        async with peer_of(echo) as peer:
            await peer.send(request("POST /", "Content-Length: 3", body=b"abc") * 3)
            peer.half_close()
            for _ in range(3):
                assert (await answer(peer)).body == b"abc"
            assert await peer.receive(1) == b""

    run(main)


def test_client_disconnect_closes_the_response(run):
    closed = []

    async def handler(request, response):
        response.on("close", lambda: closed.append((response.writable_finished, request.destroyed)))
        while not closed:
            await response.send(b"x" * 10_000)
            await asyncio.sleep(0)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await peer.receive(100_000)
            peer.reset()
            await until(lambda: closed)
            assert closed[0][0] is False

    run(main)


def test_client_disconnect_fails_the_pipeline_into_the_response(run):
    results = []

    async def handler(request, response):
        async def forever():
            while True:
                yield b"x" * 10_000

        try:
            await pipeline(forever(), response)
        except Exception as error:
            results.append(type(error).__name__)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await peer.receive(100_000)
            peer.close()
            await until(lambda: results)
            assert results == ["PrematureCloseError"]

    run(main)


def test_unread_body(run):
    async def main():
        async with peer_of(hello) as peer:
            await peer.send(request("POST /1", "Content-Length: 100000", body=b"x" * 100_000))
            assert (await answer(peer)).body == b"hello /1"
            # It was received for nothing, and the connection is good.
            await peer.send(request("GET /2"))
            assert (await answer(peer)).body == b"hello /2"
            await peer.send(request("POST /3", "Content-Length: 100000000", body=b"x" * 100_000))
            assert (await answer(peer)).body == b"hello /3"
            # Too much of it would follow.
            assert await peer.receive(1) == b""

    run(main)


def test_destroyed_request_body(run):
    async def handler(request, response):
        async for _ in request:
            break
        assert request.destroyed
        response.status_code = 400
        response.end("enough")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("POST /", "Content-Length: 100000", body=b"x" * 50_000))
            got = await answer(peer)
            assert (got.status, got.body, got.headers["connection"]) == (400, b"enough", "close")

    run(main)


def test_exception_of_a_data_listener_is_not_reported_as_client_error(run):
    async def main():
        run.errors_wanted = True
        errors = []

        def handler(request, response):
            request.on("error", errors.append)
            request.on("data", lambda chunk: 1 / 0)
            # The stream goes on as if the listener had returned.
            request.on("end", lambda: response.end("so"))

        async with peer_of(handler) as peer:
            await peer.send(request("POST /", "Content-Length: 5", body=b"x"))
            await asyncio.sleep(0.01)
            await peer.send(b"yyyy")
            assert (await answer(peer)).body == b"so"
        assert not errors
        assert {type(context["exception"]) for context in run.errors} == {ZeroDivisionError}

    run(main)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_response_end_differs_from_truncation(run, framing):
    """A response that is delimited by the end of the connection is whole; other responses are truncated."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        fields = {
            "length": b"Content-Length: 10\r\n",
            "chunked": b"Transfer-Encoding: chunked\r\n",
            "close": b"",
        }
        part = b"3\r\nabc\r\n" if framing == "chunked" else b"abc"
        writer.write(b"HTTP/1.1 200 OK\r\n" + fields[framing] + b"\r\n" + part)

    async def main():
        async with raw_server(talk) as url:
            response = await http.get(url)
            if framing == "close":
                assert await body_of(response) == b"abc"
            else:
                with pytest.raises(IncompleteMessageError, match="whole"):
                    await body_of(response)

    run(main)


def test_a_proxied_download_pauses_its_source(run):
    """The proxy does not fetch data that a slow client does not take."""
    given = 0

    async def source(request, response):
        nonlocal given
        for _ in range(60):
            given += MIB
            await response.send(bytes(MIB))
        response.end()

    async def main():
        async with serving(source) as far, http.Agent() as agent:

            async def proxy(request, response):
                answer = await agent.get(far.base)
                response.set_header("Content-Type", "application/octet-stream")
                await pipeline(answer, response)

            async with peer_of(proxy) as peer:
                await peer.send(request("GET /"))
                await until(lambda: given)
                for _ in range(300):
                    await asyncio.sleep(0.001)
                assert given < 40 * MIB
                assert len((await answer(peer)).body) == 60 * MIB

    run(main)


@pytest.mark.parametrize("way", ["half_close", "reset"])
@pytest.mark.parametrize("fields", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_truncated_upload_through_a_proxy(run, way, fields):
    """The forwarded upload is truncated as well, and only the two clients get an error."""
    errors = []

    async def handler(request, response):
        try:
            await body_of(request)
        except IncompleteMessageError as error:
            errors.append(error)
            raise

    async def main():
        async with (
            serving(handler) as far,
            http.Agent() as agent,
            peer_of(http.ReverseProxy(far.base, agent=agent)) as peer,
        ):
            body = b"abc" if "Length" in fields else b"3\r\nabc\r\n"
            await peer.send(request("POST /", fields, body=body))
            await until(lambda: far.connections)
            if way == "half_close":
                peer.half_close()
                assert (await answer(peer)).status == 400
            else:
                peer.reset()
            await until(lambda: errors and not far.connections)

    run(main)


def test_many_slow_downloads_at_once(run):
    """Every client progresses, and every body is whole."""
    block = bytes(range(256)) * 256

    def handler(request, response):
        pipeline(Readable.from_([block] * 8, object_mode=False), response).add_done_callback(
            lambda done: None
        )

    async def download(port, n):
        peer = await Peer.to(port)
        try:
            await peer.send(request(f"GET /{n}"))
            got = await answer(peer)
            assert got.body == block * 8
        finally:
            peer.close()

    async def main():
        async with serving(handler) as server:
            await asyncio.gather(*[download(server.port, n) for n in range(60)])

    run(main)


@pytest.mark.parametrize("way", ["send_file", "pipe"])
def test_many_slow_downloads_of_a_file(run, big, way):
    """Clients that read in turn get the right data while another client reads nothing."""
    path, content = big
    turn = 250_000
    responses = []

    def handler(request, response):
        # So that the kernel does not take half of the file at once.
        response.socket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        responses.append(response)
        if way == "send_file":
            return response.send_file(path)
        response.set_header("Content-Length", len(content))
        create_read_stream(path).pipe(response)
        return None

    async def main():
        responses.clear()
        async with serving(handler) as server:
            stalled = await Peer.to(server.port, SO_RCVBUF=131072)
            await stalled.send(request("GET /"))
            peers = [await Peer.to(server.port, SO_RCVBUF=131072) for _ in range(60)]
            for peer in peers:
                await peer.send(request("GET /"))
            for peer in peers:
                head, end, peer.begun = (await peer.receive(1000)).partition(b"\r\n\r\n")
                assert (head[:15], end) == (b"HTTP/1.1 200 OK", b"\r\n\r\n")
            for at in range(0, len(content), turn):
                expected = content[at : at + turn]
                for peer in peers:
                    begun, peer.begun = peer.begun, b""
                    assert begun + await peer.receive(len(expected) - len(begun)) == expected
                held = [each.writable_length + each.socket.writable_length for each in responses]
                # In either stream at most its mark and the chunk that reached it.
                assert max(held) <= 4 * 65536
            assert len(responses) == 61
            for peer in peers:
                peer.close()
            stalled.reset()
            await until(lambda: not server.connections)

    # And no descriptor is left.
    run(main)


def test_upload_into_a_sink_while_the_response_streams(run):
    async def handler(request, response):
        total = 0

        def count(chunk):
            nonlocal total
            total += len(chunk)

        await pipeline(request, Writable(write=count))
        response.end(str(total))

    async def main():
        async def body():
            for _ in range(100):
                yield bytes(50_000)

        async with serving(handler) as server:
            response = await http.request(server.base, method="PUT", body=body())
            assert await body_of(response) == b"5000000"

    run(main)


@pytest.mark.parametrize("fields", [["Content-Length: 5"], ["Transfer-Encoding: chunked"]])
@pytest.mark.parametrize("size", [0, 3, 60_000, 100_000, 1_000_000])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("way", ["iterate", "consume", "pipeline", "list"])
def test_body_read_after_the_response(run, fields, size, cut, way, tmp_path):
    """The body is whole or fails: it is never empty, and never truncated without an error."""
    outcomes = []
    body = b"x" * size
    if "chunked" in fields[0]:
        data = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body) if size else b"0\r\n\r\n"
    else:
        fields, data = [f"Content-Length: {size}"], body

    async def handler(request, response):
        response.end("accepted")
        await asyncio.sleep(0.02)
        try:
            if way == "iterate":
                got = b"".join([chunk async for chunk in request])
            elif way == "consume":
                got = await body_of(request)
            elif way == "pipeline":
                await pipeline(request, create_write_stream(tmp_path / "stored"))
                got = (tmp_path / "stored").read_bytes()
            else:
                got = b"".join(await request.to_list())
        except PrematureCloseError as error:
            got = error
            outcomes.append(got)
            raise
        outcomes.append(got)

    async def main():
        run.errors_wanted = True
        async with peer_of(handler) as peer:
            await peer.send(request("POST /", *fields) + (b"" if cut else data))
            if cut:
                await asyncio.sleep(0.01)
                with contextlib.suppress(ConnectionError):
                    await peer.send(data)
            assert (await answer(peer)).body == b"accepted"
            await until(lambda: outcomes)
            if isinstance(outcomes[0], PrematureCloseError):
                assert size > 60_000 or cut
                # The handler's own error: the client has had its answer.
                await until(lambda: run.errors)
                assert [each["exception"] for each in run.errors] == outcomes
            else:
                assert outcomes == [body]
                assert run.errors == []

    run(main)


def test_body_read_after_the_client_disconnected(run):
    outcomes = []

    async def handler(request, response):
        await until(lambda: response.destroyed)
        outcomes.append(await body_of(request))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("POST /", "Content-Length: 5", body=b"hello"))
            await asyncio.sleep(0.02)
            peer.reset()
            await until(lambda: outcomes)
            assert outcomes == [b"hello"]

    run(main)


@pytest.mark.parametrize("coding", ["Content-Length: 50", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("waits", [False, True])
def test_message_for_a_large_body_names_the_limit(run, coding, waits):
    async def handler(request, response):
        if waits:
            await asyncio.sleep(0.02)
        response.end(await body_of(request))

    async def main():
        async with peer_of(handler, limits=http.Limits(body_bytes=20)) as peer:
            data = b"x" * 50 if "Length" in coding else b"32\r\n" + b"x" * 50 + b"\r\n0\r\n\r\n"
            await peer.send(request("POST /", coding, body=data))
            got = await answer(peer)
            assert got.status == 413
            assert b"20 (Limits.body_bytes)" in got.body or b"20 bytes (Limits.body_bytes)" in got.body

    run(main)


def test_an_answer_without_content_has_no_length(run):
    """An answer to HEAD has the length of a body that is not sent, and one with 204 cannot have any."""

    def empty(request, response):
        response.status_code = 204
        response.set_header("Content-Length", 5)
        response.end()

    async def main():
        async with peer_of(empty) as peer:
            for method in ("HEAD", "GET"):
                await peer.send(request(f"{method} /"))
                got = await answer(peer)
                assert (got.status, "content-length" in got.headers) == (204, False)

    run(main)
