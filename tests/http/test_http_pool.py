"""An agent loses no connection, whichever side gives up and when, and waiting requests get an error."""

import asyncio
import random

import pytest

from forebay import (
    AbortController,
    AbortError,
    HttpError,
    HttpTimeoutError,
    InvalidArgTypeError,
    StreamDestroyedError,
    StreamError,
    http,
    net,
)
from support.http_peers import body_of, hello, raw_server, serving, until


async def silent(reader, writer):
    await reader.read()


async def never(hostname, port, ssl):
    await asyncio.Event().wait()


def test_closed_agent_fails_requests_that_wait_for_a_connection(run):
    async def main():
        agent = http.Agent(connect=never, max_connections=1)
        waiting = [asyncio.ensure_future(agent.get("http://x/")) for _ in range(3)]
        await asyncio.sleep(0.01)
        await agent.aclose()
        for each in waiting:
            with pytest.raises(StreamDestroyedError, match="agent was closed"):
                await each
        assert not agent._in_use

    run(main)


def test_closed_agent_fails_requests_that_wait_for_a_response(run):
    async def main():
        async with raw_server(silent) as url:
            agent = http.Agent()
            waiting = asyncio.ensure_future(agent.get(url))
            await until(lambda: agent.connections)
            await agent.aclose()
            with pytest.raises(StreamDestroyedError, match="agent was closed"):
                await waiting

    run(main)


def test_closed_agent_reports_nothing_for_unawaited_requests(run):
    async def main():
        async with raw_server(silent) as url:
            agent = http.Agent(max_connections=1)
            for _ in range(2):
                agent.get(url)
            await until(lambda: agent.connections)
            await agent.aclose()

    run(main)


def test_a_redirect_does_not_outlive_the_agent(run):
    async def main():
        agent = None

        def handler(request, response):
            response.write_head(302, headers={"Location": "/again"})
            response.end()

        async with serving(handler) as server:
            agent = http.Agent()
            request = agent.get(server.base, redirects=1)
            request.on("response", lambda _: None)
            waiting = asyncio.ensure_future(request)
            original = agent._dispatch
            agent._dispatch = lambda exchange: (agent.destroy(), original(exchange))
            with pytest.raises(StreamDestroyedError):
                await waiting
            await agent.aclose()
            assert agent.connections == 0

    run(main)


def test_a_signal_that_was_aborted_before(run):
    async def main():
        async with serving(hello) as server, http.Agent(max_connections=1) as agent:
            controller = AbortController()
            controller.abort()
            with pytest.raises(AbortError):
                await agent.get(server.base, signal=controller.signal)
            assert (agent.connections, agent._in_use) == (0, {})
            assert await body_of(await agent.get(server.base, timeout=5)) == b"hello /"

    run(main)


@pytest.mark.parametrize("way", ["destroy", "signal", "cancel", "timeout", "agent"])
def test_cancelled_request_frees_its_place(run, way):
    """The request is cancelled at the n-th turn of the loop, for every n until the response comes first."""

    async def give_up(agent, url, turns):
        controller = AbortController()
        request = agent.get(url, signal=controller.signal)
        task = asyncio.ensure_future(asyncio.wait_for(request, 10))
        for _ in range(turns):
            await asyncio.sleep(0)
        if way == "destroy":
            request.destroy()
        elif way == "signal":
            controller.abort()
        elif way == "timeout":
            request._owner and request._owner.time_out(HttpTimeoutError("late"))
        elif way == "agent":
            agent.destroy()
        else:
            task.cancel()
            if not turns:
                # The task has not had its first step, and never saw the request.
                request.destroy()
        try:
            response = await task
        except (AbortError, asyncio.CancelledError, HttpTimeoutError, StreamDestroyedError):
            return False
        response.destroy()
        return True

    async def main():
        def large(request, response):
            response.end(bytes(200_000))

        async with serving(large) as server:
            for turns in range(60):
                async with http.Agent(max_connections=1) as agent:
                    answered = await give_up(agent, server.base, turns)
                    await until(lambda agent=agent: not agent._in_use)
                    assert not agent._waiting
                    assert agent.connections == 0
                    if way != "agent":
                        response = await agent.get(server.base, timeout=5)
                        assert len(await body_of(response)) == 200_000
                if answered:
                    break
            assert answered

    run(main)


@pytest.mark.parametrize("kind", ["refused", "no TLS", "raises", "no stream", "cancelled"])
def test_failed_connection_frees_its_place(run, kind):
    async def main():
        tries = []

        async def connect(hostname, port, ssl):
            tries.append(hostname)
            if kind == "raises":
                raise LookupError("nowhere")
            if kind == "cancelled":
                raise asyncio.CancelledError
            return None if kind == "no stream" else await net.connect(port, hostname)

        async with serving(hello) as server:
            own = None if kind in ("refused", "no TLS") else connect
            url = {"refused": "http://127.0.0.1:1/", "no TLS": f"https://127.0.0.1:{server.port}/"}
            async with http.Agent(max_connections=1, connect=own) as agent:
                for _ in range(3):
                    with pytest.raises((OSError, LookupError, InvalidArgTypeError, HttpError)):
                        await agent.get(url.get(kind, "http://x/"), timeout=5)
                await until(lambda: not agent._in_use)
                assert len(tries) == (0 if own is None else 3)

    run(main)


def test_pool_timeout(run):
    async def main():
        async with raw_server(silent) as url, http.Agent(max_connections=1) as agent:
            first = agent.get(url)
            with pytest.raises(HttpTimeoutError, match=r"no connection became free.*max_connections"):
                await agent.get(url, timeout=http.Timeouts(pool=0.05))
            assert not agent._waiting
            assert not first.destroyed
            first.destroy()

    run(main)


def test_wait_for_a_place_does_not_count_as_connecting(run):
    async def main():
        async with serving(hello) as server, http.Agent(max_connections=1) as agent:
            response = await agent.get(server.base)
            second = asyncio.ensure_future(agent.get(server.base, timeout=http.Timeouts(connect=0.05)))
            held = asyncio.get_running_loop().create_future()
            agent._connection_free, free = held.set_result, agent._connection_free
            await asyncio.sleep(0)
            agent._connection_free = free
            await body_of(response)
            assert await body_of(await second) == b"hello /"

    run(main)


def test_waiting_requests_are_served_in_order(run):
    served = []

    async def handler(request, response):
        served.append(request.url)
        await asyncio.sleep(0)
        response.end("x")

    async def main():
        async with serving(handler) as server, http.Agent(max_connections=1) as agent:

            async def ask(number):
                return await body_of(await agent.get(f"{server.base}/{number}"))

            tasks = [asyncio.create_task(ask(number)) for number in range(20)]
            await asyncio.sleep(0)
            tasks[7].cancel()
            await asyncio.wait(tasks)
            assert served == [f"/{number}" for number in range(20) if number != 7]

    run(main)


def test_cancelled_requests_leave_the_queue(run):
    async def main():
        async with raw_server(silent) as url, http.Agent(max_connections=1) as agent:
            agent.get(url)
            for _ in range(50):
                agent.get(url).destroy()
            await asyncio.sleep(0.01)
            assert not agent._waiting

    run(main)


def test_signal_releases_completed_requests(run):
    async def main():
        controller = AbortController()
        async with serving(hello) as server, http.Agent() as agent:
            for _ in range(5):
                await body_of(await agent.get(server.base, signal=controller.signal))
            await asyncio.sleep(0.01)
            assert controller.signal._emitter.listener_count("abort") == 0

    run(main)


def test_request_times_out_before_it_begins(run):
    async def main():
        async with serving(hello) as server, http.Agent(max_connections=1) as agent:
            for _ in range(3):
                with pytest.raises(HttpTimeoutError, match="took longer"):
                    await agent.request(server.base, method="PUT", body=[b"x"], timeout=1e-9)
                await until(lambda: sum(agent._in_use.values()) == agent.free_connections)
                assert await body_of(await agent.get(server.base, timeout=5)) == b"hello /"

    run(main)


def test_cancel_just_before_a_request_is_sent_keeps_the_connection(run):
    """The connection has sent nothing of the request, so the next request uses it."""

    async def main():
        async with serving(hello) as server, http.Agent(max_connections=1) as agent:
            request = agent.get(server.base)
            request.on("socket", lambda _: request.destroy())
            with pytest.raises(AbortError):
                await request
            assert await body_of(await agent.get(server.base, timeout=5)) == b"hello /"
            assert agent.connections == 1

    run(main)


def test_failures_and_cancellations_lose_no_connection(run):
    """Servers fail and programs cancel in many ways; at the end every place is free."""
    chance = random.Random(5)

    async def talk(reader, writer):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"chunked" in head:
                    await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 0.2)
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                return
            what = chance.randrange(8)
            if what == 0:
                writer.transport.abort()
                return
            if what == 1:
                await asyncio.sleep(chance.random() * 0.02)
            if writer.is_closing() or what == 2:
                return
            if what == 3:
                writer.write(b"HTTP/1.1 303 See\r\nLocation: /x\r\nContent-Length: 300000\r\n\r\nabc")
            elif what == 4:
                writer.write(b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc")
            elif what == 5:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nbad\r\n\r\n"
                )
            else:
                size = chance.choice([0, 5, 200_000])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    async def source():
        for _ in range(chance.randrange(1, 20)):
            yield bytes(chance.randrange(1, 20_000))
            await asyncio.sleep(0)

    async def ask(agent, url):
        controller = AbortController()
        request = agent.request(
            url,
            method=chance.choice(["PUT", "POST"]),
            body=chance.choice([b"x", source(), [b"a", b"b"]]),
            redirects=chance.choice([0, 3]),
            signal=controller.signal,
            timeout=http.Timeouts(
                idle=0.5, total=chance.choice([None, 0.02, 0.2]), pool=chance.choice([None, 0.02])
            ),
        )
        later = chance.choice([None, request.destroy, controller.abort])
        if later is not None:
            asyncio.get_running_loop().call_later(chance.random() * 0.03, later)
        try:
            response = await request
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.01)
                await body_of(response)
            else:
                response.destroy()
        except (OSError, StreamError):
            pass
        finally:
            request.destroy()

    async def main():
        async with raw_server(talk) as url:
            for most in (1, 3, None):
                async with http.Agent(max_connections=most) as agent:
                    tasks = [asyncio.create_task(ask(agent, url)) for _ in range(40)]
                    await asyncio.sleep(0.01)
                    for task in tasks[::7]:
                        task.cancel()
                    await asyncio.wait(tasks)
                    await until(lambda agent=agent: sum(agent._in_use.values()) == agent.free_connections)
                    assert not agent._waiting
                assert not agent._in_use

    run(main)
