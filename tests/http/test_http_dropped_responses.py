"""Responses that the program dropped: their connections are closed, their places are free, and a warning says so."""

import asyncio
import contextlib
import gc
import warnings

import pytest

from forebay import AbortController, HttpTimeoutError, Writable, http, once
from support.http_peers import body_of, serving, until

BIG = b"x" * 4_000_000
asked = []


def big(request, response):
    asked.append(request.url)
    if request.url == "/small":
        response.end(b"small")
    elif request.url == "/elsewhere":
        response.write_head(302, headers={"Location": "/big"})
        response.end()
    else:
        response.end(BIG)


@contextlib.contextmanager
def told():
    """The ResourceWarnings of dropped responses, as a list."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        texts = []
        yield texts
        texts += [str(each.message) for each in seen if "was dropped" in str(each.message)]


@contextlib.asynccontextmanager
async def one_place(**options):
    asked.clear()
    async with serving(big) as server, http.Agent(max_connections=1, **options) as agent:
        yield agent, server.base


def stalls(agent):
    return bool(agent._all) and all(connection.stalled for connection in agent._all)


async def next_one(agent, base):
    return await body_of(await agent.get(f"{base}/small", timeout=http.Timeouts(pool=20)))


async def before_its_first_step(agent, url, **options):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(agent.get(url, **options), 0)


async def unread(agent, url, **options):
    await agent.get(url, **options)


async def partly_read(agent, url, **options):
    response = await agent.get(url, **options)
    await once(response, "readable")
    assert response.read(100) == b"x" * 100


async def left_iterator(agent, url, **options):
    chunks = (await agent.get(url, **options)).iterator(destroy_on_return=False)
    await anext(chunks)
    await chunks.aclose()


async def with_a_listener_on_the_request(agent, url, **options):
    request = agent.get(url, **options)
    request.on("error", lambda error: None)
    request.on("response", lambda response: None)
    await request


async def with_a_signal(agent, url, **options):
    await agent.get(url, signal=AbortController().signal, **options)


async def posted(agent, url, **options):
    async def body():
        yield b"a"
        yield b"b"

    await agent.request(url, method="POST", body=body(), **options)


WAYS = [
    before_its_first_step,
    unread,
    partly_read,
    left_iterator,
    with_a_listener_on_the_request,
    with_a_signal,
    posted,
]


CASES = [
    (way, path) for way in WAYS for path in ("/big", "/elsewhere") if (way, path) != (posted, "/elsewhere")
]


@pytest.mark.parametrize(("way", "path"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_dropped_response_frees_its_place_for_a_waiting_request(run, way, path):
    async def main():
        async with one_place() as (agent, base):
            await way(agent, base + path, redirects=1)
            await until(lambda: "/big" in asked)
            assert await next_one(agent, base) == b"small"
            assert list(agent._in_use.values()) == [1]

    with told() as texts:
        run(main)
    method = "POST" if way is posted else "GET"
    assert len(texts) == 1, texts
    assert texts[0].startswith(f"the response to {method} http://")
    assert "/big was dropped" in texts[0]


def test_garbage_collection_frees_the_place_without_a_waiting_request(run):
    async def main():
        async with serving(big) as server, http.Agent() as agent:
            for _ in range(3):
                await unread(agent, server.base + "/big")
            await until(lambda: stalls(agent))
            gc.collect()
            await until(lambda: agent.connections == 0)
            assert agent._in_use == {}

    with told() as texts:
        run(main)
    assert len(texts) == 3


def test_response_dropped_before_it_stalls(run):
    """Only the weak reference may notice that the response is dropped."""

    async def main():
        async with one_place() as (agent, base):
            response = await agent.get(base + "/big")
            del response
            gc.collect()
            assert await next_one(agent, base) == b"small"

    with told() as texts:
        run(main)
    assert len(texts) == 1


async def held_response(request):
    return body_of(await request)


async def held_request(request):
    await request

    async def rest():
        return await body_of(request.response)

    return rest()


async def held_by_a_task(request):
    gate = asyncio.Event()

    async def later(response):
        await gate.wait()
        return await body_of(response)

    task = asyncio.ensure_future(later(await request))

    async def rest():
        gate.set()
        return await task

    return rest()


async def held_by_an_iterator(request):
    chunks = aiter(await request)
    first = await anext(chunks)

    async def rest():
        return first + b"".join([chunk async for chunk in chunks])

    return rest()


async def held_by_its_listeners(request):
    """Nothing but the connection holds it, and what happens to it is heard."""
    response = await request
    for _ in range(20):
        # It stalls before there is a listener.
        await asyncio.sleep(0.005)
    parts, done = [], asyncio.Event()
    response.on("data", parts.append)
    response.on("end", done.set)
    response.pause()
    number = id(response)
    del response

    async def rest():
        found = [each for each in gc.get_objects() if id(each) == number]
        found.pop().resume()
        await done.wait()
        return b"".join(parts)

    return rest()


async def held_by_a_pipe(request):
    parts, gate, done = [], asyncio.Event(), asyncio.Event()

    async def write(chunk):
        await gate.wait()
        parts.append(bytes(chunk))

    sink = Writable(write=write)
    sink.on("finish", done.set)
    (await request).pipe(sink)

    async def rest():
        gate.set()
        await done.wait()
        return b"".join(parts)

    return rest()


async def held_by_a_timer(request):
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.3, done.set_result, await request)

    async def rest():
        return await body_of(await done)

    return rest()


HELD = [
    held_response,
    held_request,
    held_by_a_task,
    held_by_an_iterator,
    held_by_its_listeners,
    held_by_a_pipe,
    held_by_a_timer,
]


@pytest.mark.parametrize("way", HELD, ids=lambda way: way.__name__)
@pytest.mark.parametrize("path", ["/big", "/elsewhere"])
def test_referenced_response_keeps_its_place(run, way, path):
    async def main():
        async with one_place() as (agent, base):
            rest = await way(agent.get(base + path, redirects=1))
            for _ in range(4):
                gc.collect()
                await asyncio.sleep(0.02)
            assert agent.connections == 1
            # One that waits makes the agent look for what was dropped.
            waiting = asyncio.ensure_future(next_one(agent, base))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            assert await rest == BIG
            assert await waiting == b"small"

    with told() as texts:
        run(main)
    assert texts == []


def test_total_timeout_continues_for_a_stalled_response(run):
    async def main():
        async with one_place() as (agent, base):
            response = await agent.get(base + "/big", timeout=0.5)
            await until(lambda: stalls(agent))
            gc.collect()
            await until(lambda: agent.connections == 0)
            with pytest.raises(HttpTimeoutError, match=r"longer than 0\.5 s"):
                await body_of(response)

    run(main)


@pytest.mark.parametrize("way", ["response", "request", "agent", "peer"])
def test_stalled_response_can_be_destroyed(run, way):
    async def main():
        async with one_place() as (agent, base):
            request = agent.get(base + "/big")
            response = await request
            await until(lambda: stalls(agent))
            closed = []
            request.on("close", lambda: closed.append("request"))
            response.on("error", lambda error: closed.append(type(error).__name__))
            response.on("close", lambda: closed.append("response"))
            if way == "agent":
                await agent.aclose()
                assert agent.connections == 0
            elif way == "peer":
                # Hears of it when it comes to where the bytes end.
                next(iter(agent._all)).socket.destroy(ConnectionResetError("cut"))
                response.resume()
            else:
                {"response": response, "request": request}[way].destroy()
            await until(lambda: "request" in closed and "response" in closed)
            if way != "agent":
                assert await next_one(agent, base) == b"small"

    with told() as texts:
        run(main)
    assert texts == []
