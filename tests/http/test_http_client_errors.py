"""A failure of the request, its body or the response's body is reported once, to the waiting code."""

import asyncio
import gc

import pytest

from forebay import (
    AbortController,
    AbortError,
    ContentLengthMismatchError,
    IncompleteMessageError,
    InvalidArgTypeError,
    PrematureCloseError,
    Readable,
    http,
    pipeline,
)
from support.http_peers import body_of, raw_server


async def source(fails_at=None):
    for number in range(2000):
        if number == fails_at:
            raise LookupError("the source is lost")
        yield bytes(1000)
        await asyncio.sleep(0)


async def resets(reader, writer):
    await reader.read(1000)
    writer.transport.abort()


async def goes(reader, writer):
    await reader.read(1000)


async def answers_half(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")


async def listens(reader, writer):
    await reader.read()


async def awaited(url):
    await http.get(url)


async def gathered(url):
    await asyncio.gather(http.get(url))


async def waited_for(url):
    await asyncio.wait_for(http.get(url), 5)


async def in_a_group(url):
    async def ask():
        await http.get(url)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
    except BaseExceptionGroup as error:
        raise error.exceptions[0] from None


async def sent(url):
    request = http.request(url, method="PUT")
    while True:
        await request.send(bytes(10_000))


async def with_a_body(url):
    await http.request(url, method="PUT", body=source())


async def piped(url):
    await pipeline(Readable.from_(source(), object_mode=False), http.request(url, method="PUT"))


PROGRAMS = [awaited, gathered, waited_for, in_a_group, sent, with_a_body, piped]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("talk", [resets, goes])
def test_connection_lost_before_the_response(run, talk, program):
    async def main():
        async with raw_server(talk) as url:
            with pytest.raises((ConnectionError, PrematureCloseError)):
                await asyncio.wait_for(program(url), 10)
        gc.collect()
        await asyncio.sleep(0.01)

    run(main)


@pytest.mark.parametrize("awaits", [False, True])
def test_connection_lost_in_the_response(run, awaits):
    """The request succeeds and the response fails; the source of the request's body is destroyed."""

    async def main():
        async with raw_server(answers_half) as url:
            for body in (None, b"x", source()):
                request = http.request(url, method="PUT", body=body)
                response = await request if awaits else (await asyncio.gather(request))[0]
                await asyncio.sleep(0.01)
                with pytest.raises(IncompleteMessageError):
                    await body_of(response)
                assert request.errored is None
        gc.collect()
        await asyncio.sleep(0.01)

    run(main)


def test_error_of_an_unawaited_request_is_reported_once(run):
    async def main():
        run.errors_wanted = True

        async def forget(url):
            http.request(url, method="PUT").write(b"x")
            await asyncio.sleep(0.05)

        async with raw_server(resets) as url:
            await forget(url)
            gc.collect()
            await asyncio.sleep(0.01)
        assert len(run.errors) == 1

    run(main)


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        (lambda: source(3), {}, LookupError),
        (lambda: source(3), {"Expect": "100-continue"}, LookupError),
        (lambda: [b"a", 5], {}, InvalidArgTypeError),
        (lambda: [b"a", "b"], {}, InvalidArgTypeError),
        (lambda: b"abc", {"Content-Length": "5"}, ContentLengthMismatchError),
        (lambda: b"abc", {"Content-Length": "2"}, ContentLengthMismatchError),
        (lambda: [b"abc"], {"Content-Length": "5"}, ContentLengthMismatchError),
        (lambda: [b"abc"], {"Content-Length": "2"}, ContentLengthMismatchError),
    ],
)
def test_error_of_a_body_is_reported_once(run, body, headers, error):
    async def main():
        async with raw_server(listens) as url, http.Agent(max_connections=1) as agent:
            with pytest.raises(error):
                await agent.request(url, method="PUT", body=body(), headers=headers, timeout=10)
            await asyncio.sleep(0.01)
            assert agent.connections == 0
        gc.collect()
        await asyncio.sleep(0.01)

    run(main)


def failing():
    """A body that fails by itself, before it is read."""
    body = Readable(read=lambda size: None)
    asyncio.get_running_loop().call_soon(body.destroy, LookupError("the source is lost"))
    return body


@pytest.mark.parametrize("headers", [{}, {"Expect": "100-continue"}])
def test_error_of_a_body_that_waits_to_be_sent_is_reported_once(run, headers):
    async def main():
        async with raw_server(listens) as url, http.Agent() as agent:
            with pytest.raises(LookupError):
                await agent.request(url, method="PUT", body=failing(), headers=headers, timeout=10)
            await asyncio.sleep(0.01)
            assert agent.connections == 0

    run(main)


@pytest.mark.parametrize("when", ["unheard", "in the body", "before the body"])
def test_destroyed_request_reports_no_error(run, when):
    async def main():
        controller = AbortController()
        async with raw_server(answers_half if "body" in when else listens) as url:
            request = http.get(url, signal=controller.signal)
            if when == "unheard":
                await asyncio.sleep(0.02)
                controller.abort()
            else:
                (response,) = await asyncio.gather(request)
                reading = asyncio.ensure_future(body_of(response)) if when == "in the body" else None
                if reading is not None:
                    await asyncio.sleep(0)
                controller.abort()
                with pytest.raises((AbortError, IncompleteMessageError)):
                    await (reading or body_of(response))
            del request
            await asyncio.sleep(0.02)
        gc.collect()
        await asyncio.sleep(0.01)

    run(main)
