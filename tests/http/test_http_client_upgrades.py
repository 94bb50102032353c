"""A failing listener of a client's 'upgrade' or 'connect' closes the socket that it got."""

import asyncio

import pytest

from forebay import http
from support.http_peers import raw_server

KINDS = {
    "upgrade": (
        {"headers": {"Connection": "Upgrade", "Upgrade": "x"}},
        b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n",
    ),
    "connect": ({"method": "CONNECT", "authority": "there:1"}, b"HTTP/1.1 200 OK\r\n\r\n"),
}


async def give_up_and_fail(response, socket):
    await asyncio.sleep(0)
    raise ValueError("no")


def fail(response, socket):
    raise ValueError("no")


async def switched(event, add_listeners):
    """Switch protocols; return what the server reads then, up to the end or a reset."""
    options, head = KINDS[event]
    seen = asyncio.get_running_loop().create_future()

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            seen.set_result(await reader.read())
        except ConnectionResetError:
            seen.set_result(b"reset")

    async with raw_server(talk) as url, http.Agent() as agent:
        request = agent.request(url, **options)
        add_listeners(request)
        request.end()
        await request
        result = await asyncio.wait_for(seen, 15)
        assert (agent.connections, agent._in_use) == (0, {})
        return result


@pytest.mark.parametrize("listener", [fail, give_up_and_fail])
@pytest.mark.parametrize("event", KINDS)
def test_failing_upgrade_listener_closes_the_socket(run, event, listener):
    run.errors_wanted = True
    assert run(switched, event, lambda request: request.on(event, listener)) in (b"", b"reset")
    assert [str(each["exception"]) for each in run.errors] == ["no"]


@pytest.mark.parametrize("event", KINDS)
def test_socket_used_by_another_listener_stays_open(run, event):
    def take(response, socket):
        socket.on("error", lambda error: None)
        socket.resume()
        socket.end(b"taken")

    def add_listeners(request):
        request.on(event, fail)
        request.on(event, take)

    run.errors_wanted = True
    assert run(switched, event, add_listeners) == b"taken"
    assert [str(each["exception"]) for each in run.errors] == ["no"]
