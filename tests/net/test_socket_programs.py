"""Random programs on sockets: the received bytes are right, and each side ends once.

The acts also happen inside listeners and callbacks, with the collector running at every allocation.
"""

import asyncio
import contextlib
import gc
import os
import random
import socket

import pytest

from forebay import AbortController, Writable, add_abort_signal, net
from support.sockets import HOST, Peer, closed, payload, until

DATA = payload(1_000_000, seed=7)
# By environment, for longer runs.
PROGRAMS = int(os.environ.get("FOREBAY_PROGRAMS", "15"))
FIRST_SEED = int(os.environ.get("FOREBAY_SEED", "1"))


class Side:
    """One end that is a Socket, and what it does."""

    EVENTS = ("data", "readable", "drain", "end", "finish", "error", "close", "pause", "resume", "timeout")

    def __init__(self, name, stream, dice, log, tasks):
        self.name, self.stream, self.random, self.log, self.tasks = name, stream, dice, log, tasks
        self.sent = 0
        self.got = []
        self.corks = 0
        self.acts_left = dice.randrange(25)
        self.depth = 0
        self.counts = dict.fromkeys(("end", "finish", "error", "close"), 0)
        self.errors = []
        self.cut = False
        self.controller = AbortController()
        add_abort_signal(self.controller.signal, stream)
        stream.on("data", lambda chunk: self.got.append(bytes(chunk)))
        stream.on("error", self.errors.append)
        for event in self.counts:
            stream.on(event, lambda *args, event=event: self.count(event))
        for event in self.EVENTS:
            if dice.random() < 0.3 and event != "readable":
                stream.on(event, lambda *args, event=event: self.inside(event))

    def count(self, event):
        self.counts[event] += 1

    def inside(self, where):
        """In a listener: now and then something happens there, while the collector looks at everything."""
        if self.acts_left and self.depth < 3 and self.random.random() < 0.3:
            self.depth += 1
            before = gc.get_threshold()
            gc.set_threshold(1)
            try:
                self.act(where)
            finally:
                gc.set_threshold(*before)
                self.depth -= 1

    def act(self, where=""):
        self.acts_left -= 1
        act = self.random.choices(*self.ACTS)[0]
        self.log.append(f"{self.name}.{act.__name__}{' in ' + where if where else ''}")
        act(self)

    # ---- acts

    def write(self):
        if not self.stream.writable:
            return
        size = min(self.random.choice([1, 100, 5000, 70_000, 300_000]), len(DATA) - self.sent)
        chunk = DATA[self.sent : self.sent + size]
        self.sent += size
        kind = self.random.randrange(4)
        if kind == 0:
            chunk = bytearray(chunk)
        elif kind == 1:
            chunk = memoryview(chunk)
        callback = (lambda error: self.inside("callback")) if self.random.random() < 0.3 else None
        self.stream.write(chunk, None, callback)

    def send(self):
        async def send():
            with contextlib.suppress(Exception):
                for _ in range(self.random.randrange(1, 5)):
                    if not self.stream.writable:
                        break
                    chunk = DATA[self.sent : self.sent + 50_000]
                    self.sent += len(chunk)
                    await self.stream.send(chunk)

        self.tasks.append(asyncio.ensure_future(send()))

    def cork(self):
        self.corks += 1
        self.stream.cork()

    def uncork(self):
        if self.corks:
            self.corks -= 1
            self.stream.uncork()

    def pause(self):
        self.stream.pause()

    def resume(self):
        self.stream.resume()

    def end(self):
        self.stream.end()

    def timeout(self):
        self.stream.set_timeout(self.random.choice([0, 0.001]))

    def pipe(self):
        sink = Writable(write=lambda chunk: self.inside("sink"), high_water_mark=1000)
        self.stream.pipe(sink, end=self.random.random() < 0.5)

    def unpipe(self):
        self.stream.unpipe()

    def destroy(self):
        self.cut = True
        self.stream.destroy()

    def destroy_with_an_error(self):
        self.cut = True
        self.stream.destroy(ValueError("enough"))

    def abort(self):
        self.cut = True
        self.controller.abort()

    def reset(self):
        self.cut = True
        self.stream.reset_and_destroy()

    def destroy_soon(self):
        self.cut = True
        self.stream.destroy_soon()

    def aclose(self):
        async def close():
            self.cut = True
            with contextlib.suppress(Exception):
                await self.stream.aclose()

        self.tasks.append(asyncio.ensure_future(close()))

    def collect(self):
        gc.collect()

    ACTS = (
        [
            *(write, send, cork, uncork, pause, resume, end, timeout, pipe, unpipe, collect),
            *(destroy, destroy_with_an_error, abort, reset, destroy_soon, aclose),
        ],
        [30, 8, 3, 4, 5, 8, 2, 2, 3, 3, 2, 1, 1, 1, 1, 1, 1],
    )

    async def finish(self):
        self.acts_left = 0
        while self.corks:
            self.uncork()
        self.stream.set_timeout(0)
        self.stream.unpipe()
        self.stream.resume()
        self.stream.end()
        await closed(self.stream)

    def check(self, other):
        got = b"".join(self.got)
        assert got == DATA[: len(got)]
        assert len(got) <= other.sent
        assert self.counts["close"] == 1
        assert max(self.counts.values()) == 1
        assert len(self.errors) == self.counts["error"]
        assert not (self.counts["error"] and self.counts["end"] and self.counts["finish"])
        if not (self.cut or other.cut):
            assert self.counts["error"] == 0
            assert len(got) == other.sent


class Bare:
    """One end that is a plain socket."""

    def __init__(self, name, peer, dice, log):
        self.name, self.peer, self.random, self.log = name, peer, dice, log
        self.sent = 0
        self.got = []
        self.acts_left = dice.randrange(25)
        self.cut = self.ended = self.urged = False

    def act(self, where=""):
        self.acts_left -= 1
        act = self.random.choices(*self.ACTS)[0]
        self.log.append(f"{self.name}.{act.__name__}")
        if not self.cut:
            with contextlib.suppress(OSError):
                act(self)

    def write(self):
        if not self.ended:
            size = self.random.choice([1, 1, 100, 5000, 70_000])
            with contextlib.suppress(BlockingIOError):
                self.sent += self.peer.sock.send(DATA[self.sent : self.sent + size])

    def crumbs(self):
        for _ in range(20):
            self.write()

    def urgent(self):
        """A byte out of band does not belong to the stream; Linux adds it to the stream when another follows."""
        if not self.ended and not self.urged:
            self.urged = True
            self.peer.sock.send(b"!", socket.MSG_OOB)

    def read(self):
        with contextlib.suppress(BlockingIOError):
            self.got.append(self.peer.sock.recv(self.random.choice([1, 1000, 100_000])))

    def half_close(self):
        if not self.ended:
            self.ended = True
            self.peer.half_close()

    def close(self):
        self.cut = True
        self.peer.close()

    def reset(self):
        self.cut = True
        self.peer.reset()

    ACTS = ([write, crumbs, urgent, read, half_close, close, reset], [20, 5, 3, 10, 2, 1, 2])

    async def finish(self):
        if self.cut:
            return
        with contextlib.suppress(OSError):
            self.half_close()
            self.got.append(await self.peer.rest())
        self.peer.close()

    def check(self, other):
        got = b"".join(self.got)
        assert got == DATA[: len(got)]
        assert len(got) <= other.sent
        if not (self.cut or other.cut):
            assert len(got) == other.sent


async def run_program(kind, seed, server, accepted, client_tls):
    dice = random.Random(f"{kind} {seed}")
    log, tasks = [], []
    try:
        if kind == "bare":
            options = {"SO_RCVBUF": 20_000} if dice.random() < 0.3 else {}
            peer = await Peer.to(server.port, **options)
            left = Bare("left", peer, dice, log)
        else:
            options = {"ssl": client_tls, "server_hostname": "localhost"} if kind == "tls" else {}
            mark = dice.choice([None, 1, 1000])
            stream = await net.connect(
                server.port, HOST, high_water_mark=mark, allow_half_open=True, **options
            )
            left = Side("left", stream, dice, log, tasks)
        right = Side("right", await accepted.get(), dice, log, tasks)
        async with asyncio.timeout(15):
            while left.acts_left or right.acts_left:
                one = dice.choice([left, right])
                if one.acts_left:
                    one.act()
                if dice.random() < 0.5:
                    await asyncio.sleep(0 if dice.random() < 0.8 else 0.001)
            await asyncio.gather(left.finish(), right.finish())
            await asyncio.gather(*tasks)
        left.check(right)
        right.check(left)
    except BaseException as error:
        error.add_note(f"{kind}, seed {seed}: {log}")
        raise


@pytest.mark.parametrize("kind", ["bare", "ours", "tls"])
def test_random_programs(run, kind, server_tls, client_tls):
    async def main():
        accepted = asyncio.Queue()
        options = {"ssl": server_tls} if kind == "tls" else {}
        server = net.create_server(accepted.put_nowait, allow_half_open=True, **options)
        async with server:
            await server.listen(0, HOST)
            for seed in range(FIRST_SEED, FIRST_SEED + PROGRAMS):
                await run_program(kind, seed, server, accepted, client_tls)
            await until(lambda: not server.connections)

    run.seconds = 60 + PROGRAMS
    run(main)
