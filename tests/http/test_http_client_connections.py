"""The client: kept connections, redirects, timeouts, and cancellation."""

import asyncio
import gc

import pytest
from client_handlers import show

from forebay import (
    AbortController,
    AbortError,
    HttpError,
    HttpTimeoutError,
    IncompleteMessageError,
    InvalidArgValueError,
    Readable,
    StreamDestroyedError,
    http,
)
from support.http_peers import body_of, echo, hello, raw_server, serving, until


def test_connections_are_reused(run):
    async def main():
        async with serving(hello) as server, http.Agent() as agent:
            for n in range(5):
                request = agent.get(f"{server.base}/{n}")
                assert await body_of(await request) == b"hello /%d" % n
                assert request.reused == (n > 0)
            assert (agent.connections, agent.free_connections, server.connections) == (1, 1, 1)
            await asyncio.gather(*[read(agent.get(server.base)) for _ in range(5)])
            assert agent.connections == agent.free_connections == 5
        assert agent.connections == 0
        with pytest.raises(StreamDestroyedError):
            agent.get("http://127.0.0.1:1/")

    async def read(request):
        await body_of(await request)

    run(main)


def test_max_connections_is_not_exceeded(run):
    async def handler(request, response):
        await asyncio.sleep(0.005)
        response.end(request.url)

    async def main():
        async with serving(handler) as server, http.Agent(max_connections=2) as agent:
            most = 0

            async def ask(n):
                nonlocal most
                response = await agent.get(f"{server.base}/{n}")
                most = max(most, agent.connections)
                assert await body_of(response) == b"/%d" % n

            await asyncio.gather(*[ask(n) for n in range(10)])
            assert most == agent.connections == 2

    run(main)


def test_free_connections_are_closed_after_keep_alive_time(run):
    async def main():
        limits = http.Limits(keep_alive_time=0.05)
        async with serving(hello) as server, http.Agent(limits=limits) as agent:
            await body_of(await agent.get(server.base))
            assert agent.free_connections == 1
            await until(lambda: agent.connections == 0)

    run(main)


def test_request_is_sent_again_if_a_kept_connection_was_closed(run):
    """The server closes while the next request is on its way: an idempotent request is sent again."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            for _ in range(3):
                assert await body_of(await agent.get(url)) == b"ok"
            with pytest.raises((ConnectionError, IncompleteMessageError)):
                await agent.request(url, method="POST", body=b"x")

    run(main)


def test_connection_error_fails_the_request(run):
    async def main():
        with pytest.raises(ConnectionRefusedError):
            await http.get("http://127.0.0.1:1/")
        errors = []
        request = http.get("http://127.0.0.1:1/")
        request.on("error", errors.append)
        await until(lambda: request.closed)
        await asyncio.sleep(0)
        assert [type(error) for error in errors] == [ConnectionRefusedError]

    run(main)


def test_unretrieved_error_is_reported(run):
    async def main():
        run.errors_wanted = True

        async def forget():
            request = http.get("http://127.0.0.1:1/")
            await until(lambda: request.closed)
            await asyncio.sleep(0.01)

        await forget()
        gc.collect()
        await asyncio.sleep(0)
        assert [type(context["exception"]) for context in run.errors] == [ConnectionRefusedError]

    run(main)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_redirects(run, status, method):
    def handler(request, response):
        if request.path == "/from":
            response.write_head(status, headers={"Location": "to?x"})
            response.end("elsewhere")
        else:
            show(request, response)

    async def main():
        async with serving(handler) as server, http.Agent() as agent:
            body = b"data" if method == "POST" else None
            request = agent.request(server.base + "/from", method=method, body=body, redirects=1)
            response = await request
            assert response.status_code == 200
            assert response.url == server.base + "/to?x"
            text = (await body_of(response)).decode()
            if method == "HEAD":
                assert text == ""
            elif method == "POST" and status < 307 and status != 303:
                assert text.startswith("GET /to?x")
                assert "Content-Length" not in text
            elif method == "POST" and status == 303:
                assert text.startswith("GET /to?x")
            else:
                assert text.startswith(f"{method} /to?x")
            await until(lambda: request.closed)
            assert agent.connections == agent.free_connections == 1
            response = await agent.request(server.base + "/from", method=method)
            assert response.status_code == status
            await body_of(response)

    run(main)


def test_redirect_limit(run):
    def handler(request, response):
        response.write_head(302, headers={"Location": request.url + "x"})
        response.end()

    async def main():
        async with serving(handler) as server, http.Agent() as agent:
            response = await agent.request(server.base + "/", redirects=5)
            assert response.status_code == 302
            assert response.url == server.base + "/xxxxx"
            await body_of(response)

    run(main)


def test_stream_body_is_not_sent_to_a_redirect(run):
    async def handler(request, response):
        await body_of(request)
        response.write_head(307, headers={"Location": "/"})
        response.end()

    async def main():
        async with serving(handler) as server:
            with pytest.raises(HttpError, match="cannot be sent again"):
                await http.request(server.base, method="POST", body=[b"x"], redirects=1)

    run(main)


def test_credentials_stay_with_their_origin(run):
    async def main():
        async with serving(show) as other:

            def handler(request, response):
                place = other.base if request.path == "/away" else "/show"
                if request.path == "/show":
                    show(request, response)
                else:
                    response.write_head(302, headers={"Location": place})
                    response.end()

            async with serving(handler) as server:
                secret = {"Authorization": "Bearer x", "Cookie": "y", "X": "z"}
                near = await body_of(await http.get(server.base + "/near", headers=secret, redirects=1))
                away = await body_of(await http.get(server.base + "/away", headers=secret, redirects=1))
                assert b"Bearer" in near
                assert b"Cookie" in near
                assert b"Bearer" not in away
                assert b"Cookie" not in away
                assert b"X: z" in away
                wrong = http.get(server.base + "/away", redirects=1)
                assert (await wrong).status_code == 200

    run(main)


def test_redirect_to_an_unknown_scheme_raises(run):
    def handler(request, response):
        response.write_head(302, headers={"Location": "gopher://x/"})
        response.end()

    async def main():
        async with serving(handler) as server:
            with pytest.raises(InvalidArgValueError, match="gopher"):
                await http.get(server.base, redirects=1)

    run(main)


async def silent(reader, writer):
    await reader.read()


@pytest.mark.parametrize(
    ("timeout", "why"),
    [
        (http.Timeouts(response=0.1), "no response within"),
        (http.Timeouts(idle=0.1), "nothing came"),
        (http.Timeouts(total=0.1), "longer than"),
        (0.1, "longer than"),
    ],
)
def test_timeouts(run, timeout, why):
    async def main():
        async with raw_server(silent) as url:
            with pytest.raises(HttpTimeoutError, match=why) as caught:
                await http.get(url, timeout=timeout)
            assert isinstance(caught.value, TimeoutError)

    run(main)


def test_a_timeout_in_the_body(run):
    async def stalls(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read()

    async def main():
        async with raw_server(stalls) as url:
            for timeout in (http.Timeouts(idle=0.1), http.Timeouts(total=0.1)):
                response = await http.get(url, timeout=timeout)
                with pytest.raises(HttpTimeoutError):
                    await body_of(response)

    run(main)


def test_slow_reader_is_no_timeout(run):
    async def main():
        async with serving(lambda request, response: response.end(bytes(3_000_000))) as server:
            response = await http.get(server.base, timeout=http.Timeouts(idle=0.1))
            await asyncio.sleep(0.4)
            assert len(await body_of(response)) == 3_000_000

    run(main)


def test_connect_timeout(run):
    async def never(hostname, port, ssl):
        await asyncio.Event().wait()

    async def main():
        async with http.Agent(connect=never) as agent:
            with pytest.raises(HttpTimeoutError, match="no connection"):
                await agent.get("http://x/", timeout=http.Timeouts(connect=0.05))

    run(main)


def test_cancelling_the_await(run):
    async def main():
        async with raw_server(silent) as url, http.Agent() as agent:
            task = asyncio.ensure_future(awaiting(agent.get(url)))
            await until(lambda: agent.connections)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not agent.connections)

    async def awaiting(request):
        return await request

    run(main)


def test_aborted_signal_destroys_the_request(run):
    async def main():
        async with raw_server(silent) as url, http.Agent() as agent:
            controller = AbortController()
            request = agent.get(url, signal=controller.signal)
            await until(lambda: agent.connections)
            controller.abort()
            with pytest.raises(AbortError):
                await request
            await until(lambda: not agent.connections)

    run(main)


def test_destroy_before_the_connection_is_open(run):
    async def main():
        async with serving(hello) as server, http.Agent() as agent:
            request = agent.get(server.base)
            request.destroy()
            with pytest.raises(AbortError):
                await request
            await until(lambda: not agent.connections)
            assert await body_of(await agent.get(server.base)) == b"hello /"

    run(main)


def test_response_left_early_closes_its_connection(run):
    async def main():
        async with (
            serving(lambda request, response: response.end(bytes(5_000_000))) as server,
            http.Agent() as agent,
        ):
            response = await agent.get(server.base)
            assert agent.connections == 1
            async for _ in response:
                break
            await until(lambda: not agent.connections)

    run(main)


def test_early_response_ends_the_upload(run):
    """The server answers before it has read the whole request."""

    async def early(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.05)

    async def endless():
        while True:
            yield bytes(10_000)
            await asyncio.sleep(0.001)

    async def main():
        async with raw_server(early) as url:
            response = await http.request(url, method="POST", body=endless())
            assert response.status_code == 413
            assert await body_of(response) == b"no"

    run(main)


def test_failing_body_fails_the_request(run):
    async def failing():
        yield b"x"
        raise LookupError("lost")

    async def main():
        async with serving(echo) as server:
            with pytest.raises(LookupError):
                await body_of(await http.request(server.base, method="POST", body=failing()))

    run(main)


def test_closed_agent_fails_requests_in_progress(run):
    async def main():
        async with raw_server(silent) as url:
            async with http.Agent() as agent:
                request = agent.get(url)
                await until(lambda: agent.connections)
            with pytest.raises((IncompleteMessageError, StreamDestroyedError, AbortError)):
                await request

    run(main)


def test_responses_without_a_body(run):
    async def talk(reader, writer):
        for head in (b"204 No", b"304 Not\r\nContent-Length: 5", b"200 OK\r\nContent-Length: 5", b"200 OK"):
            line = await reader.readuntil(b"\r\n\r\n")
            assert line.startswith(b"HEAD") == head.startswith(b"200 OK\r\nContent")
            writer.write(
                b"HTTP/1.1 " + head + (b"\r\n\r\n" if head != b"200 OK" else b"\r\nContent-Length: 0\r\n\r\n")
            )
        await reader.read()

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            for method in ("GET", "GET", "HEAD", "GET"):
                assert await body_of(await agent.request(url, method=method)) == b""
            assert agent.connections == 1

    run(main)


async def kept_once(reader, writer):
    """Answers one request, takes the next one, whole, and goes without an answer; any other is shown what it sent."""
    if kept_once.first:
        kept_once.first = False
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read(100_000)
        return
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


async def some_bytes():
    for _ in range(4):
        yield b"x" * 100


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET", "POST"])
@pytest.mark.parametrize(
    "kind",
    ["bytes", "str", "list", "generator", "readable", "written", "chunked", "none", "empty", "empty text"],
)
def test_a_body_is_never_sent_again_without_its_bytes(run, method, kind):
    bodies = {
        "bytes": b"x" * 400,
        "str": "x" * 400,
        "list": [b"x" * 100] * 4,
        "generator": some_bytes(),
        "readable": Readable.from_([b"x" * 400], object_mode=False),
        "empty": b"",
        "empty text": "",
    }

    async def main():
        kept_once.first = True
        async with raw_server(kept_once) as url, http.Agent() as agent:
            await body_of(await agent.get(url))
            headers = {"Transfer-Encoding": "chunked"} if kind == "chunked" else None
            request = agent.request(url, method=method, body=bodies.get(kind), headers=headers)
            if kind == "written":
                request.write(b"x" * 400)
                request.end()
            if kind in ("none", "empty", "empty text") and method != "POST":
                assert (await request).status_code == 201
                return
            with pytest.raises((IncompleteMessageError, ConnectionError)):
                await request

    run(main)


def test_request_is_not_sent_again_after_a_partial_response(run):
    """A request is not sent again if the server has begun to answer."""
    asked = []

    async def talk(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            asked.append(1)
            if len(asked) > 1:
                writer.write(b"HTTP/1.1 200")
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            await body_of(await agent.get(url))
            with pytest.raises(IncompleteMessageError):
                await agent.get(url)
            assert len(asked) == 2

    run(main)
