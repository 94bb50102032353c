"""Sockets that are readable at once: each is served, none of them alone, and the loop gets its turn between them."""

import asyncio
import errno
import os
import socket
import time

import pytest

from forebay import net
from support.sockets import until

SOCKETS = 200


def connected(count):
    """Streams on one end of socket pairs, and the other ends."""
    pairs = [socket.socketpair() for _ in range(count)]
    return [net.Socket(sock=near) for near, _ in pairs], [far for _, far in pairs]


def let_go(streams, others):
    for stream in streams:
        stream.destroy()
    for other in others:
        other.close()


@pytest.mark.parametrize("run", ["asyncio"], indirect=True)
def test_the_loop_has_its_turn_between_sockets(run):
    """uvloop calls every descriptor that is ready in one turn."""

    async def main():
        loop = asyncio.get_running_loop()
        streams, others = connected(SOCKETS)
        turn, turns = 0, []

        def count():
            nonlocal turn, counting
            turn += 1
            counting = loop.call_soon(count)

        def work(chunk):
            # As much as a listener may do without being noticed, but not for all of them in one turn.
            end = time.thread_time() + 0.0005
            while time.thread_time() < end:
                pass
            turns.append(turn)

        for stream in streams:
            stream.on("data", work)
        await asyncio.sleep(0)
        for other in others:
            other.send(b"x")
        counting = loop.call_soon(count)
        await until(lambda: len(turns) == SOCKETS)
        counting.cancel()
        let_go(streams, others)
        return len(set(turns))

    # The work is 100 ms of CPU time, and a flow has about 4 ms at a stretch.
    assert run(main) > 4


def test_none_of_them_is_left_behind(run):
    """A socket that is always readable does not keep others from their turn."""

    async def main():
        streams, others = connected(SOCKETS)
        counts = [0] * SOCKETS

        def answer(number):
            def listener(chunk):
                counts[number] += 1
                # There is the next one already.
                others[number].send(b"x")

            return listener

        for number, stream in enumerate(streams):
            stream.on("data", answer(number))
        for other in others:
            other.send(b"x")
        await until(lambda: sum(counts) > 20 * SOCKETS)
        let_go(streams, others)
        return min(counts), max(counts)

    least, most = run(main)
    assert least >= 10
    assert most <= 60


def test_few_sockets_after_many(run):
    async def main():
        counts = []
        for count in (10, 60, 3, 60, 0, 5):
            streams, others = connected(count)
            seen = []
            for stream in streams:
                stream.on("data", seen.append)
            # Those that go leave some behind, which are still served.
            kept = [*streams[:3]]
            for other in others:
                other.send(b"x")
            await until(lambda seen=seen, count=count: len(seen) == count)
            for stream in streams[3:]:
                stream.destroy()
            for other in others[:3]:
                other.send(b"y")
            await until(lambda seen=seen, count=count: len(seen) == count + min(count, 3))
            counts.append(len(seen))
            let_go(kept, others)
        return counts

    assert run(main) == [13, 63, 6, 63, 0, 8]


def test_a_listener_that_raises_stops_no_other_socket(run):
    run.errors_wanted = True

    async def main():
        streams, others = connected(80)
        seen = []
        for number, stream in enumerate(streams):

            def listener(chunk, number=number):
                seen.append(number)
                if number % 2:
                    raise ValueError(number)

            stream.on("data", listener)
        for other in others:
            other.send(b"x")
        await until(lambda: len(seen) == 80)
        let_go(streams, others)
        return seen

    assert sorted(run(main)) == list(range(80))
    assert sorted(context["exception"].args[0] for context in run.errors) == list(range(1, 80, 2))


def test_a_socket_that_takes_the_number_of_a_closed_one(run):
    async def main():
        streams, others = connected(60)
        seen = []

        def replace(chunk):
            # All of the others are readable, too, and are closed before their turn. New ones get their numbers.
            let_go(streams, others)
            more, far = connected(60)
            for stream in more:
                stream.on("data", seen.append)
            far[50].send(b"new")
            new.extend([more, far])

        new = []
        for stream in streams:
            stream.once("data", replace)
        for other in others:
            other.send(b"old")
        await until(lambda: seen)
        await asyncio.sleep(0.01)
        let_go(*new)
        return seen

    assert run(main) == [b"new"]


@pytest.mark.parametrize("count", [6, 60])
def test_sockets_whose_descriptors_other_code_has_closed(run, count):
    async def main():
        pairs = [socket.socketpair() for _ in range(count)]
        streams = [net.Socket(sock=near) for near, _ in pairs]
        others = [far for _, far in pairs]
        seen = []
        for stream in streams:
            stream.on("data", seen.append)
            stream.on("error", lambda error: None)
        await asyncio.sleep(0)
        half = count // 2
        for near, _ in pairs[:half]:
            os.close(near.fileno())
        for stream in streams[:half]:
            stream.destroy()
        # The others are served on.
        for other in others[half:]:
            other.send(b"x")
        await until(lambda: len(seen) == count - half)
        let_go(streams, others)
        await until(lambda: all(stream.closed for stream in streams))
        return [stream.errored and stream.errored.errno for stream in streams]

    assert run(main) == [errno.EBADF] * (count // 2) + [None] * (count - count // 2)
