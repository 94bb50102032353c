"""The client's timeouts: each means what its description says, also after redirects and repeats, and in long bodies."""

import asyncio
import contextlib

import pytest

from forebay import HttpProtocolError, HttpTimeoutError, InvalidArgTypeError, OutOfRangeError, http
from support.http_peers import body_of, raw_server, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def silent(reader, writer):
    await reader.read()


@pytest.mark.parametrize("name", ["pool", "connect", "response", "idle", "total"])
def test_wrong_timeouts_raise(name):
    for value, error in (
        (0, OutOfRangeError),
        (-1, OutOfRangeError),
        ("1", InvalidArgTypeError),
        (True, InvalidArgTypeError),
    ):
        with pytest.raises(error, match=name):
            http.Timeouts(**{name: value})
    assert getattr(http.Timeouts(**{name: None}), name) is None


async def slowly(pieces, seconds):
    for _ in range(pieces):
        yield b"x" * 10
        await asyncio.sleep(seconds)


def test_response_timeout_starts_at_the_end_of_the_request(run):
    """The time does not start at the beginning of the request: a longer upload is completed first."""

    async def body():
        async for piece in slowly(8, 0.1):
            yield piece
        ended.append(True)

    ended = []

    async def main():
        async with raw_server(silent) as url:
            with pytest.raises(HttpTimeoutError, match="no response within"):
                await http.request(url, method="PUT", body=body(), timeout=http.Timeouts(response=0.4))
            assert ended

    run(main)


def test_timeouts_restart_after_redirects_and_resends(run):
    """Redirects and repeated requests: only the total time continues."""

    async def talk(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            number = int(head.split()[1][1:])
            await asyncio.sleep(0.15)
            if number == 6:
                writer.write(OK)
            else:
                writer.write(
                    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /%d\r\n\r\n" % (number + 1)
                )

    async def main():
        run.errors_wanted = True
        async with raw_server(talk) as url, http.Agent() as agent:
            timeouts = http.Timeouts(response=0.6, idle=0.6, connect=0.6)
            response = await agent.get(url + "/0", redirects=9, timeout=timeouts)
            assert await body_of(response) == b"ok"
            with pytest.raises(HttpTimeoutError, match="the exchange took longer"):
                await agent.get(url + "/0", redirects=9, timeout=0.4)

    run(main)


def test_connect_timeout_after_a_redirect(run):
    async def main():
        opened = []

        async def connect(hostname, port, ssl):
            opened.append(port)
            if hostname == "far":
                await asyncio.Event().wait()
            return await original(hostname, port, ssl)

        async def original(hostname, port, ssl):
            from forebay import net

            return await net.connect(port, hostname)

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://far/\r\n\r\n")
            await reader.read()

        async with raw_server(talk) as url, http.Agent(connect=connect) as agent:
            with pytest.raises(HttpTimeoutError, match=r"http://far/: there was no connection within"):
                await agent.get(
                    url, redirects=1, timeout=http.Timeouts(connect=0.1, response=None, idle=None)
                )
            assert len(opened) == 2

    run(main)


def test_slow_source_is_no_timeout(run):
    async def talk(reader, writer):
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async def main():
        async with raw_server(talk) as url:
            timeouts = http.Timeouts(idle=0.1)
            response = await http.request(url, method="PUT", body=slowly(3, 0.3), timeout=timeouts)
            assert await body_of(response) == b"ok"

    run(main)


def test_idle_timeout_if_the_server_reads_nothing(run):
    async def deaf(reader, writer):
        writer.transport.pause_reading()
        await done.wait()

    done = asyncio.Event()

    async def main():
        async with raw_server(deaf) as url:
            with pytest.raises(HttpTimeoutError, match="nothing came or went"):
                await http.request(url, method="PUT", body=bytes(30_000_000), timeout=http.Timeouts(idle=0.3))
            done.set()

    run(main)


def test_a_long_response_is_no_timeout(run):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await asyncio.sleep(0.05)
            if writer.is_closing():
                return
            writer.write(b"x")

    async def main():
        async with raw_server(talk) as url:
            response = await http.get(url, timeout=http.Timeouts(idle=0.5, response=0.5, connect=0.5))
            assert len(await body_of(response)) == 20
            with pytest.raises(HttpTimeoutError):
                await body_of(await http.get(url, timeout=0.4))

    run(main)


def test_informational_responses_do_not_stop_the_response_timeout(run):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(100):
            if writer.is_closing():
                return
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.02)

    async def main():
        async with raw_server(talk) as url:
            with pytest.raises(HttpTimeoutError, match="no response within"):
                await http.get(url, timeout=http.Timeouts(response=0.2, idle=0.2))

    run(main)


def test_endless_informational_responses_are_refused(run):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
                await writer.drain()

    async def main():
        async with raw_server(talk) as url:
            with pytest.raises(HttpProtocolError, match="more than 1,000 informational responses"):
                await http.get(url)

    run(main)


def test_informational_responses_before_an_invalid_one_are_told(run):
    """Also if both come in one piece."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nBad\r\n\r\n")
        await reader.read()

    async def main():
        async with raw_server(talk) as url:
            told = []
            request = http.get(url)
            request.on("information", lambda status, headers: told.append((status, headers["link"])))
            with pytest.raises(HttpProtocolError):
                await request
            assert told == [(103, "a")]

    run(main)


@pytest.mark.parametrize("read", ["before", "later", "never"])
def test_stalled_body_fails_its_reader_only(run, read):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await reader.read()

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            for timeouts in (http.Timeouts(idle=0.1), http.Timeouts(total=0.1)):
                response = await agent.get(url, timeout=timeouts)
                if read != "before":
                    await until(lambda: not agent.connections)
                    await asyncio.sleep(0.01)
                if read == "never":
                    continue
                parts = []
                with pytest.raises(HttpTimeoutError):
                    async for chunk in response:
                        parts.append(chunk)
                assert parts == [b"abc"]

    run(main)


def test_total_timeout_fails_a_slow_reader_at_once(run):
    """The slow reader gets the error at once."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(1_000_000))
        await reader.read()

    async def main():
        async with raw_server(talk) as url:
            response = await http.get(url, timeout=0.2)
            errors = []
            response.on("error", errors.append)
            response.on("data", lambda chunk: response.pause())
            await until(lambda: errors)
            assert isinstance(errors[0], HttpTimeoutError)

    run(main)
