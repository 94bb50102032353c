"""Random messages between two WebSockets: each side gets what the other one sent, or the start of it, and both ends close."""

import asyncio
import contextlib
import gc
import random
from typing import Any

from websockets.exceptions import ConnectionClosed

from forebay import AbortController, AbortError, StreamError, WebSocketClosedError, Writable
from forebay.websocket import WebSocket, connect, serve
from programs.choices import Choices
from programs.guard import Failure, settled

__all__ = ["Messages"]

HOST = "127.0.0.1"
#: What a side may see after a fault.
CLEAR = (Failure, StreamError, AbortError, ConnectionClosed, OSError, asyncio.CancelledError)
FAULTS = ("none", "none", "destroy", "abort", "cancel", "code", "lost", "listener")


class Side:
    """One end of the connection: what it sends, how it reads, and what it got."""

    def __init__(self, program: "Messages", name: str) -> None:
        draw = program.draw
        self.program = program
        self.name = name
        self.sends = self.messages(draw.below(40))
        self.way = draw.pick(["iterate", "data", "readable", "pipe"])
        self.writes = draw.pick(["send", "write", "many"])
        self.pings = draw.one_in(3)
        self.got: list[Any] = []
        self.error: BaseException | None = None
        self.stream: Any = None
        self.sink: Any = None
        self.other: Side

    def messages(self, count: int) -> list[Any]:
        dice = random.Random(self.program.draw.below(1000))
        sizes = [0, 1, 125, 126, 5000, 65_535, 65_536, 200_000]
        made: list[Any] = []
        for _ in range(count):
            data = dice.randbytes(dice.choice(sizes[: 5 if count > 10 else None]))
            made.append(data if dice.randrange(2) else data.hex()[: len(data)] + dice.choice(["", "ü", "€"]))
        return made

    def take(self, message: Any) -> None:
        self.program.step(self)
        self.got.append(message)

    async def run(self, stream: Any) -> None:
        self.stream = stream
        stream.on("error", self.failed)
        closed = asyncio.get_running_loop().create_future()
        stream.on("close", lambda: closed.set_result(None))
        writing = asyncio.ensure_future(self.write())
        reading = asyncio.ensure_future(self.read())
        self.program.tasks += [writing, reading]
        try:
            await closed
        finally:
            await asyncio.wait([writing, reading])
            if self.sink is not None:
                assert not stream.readable_ended or await settled(lambda: self.sink.writable_finished)
                self.sink.destroy()

    def failed(self, error: BaseException) -> None:
        self.error = error

    async def write(self) -> None:
        stream = self.stream
        turns = self.program.draw.below(3)
        with contextlib.suppress(StreamError, ConnectionClosed):
            for number, message in enumerate(self.sends):
                if not stream.writable:
                    return
                if self.pings and number % 3 == 0:
                    await stream.connection.ping()
                if self.writes == "many":
                    stream.write_many(self.sends[number:])
                    break
                if self.writes == "write":
                    stream.write(message)
                else:
                    await stream.send(message)
                for _ in range(turns):
                    await asyncio.sleep(0)
            if self.program.ending == "both":
                stream.end()
            elif self.program.ending == self.name:
                while not stream.closed and len(self.got) < len(self.other.sends):
                    await asyncio.sleep(0.001)
                stream.end()

    async def read(self) -> None:
        stream = self.stream
        if self.way == "data":
            stream.on("data", self.pausing)
        elif self.way == "readable":
            stream.on("readable", self.all_there_is)
        elif self.way == "pipe":
            mark = self.program.draw.pick([16, 1])
            self.sink = Writable(write=self.slowly, object_mode=True, high_water_mark=mark)
            stream.pipe(self.sink)
        else:
            with contextlib.suppress(*CLEAR):
                async for message in stream:
                    self.take(message)

    def pausing(self, message: Any) -> None:
        self.take(message)
        if len(self.got) % 5 == 2:
            self.stream.pause()
            asyncio.get_running_loop().call_later(0.001, self.stream.resume)

    def all_there_is(self) -> None:
        while (message := self.stream.read()) is not None:
            self.take(message)

    async def slowly(self, message: Any) -> None:
        await asyncio.sleep(0)
        self.take(message)


class Messages:
    """A server and a client that send messages to each other, and a fault in the middle."""

    def __init__(self, draw: Choices) -> None:
        self.draw = draw
        self.trace: list[str] = []
        self.fault = draw.pick(FAULTS)
        self.at = draw.below(30)
        self.steps = 0
        self.struck = False
        self.abort = AbortController()
        self.tasks: list[asyncio.Task[None]] = []
        #: Which side ends the connection, after it has got everything; or both, as soon as they have sent everything.
        self.ending = draw.pick(["client", "server", "both"])
        self.sides = [Side(self, "client"), Side(self, "server")]
        client, server = self.sides
        client.other, server.other = server, client

    def step(self, side: Side) -> None:
        """A side got a message."""
        self.steps += 1
        if self.steps != 1 + self.at:
            return
        if self.fault == "listener":
            self.strike(side)
        if self.draw.one_in(3):
            gc.collect()

    def strike(self, side: Side) -> None:
        self.struck = True
        side.stream.destroy(self.draw.pick([None, Failure("destroyed")]))

    async def run(self) -> None:
        client, server = self.sides
        options: dict[str, Any] = {"compression": None} if self.draw.below(2) == 0 else {}
        served = asyncio.get_running_loop().create_future()

        async def handle(stream: WebSocket) -> None:
            try:
                await server.run(stream)
            finally:
                served.set_result(None)

        async with await serve(
            handle, HOST, 0, high_water_mark=self.draw.pick([None, 1, 3]), **options
        ) as listening:
            signal = self.abort.signal if self.fault == "abort" else None
            mark = self.draw.pick([None, 1, 3])
            url = f"ws://{HOST}:{listening.port}/"
            stream = await connect(url, high_water_mark=mark, signal=signal, **options)
            running = asyncio.ensure_future(client.run(stream))
            conducting = asyncio.ensure_future(self.conduct())
            await asyncio.gather(running, served, conducting)
            for each in await asyncio.gather(*self.tasks, return_exceptions=True):
                assert each is None or isinstance(each, CLEAR), repr(each)
        self.check()

    async def conduct(self) -> None:
        """Bring about the fault, after some turns of the loop."""
        if self.fault in ("none", "listener"):
            return
        assert await settled(lambda: all(side.stream is not None for side in self.sides))
        for _ in range(self.at):
            await asyncio.sleep(self.draw.pick([0, 0, 0, 0.0005]))
        side = self.draw.pick(self.sides)
        self.struck = True
        if self.fault == "destroy":
            self.strike(side)
        elif self.fault == "abort":
            self.abort.abort()
        elif self.fault == "cancel":
            self.draw.pick(self.tasks).cancel()
            await asyncio.sleep(0)
            side.stream.destroy()
        elif self.fault == "code":
            await side.stream.connection.close(4000 + self.draw.below(10), "enough")
        else:
            side.stream.connection.transport.abort()

    def check(self) -> None:
        for side in self.sides:
            sends = side.other.sends
            error = side.error
            assert side.stream.closed
            assert side.got == sends[: len(side.got)], f"{side.name} got what was not sent"
            assert error is None or isinstance(error, CLEAR), repr(error)
            if self.struck:
                continue
            if self.ending == "both":
                # The side that ends first refuses what the other one still writes.
                assert error is None or isinstance(error, WebSocketClosedError), repr(error)
            else:
                assert error is None, f"{side.name} fails without a reason: {error!r}"
                assert len(side.got) == len(sends), f"{side.name} got {len(side.got)} of {len(sends)}"
