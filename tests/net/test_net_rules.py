"""A Socket follows the rules of the stream model; `forebay.testing` checks them."""

import asyncio

import pytest

from forebay import net
from forebay.testing import check_duplex, check_readable, check_writable
from support.sockets import HOST, serving

TEXT = b"what the other side has to say, " * 5000


@pytest.mark.parametrize("half_open", [True, False])
def test_both_sides(run, half_open):
    async def main():
        def talk(stream):
            stream.on("error", lambda error: None)
            stream.resume().end(TEXT)

        async with serving(talk, allow_half_open=True) as server:

            async def connected():
                return await net.connect(server.port, HOST, allow_half_open=half_open)

            await check_duplex(connected, expected=TEXT)

    run(main)


def test_reading_and_writing(run):
    async def main():
        def talk(stream):
            stream.on("error", lambda error: None)
            stream.resume().end(TEXT)

        async with serving(talk, allow_half_open=True) as server:

            def connecting():
                return net.Socket().connect(server.port, HOST)

            await check_readable(connecting, expected=TEXT)
            await check_writable(connecting)
            await asyncio.sleep(0)

    run(main)


def test_tls(run, server_tls, client_tls):
    async def main():
        def talk(stream):
            stream.on("error", lambda error: None)
            stream.resume().end(TEXT)

        async with serving(talk, allow_half_open=True, ssl=server_tls) as server:

            async def connected():
                return await net.connect(server.port, "localhost", ssl=client_tls, allow_half_open=True)

            await check_duplex(connected, expected=TEXT)

    run.errors_wanted = True
    run(main)
