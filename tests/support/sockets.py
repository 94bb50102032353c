"""Peers and servers for the tests of sockets."""

import asyncio
import contextlib
import os
import random
import resource
import socket
import struct

from forebay import net

HOST = "127.0.0.1"


def payload(size, seed=1):
    return random.Random(seed).randbytes(size)


@contextlib.asynccontextmanager
async def serving(listener=None, **options):
    """A server on a free port of this machine, closed in the end."""
    server = await net.create_server(listener, **options).listen(0, HOST)
    try:
        yield server
    finally:
        await server.aclose()


@contextlib.asynccontextmanager
async def pair(server_options=None, **options):
    """Two connected sockets: the client's and the server's."""
    accepted = asyncio.get_running_loop().create_future()
    async with serving(accepted.set_result, **server_options or {}) as server:
        client = await net.connect(server.port, HOST, **options)
        there = await accepted
        try:
            yield client, there
        finally:
            client.destroy()
            there.destroy()
            await closed(client, there)


async def closed(*streams):
    """Wait for 'close' of each."""
    for stream in streams:
        await until(lambda stream=stream: stream.closed)
    await asyncio.sleep(0)


async def until(check):
    while not check():
        await asyncio.sleep(0.001)


async def received(stream):
    """All that comes."""
    return b"".join([chunk async for chunk in stream])


def note(stream, *names):
    """The events of a stream, as they come."""
    seen = []
    for name in names:
        stream.on(name, lambda *args, name=name: seen.append((name, *args) if args else name))
    return seen


def errors_of(stream):
    seen = []
    stream.on("error", seen.append)
    return seen


class Peer:
    """The other end as the standard library has it: a plain socket and the loop's own calls."""

    def __init__(self, sock):
        self.sock = sock
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def to(cls, port, **options):
        sock = socket.socket()
        sock.setblocking(False)
        for name, value in options.items():
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
        except OSError:
            sock.close()
            raise
        return cls(sock)

    async def send(self, data):
        await self.loop.sock_sendall(self.sock, data)

    async def receive(self, size):
        """Exactly ``size`` bytes, fewer at the end."""
        got = b""
        while len(got) < size and (data := await self.loop.sock_recv(self.sock, min(size - len(got), 65536))):
            got += data
        return got

    async def rest(self):
        parts = []
        while data := await self.loop.sock_recv(self.sock, 1 << 18):
            parts.append(data)
        return b"".join(parts)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


@contextlib.asynccontextmanager
async def peer_of(listener, **options):
    """A plain peer of a forebay server, closed in the end."""
    async with serving(listener, **options) as server:
        peer = await Peer.to(server.port)
        try:
            yield peer
        finally:
            peer.close()


@contextlib.contextmanager
def without_descriptors():
    """This process can open no descriptor meanwhile."""
    spare = [os.dup(0) for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
    held = []
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        for fd in held + spare:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
