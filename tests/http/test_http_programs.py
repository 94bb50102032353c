"""Random programs over HTTP: handlers and clients stop, fail and leave at any moment, also inside listeners and hooks.

Whatever they do: a response that is whole is the right one, there is no hang, and nothing is left. The collector runs
at every allocation while a listener or a hook acts.
"""

import asyncio
import contextlib
import gc
import os
import random

import pytest

from forebay import AbortController, Readable, StreamError, Writable, http, pipeline
from support.http_peers import request, serving
from support.sockets import Peer, payload

DATA = payload(400_000, seed=11)
# By environment, for longer runs.
PROGRAMS = int(os.environ.get("FOREBAY_PROGRAMS", "25"))
FIRST_SEED = int(os.environ.get("FOREBAY_SEED", "1"))
EXPECTED = (StreamError, OSError, EOFError, asyncio.IncompleteReadError)


class HandlerError(Exception):
    """What a handler raises on purpose: it alone may be reported."""


class Chaos:
    """Listeners and hooks that act."""

    def __init__(self, dice, log):
        self.random, self.log = dice, log
        self.left = dice.choice([0, 0, 1, 3])

    def watch(self, name, stream, events, acts):
        for event in events:
            if self.random.random() < 0.4:
                stream.on(event, lambda *args, event=event: self.inside(f"{name} {event}", acts))

    def inside(self, where, acts):
        if self.left and self.random.random() < 0.3:
            self.left -= 1
            act = self.random.choice(acts)
            self.log.append(f"{act.__name__} in {where}")
            before = gc.get_threshold()
            gc.set_threshold(1)
            try:
                act()
            finally:
                gc.set_threshold(*before)

    def source(self, pieces, acts):
        """A stream of the pieces, whose hook acts before it gives one, or after it."""
        # An empty one is not followed by another call of the hook.
        pieces = [piece for piece in pieces if piece]

        def read(size):
            self.inside("read", acts)
            source.push(pieces.pop(0) if pieces else None)
            self.inside("read", acts)

        source = Readable(read=read, high_water_mark=1000)
        source.on("error", lambda error: None)
        return source

    def sink(self, acts):
        sink = Writable(write=lambda chunk: self.inside("write", acts), high_water_mark=1000)
        sink.on("error", lambda error: None)
        return sink


class Exchange:
    """What one handler does with its request; ``self.whole`` is the body where it has ended the response itself."""

    def __init__(self, dice, log):
        self.random, self.log = dice, log
        self.chaos = Chaos(dice, log)
        self.abort = AbortController()
        self.sent = 0

    def piece(self):
        size = self.random.choice([1, 100, 5000, 50_000])
        chunk = DATA[self.sent : self.sent + size]
        self.sent += len(chunk)
        return chunk

    async def run(self, incoming, response):
        def cork():
            # Resume later: otherwise a writer that waits for room would wait forever.
            response.cork()
            asyncio.get_running_loop().call_later(0.001, response.uncork)

        self.acts = acts = [
            lambda: incoming.destroy(),
            lambda: response.destroy(),
            lambda: response.destroy(HandlerError()),
            lambda: incoming.socket.destroy(),
            lambda: incoming.socket.reset_and_destroy(),
            lambda: incoming.resume(),
            lambda: gc.collect(),
            cork,
            lambda: incoming.unpipe(),
            lambda: response.end(),
            lambda: self.abort.abort(),
        ]
        names = ["Ii", "Rr", "Re", "Sd", "Sr", "Ir", "Gc", "Rc", "Iu", "Rn", "Ab"]
        for name, act in zip(names, acts, strict=True):
            act.__name__ = name
        incoming.on("error", lambda error: None)
        response.on("error", lambda error: None)
        self.chaos.watch("request", incoming, ("data", "end", "close", "error"), acts)
        self.chaos.watch("response", response, ("drain", "finish", "close", "error"), acts)
        self.chaos.watch("socket", incoming.socket, ("data", "drain", "close"), acts)
        for _ in range(self.random.randrange(6)):
            step = self.random.choices(*self.STEPS)[0]
            self.log.append(step.__name__)
            await step(self, incoming, response)
        if self.random.random() < 0.85 and response.writable:
            while response.writable_corked:
                response.uncork()
            response.end(self.piece())
        elif self.random.random() < 0.5:
            response.destroy()
        elif self.random.random() < 0.5:
            raise HandlerError
        else:
            response.end()

    def join(self, incoming, dest):
        # What is unpiped is paused, and the handler may be over.
        loop = asyncio.get_running_loop()
        dest.on("unpipe", lambda source: loop.call_soon(incoming.resume))
        incoming.pipe(dest, end=False)

    # ---- steps

    async def wait(self, incoming, response):
        await asyncio.sleep(self.random.choice([0, 0, 0.001]))

    async def send(self, incoming, response):
        for _ in range(self.random.randrange(4)):
            if response.writable:
                await response.send(self.piece())

    async def write(self, incoming, response):
        for _ in range(self.random.randrange(4)):
            if response.writable:
                response.write(self.piece())

    async def read_all(self, incoming, response):
        async for _ in incoming:
            pass

    async def read_some(self, incoming, response):
        async for _ in incoming.iterator(destroy_on_return=self.random.random() < 0.3):
            break

    async def listen(self, incoming, response):
        incoming.on("data", lambda chunk: None)

    async def flush(self, incoming, response):
        response.flush_headers()

    async def hints(self, incoming, response):
        if not response.headers_sent:
            response.write_early_hints({"Link": "</a>"})

    async def drop_request(self, incoming, response):
        incoming.destroy()

    async def close_socket(self, incoming, response):
        await incoming.socket.aclose()

    async def pipe(self, incoming, response):
        if response.writable and not response.writable_corked:
            pieces = [self.piece() for _ in range(self.random.randrange(5))]
            await pipeline(Readable.from_(pieces), response)

    async def pipe_from_hook(self, incoming, response):
        if response.writable and not response.writable_corked:
            pieces = [self.piece() for _ in range(self.random.randrange(5))]
            source = self.chaos.source(pieces, self.acts)
            ends = self.random.random() < 0.5
            await pipeline(source, response, signal=self.abort.signal, end=ends)

    async def take(self, incoming, response):
        self.join(incoming, self.chaos.sink(self.acts))
        if self.random.random() < 0.3:
            await asyncio.sleep(0.001)
            incoming.unpipe()

    async def echo(self, incoming, response):
        self.join(incoming, response)
        self.sent = -(1 << 40)

    async def fail(self, incoming, response):
        raise HandlerError

    STEPS = (
        [
            wait,
            send,
            write,
            read_all,
            read_some,
            listen,
            flush,
            hints,
            drop_request,
            close_socket,
            pipe,
            pipe_from_hook,
            take,
            echo,
            fail,
        ],
        [8, 8, 6, 5, 3, 2, 2, 1, 1, 1, 3, 4, 3, 1, 1],
    )


class RawClient:
    """Requests in any pieces, and a client that goes at any byte."""

    def __init__(self, dice, log, port):
        self.random, self.log, self.port = dice, log, port

    async def run(self):
        peer = await Peer.to(self.port)
        with contextlib.closing(peer):
            count = self.random.randrange(1, 4)
            data = b"".join(self.request() for _ in range(count))
            stop = len(data) if self.random.random() < 0.5 else self.random.randrange(len(data))
            reading = asyncio.ensure_future(self.read(peer, count))
            at = 0
            with contextlib.suppress(OSError):
                while at < stop:
                    size = min(self.random.choice([1, 7, 1000, 1 << 20]), stop - at)
                    await peer.send(data[at : at + size])
                    at += size
                    if self.random.random() < 0.3:
                        await asyncio.sleep(0)
            how = (
                self.random.choice(["stay", "stay", "half_close", "reset", "close"])
                if stop == len(data)
                else "reset"
            )
            self.log.append(f"client {how} after {stop} of {len(data)}")
            if how in ("stay", "half_close"):
                if how == "stay":
                    await asyncio.sleep(0.003)
                with contextlib.suppress(OSError):
                    peer.half_close()
            else:
                await asyncio.sleep(self.random.choice([0, 0.001]))
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
                getattr(peer, how)()
                return
            await reading

    def request(self):
        size = self.random.choice([0, 0, 10, 50_000])
        if not size:
            return request(self.random.choice(["GET /", "HEAD /"]))
        body = DATA[:size]
        if self.random.random() < 0.5:
            return request("POST /", f"Content-Length: {size}", body=body)
        return request("POST /", "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, body))

    async def read(self, peer, count):
        with contextlib.suppress(*EXPECTED):
            await peer.rest()


class AgentClient:
    """Requests by the client of this library, which stop and go as the handlers do."""

    def __init__(self, dice, log, base, agent):
        self.random, self.log, self.base, self.agent = dice, log, base, agent
        self.chaos = Chaos(dice, log)

    async def run(self):
        with contextlib.suppress(*EXPECTED):
            async with asyncio.timeout(self.random.choice([None, None, None, 0.003])):
                await self.ask()

    async def ask(self):
        abort = AbortController()
        outgoing = http.request(
            self.base,
            method=self.random.choice(["GET", "POST", "PUT"]),
            agent=self.agent,
            signal=abort.signal,
        )
        outgoing.on("error", lambda error: None)
        acts = [outgoing.destroy, gc.collect, outgoing.end, abort.abort]
        self.chaos.watch("outgoing", outgoing, ("response", "drain", "finish", "close", "socket"), acts)
        try:
            pieces = [
                DATA[: self.random.choice([1, 5000, 70_000])]
                for _ in range(self.random.choice([0, 0, 1, 4]) if outgoing.method != "GET" else 0)
            ]
            if self.random.random() < 0.3:
                self.chaos.source(pieces, acts).pipe(outgoing)
            else:
                for piece in pieces:
                    await outgoing.send(piece)
                outgoing.end()
            response = await outgoing
            response.on("error", lambda error: None)
            acts += [response.destroy, response.unpipe]
            self.chaos.watch("incoming", response, ("data", "end", "close"), acts)
            if self.random.random() < 0.2:
                response.pipe(self.chaos.sink(acts))
                await asyncio.sleep(0.001)
                response.unpipe()
            got = b""
            async for chunk in response:
                got += chunk
                if self.random.random() < 0.05:
                    break
            else:
                if response.status_code == 200 and response.headers.get("content-type") is None:
                    assert got in DATA or "echo" in self.log
        finally:
            if self.random.random() < 0.5:
                outgoing.destroy()


@pytest.mark.parametrize("kind", ["raw", "agent"])
def test_random_programs(run, kind):
    async def main():

        async def handler(incoming, response):
            one = Exchange(current[0], current[1])
            try:
                await one.run(incoming, response)
            except EXPECTED:
                response.destroy()
            finally:
                # Of a body that was begun, nobody but its reader lets the rest go.
                incoming.resume()

        current = None
        async with serving(handler) as server:
            for seed in range(FIRST_SEED, FIRST_SEED + PROGRAMS):
                dice, log = random.Random(f"{kind} {seed}"), []
                current = dice, log
                try:
                    async with asyncio.timeout(15), http.Agent() as agent:
                        clients = [
                            RawClient(dice, log, server.port)
                            if kind == "raw"
                            else AgentClient(dice, log, server.base, agent)
                            for _ in range(dice.randrange(1, 5))
                        ]
                        await asyncio.gather(*(client.run() for client in clients))
                    async with asyncio.timeout(15):
                        while server.connections:
                            await asyncio.sleep(0.001)
                except BaseException as error:
                    error.add_note(f"{kind}, seed {seed}: {log}")
                    raise
                strange = [
                    context for context in run.errors if not isinstance(context["exception"], HandlerError)
                ]
                assert not strange, f"{kind}, seed {seed}: {log}"
        # The tasks of the last handlers take their last step.
        await asyncio.sleep(0.01)
        assert len({id(context["exception"]) for context in run.errors}) == len(run.errors)

    run.errors_wanted = True
    run.seconds = 60 + PROGRAMS
    run(main)
