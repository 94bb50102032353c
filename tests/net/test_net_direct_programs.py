"""Random programs on piped sockets and files: every byte arrives once and in order."""

import asyncio
import contextlib
import os
import random
import socket
import sys

import pytest

from forebay import Writable, create_read_stream, create_write_stream, net
from support.sockets import HOST, Peer, closed, payload, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sendfile and splice as Linux has them")
DATA = payload(3_000_000)
# By environment, for longer runs.
PROGRAMS = int(os.environ.get("FOREBAY_PROGRAMS", "30"))
FIRST_SEED = int(os.environ.get("FOREBAY_SEED", "1"))


class Program:
    """One run: a source piped to a destination, a peer at each end that is a socket, and random acts in between."""

    def __init__(self, kind, seed, folder, ports):
        self.random = random.Random(f"{kind} {seed}")
        self.from_file, self.into_file = kind.startswith("file"), kind.endswith("file")
        self.folder = folder
        self.ports = ports
        self.data = DATA[: self.random.choice([100_000, 1_000_000, 3_000_000])]
        self.marks = []
        self.seen = []
        self.listening = []
        self.episodes = []
        self.piped = None
        self.corks = 0
        self.events = {}
        self.log = []

    async def open(self):
        if self.from_file:
            path = self.folder / "source"
            path.write_bytes(self.data)
            mark = self.random.choice([None, 1000, 65536, 300_000])
            self.source = create_read_stream(path, high_water_mark=mark)
        else:
            self.left, self.source = await self.ports.connection()
        if self.into_file:
            self.dest = create_write_stream(self.folder / "out")
        else:
            narrow = self.random.random() < 0.5
            self.right, self.dest = await (
                self.ports.narrow_connection() if narrow else self.ports.connection()
            )
        for name, stream in (("source", self.source), ("dest", self.dest)):
            for event in ("end", "finish", "error", "close"):
                stream.on(
                    event, lambda *args, key=(name, event): self.events.setdefault(key, []).append(args)
                )

    async def feed(self):
        """What the peer of the source does."""
        at = 0
        while at < len(self.data):
            size = self.random.choice([1, 3000, 65536, 300_000, 1_000_000])
            await self.left.send(self.data[at : at + size])
            at += size
            await self.moment()
        self.left.half_close()

    async def take(self):
        """What the peer of the destination does."""
        parts = []
        while data := await self.right.loop.sock_recv(
            self.right.sock, self.random.choice([1000, 65536, 1 << 20])
        ):
            parts.append(data)
            if self.random.random() < 0.2:
                await self.moment()
        return b"".join(parts)

    async def moment(self):
        if self.random.random() < 0.3:
            await asyncio.sleep(0.0005)
        for _ in range(self.random.randrange(6)):
            await asyncio.sleep(0)

    # ---- what the program does in the middle

    def pipe(self):
        if self.piped is not None:
            return
        if self.random.random() < 0.3 or not self.dest.writable:
            self.episodes.append([])
            self.piped = Writable(write=self.episodes[-1].append)
        else:
            self.piped = self.dest
        self.source.pipe(self.piped)

    def unpipe(self):
        # With a listener left, a source that waited for the destination would go on for that alone.
        while self.listening:
            self.ignore()
        if self.piped is not None and not self.source.readable_ended:
            self.source.unpipe(self.random.choice([self.piped, None]))
            self.piped = None

    def listen(self):
        self.seen.append([])
        self.listening.append(self.seen[-1].append)
        self.source.on("data", self.listening[-1])

    def ignore(self):
        if self.listening:
            self.source.off("data", self.listening.pop())

    def pause(self):
        self.source.pause()

    def resume(self):
        if self.piped is not None:
            self.source.resume()

    def write(self):
        if self.dest.writable:
            self.marks.append(
                b"<this is number %d of those that somebody else has written>" % len(self.marks)
            )
            self.dest.write(self.marks[-1])

    def cork(self):
        if self.dest.writable:
            self.corks += 1
            self.dest.cork()

    def uncork(self):
        if self.corks:
            self.corks -= 1
            self.dest.uncork()

    def watch(self):
        for stream in (self.source, self.dest):
            if isinstance(stream, net.Socket):
                stream.set_timeout(self.random.choice([0, 60]))

    ACTS = (pipe, unpipe, unpipe, listen, ignore, pause, resume, write, cork, uncork, watch)

    async def act(self):
        for _ in range(self.random.randrange(12)):
            await self.moment()
            act = self.random.choice(self.ACTS)
            self.log.append(act.__name__)
            act(self)

    # ---- to the end

    async def run_whole(self):
        await self.open()
        work = [] if self.from_file else [asyncio.ensure_future(self.feed())]
        coming = None if self.into_file else asyncio.ensure_future(self.take())
        self.pipe()
        await self.act()
        while self.corks:
            self.uncork()
        self.pipe()
        self.source.resume()
        await until(lambda: self.source.readable_ended)
        if self.dest.writable:
            self.dest.end()
        await asyncio.gather(*work)
        if self.into_file:
            await closed(self.dest)
            out = (self.folder / "out").read_bytes()
        else:
            out = await coming
            self.right.close()
        if not self.from_file:
            # Its other side is still open.
            self.source.destroy()
            self.left.close()
        await closed(self.source)
        if not self.into_file:
            self.dest.resume()
        await closed(self.dest)
        self.check(out)

    def check(self, out):
        sent = len(out)
        for mark in self.marks:
            assert out.count(mark) == 1
            out = out.replace(mark, b"")
        left = self.data
        diverted = 0
        for part in filter(None, map(b"".join, self.episodes)):
            diverted += len(part)
            # A short part may be in many places; it is missing where the two begin to differ, or before.
            at = left.rfind(part, 0, common(out, left) + len(part))
            assert at >= 0
            left = left[:at] + left[at + len(part) :]
        assert (len(out), out == left) == (len(left), True)
        for seen in self.seen:
            assert b"".join(seen) in self.data
        assert self.source.bytes_read == len(self.data)
        assert self.source.stats().readable.bytes == len(self.data)
        assert self.dest.bytes_written == self.dest.stats().writable.bytes == sent
        assert sent == len(self.data) - diverted + sum(map(len, self.marks))
        for once in (("source", "end"), ("dest", "finish"), ("source", "close"), ("dest", "close")):
            assert len(self.events.get(once, ())) == 1, once
        assert not [key for key in self.events if key[1] == "error"]

    async def run_cut(self):
        """One side gives up in the middle; the data that had arrived is as it was sent."""
        await self.open()
        work = [] if self.from_file else [asyncio.ensure_future(self.feed())]
        coming = None if self.into_file else asyncio.ensure_future(self.take())
        self.pipe()
        await self.act()
        await self.moment()
        who = self.random.choice(["source", "dest", "both", *([] if self.into_file else ["right"])])
        self.log.append(who)
        if who == "right":
            coming.cancel()
            await asyncio.wait([coming])
            self.right.reset()
        if who in ("source", "both"):
            self.source.destroy()
        if who in ("dest", "both"):
            self.dest.destroy()
        await self.moment()
        self.source.destroy()
        self.dest.destroy()
        await closed(self.source, self.dest)
        for task in work:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
        if not self.from_file:
            self.left.close()
        if self.into_file:
            out = (self.folder / "out").read_bytes()
        elif who == "right":
            out = b""
        else:
            try:
                out = await coming
            except ConnectionResetError:
                out = b""
            self.right.close()
        for mark in self.marks:
            assert out.count(mark) <= 1
            out = out.replace(mark, b"")
        assert len(out) <= len(self.data)
        if not any(self.episodes) and not self.corks:
            # A mark may have been cut.
            assert out[: len(out) - 80] in self.data
        for key, calls in self.events.items():
            assert len(calls) == 1, key
        assert len(self.events["source", "close"]) == len(self.events["dest", "close"]) == 1


def common(one, other):
    """How many bytes are the same at the beginning of both."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Ports:
    """Connections for the programs, made by one server."""

    def __init__(self, server, accepted):
        self._server = server
        self._accepted = accepted

    async def connection(self):
        """A plain peer, and the socket at its other end."""
        peer = await Peer.to(self._server.port)
        return peer, await self._accepted.get()

    async def narrow_connection(self):
        """The same, with so little room in the kernel that the socket often has to wait for its peer."""
        peer = await Peer.to(self._server.port, SO_RCVBUF=20_000)
        stream = await self._accepted.get()
        stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        return peer, stream


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "cut"])
@pytest.mark.parametrize("kind", ["file to socket", "socket to socket", "socket to file"])
def test_random_programs(run, tmp_path, kind, whole):
    async def main():
        accepted = asyncio.Queue()
        server = net.create_server(accepted.put_nowait, allow_half_open=True, pause_on_connect=True)
        async with server:
            await server.listen(0, HOST)
            ports = Ports(server, accepted)
            for seed in range(FIRST_SEED, FIRST_SEED + PROGRAMS):
                program = Program(kind, seed, tmp_path, ports)
                try:
                    async with asyncio.timeout(20):
                        await (program.run_whole() if whole else program.run_cut())
                except BaseException as error:
                    error.add_note(f"seed {seed}: {program.log}")
                    raise

    run(main)
