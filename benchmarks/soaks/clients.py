"""Many clients of an HTTP server in a process of their own: ``python -m benchmarks.soaks.clients PORT COUNT SECONDS``.

Half of them ask, read the answer and ask again. The others take a little of a large answer each second, send a byte of a head
each second, stay silent, or reset their connection in the middle and come back. Prints how many answers each of the first half
got, and how long an answer took, as JSON.
"""

from __future__ import annotations

import contextlib
import errno
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator

HOST = "127.0.0.1"
ASK = b"GET /small HTTP/1.1\r\nHost: soak\r\n\r\n"
ASK_LARGE = b"GET /large HTTP/1.1\r\nHost: soak\r\n\r\n"
ANSWER = 1000
CONNECTING_AT_ONCE = 500
#: The slow ones take turns: each acts once a second.
PERIOD = 1.0
RESET = struct.pack("ii", 1, 0)


class Client:
    """A connection that does nothing."""

    events = 0

    def __init__(self, port: int) -> None:
        self.port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.socket.connect((HOST, self.port))

    def begin(self) -> None:
        """What a client does when it is connected."""

    def act(self) -> None:
        """What a slow client does once a second."""


class Asking(Client):
    """Asks, reads the answer, and asks again."""

    events = select.EPOLLIN

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.served = 0
        self.times: list[float] = []
        self.missing = 0

    def begin(self) -> None:
        self.asked = time.perf_counter()
        self.missing = -1
        self.socket.send(ASK)

    def ready(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server has closed the connection of a client that asks")
        if self.missing < 0:
            # A head comes in one piece on this machine.
            head, _, data = data.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            self.missing = ANSWER
        self.missing -= len(data)
        if not self.missing:
            self.served += 1
            self.times.append(time.perf_counter() - self.asked)
            self.begin()


class SlowReader(Client):
    """Takes 2 KiB of a large answer each second."""

    def begin(self) -> None:
        self.socket.send(ASK_LARGE)

    def act(self) -> None:
        self.socket.recv(2048)


class SlowWriter(Client):
    """Sends a byte of a head each second."""

    def begin(self) -> None:
        self.rest = iter(ASK * 100)

    def act(self) -> None:
        self.socket.send(bytes([next(self.rest)]))
        try:
            if not self.socket.recv(2048):
                raise ConnectionResetError
        except BlockingIOError:
            pass


class Silent(Client):
    """Asks once, and keeps the connection."""

    def begin(self) -> None:
        self.socket.send(ASK)


class Resetting(Client):
    """Asks for a large answer, resets the connection in the middle of it, and comes back."""

    def begin(self) -> None:
        self.socket.send(ASK_LARGE)

    def act(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        raise ConnectionResetError


SLOW = (SlowReader, SlowWriter, Silent, Resetting)


def connected(clients: list[Client]) -> None:
    """Wait until all are connected, a few at once."""
    poll = select.epoll()
    for client in clients:
        poll.register(client.socket, select.EPOLLOUT)
    waiting = {client.socket.fileno(): client for client in clients}
    while waiting:
        for fd, _ in poll.poll(30):
            client = waiting.pop(fd)
            code = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, errno.errorcode[code])
            poll.unregister(fd)
    poll.close()


def again(client: Client) -> None:
    """Connect anew: the server has ended the connection, or the client has."""
    client.socket.close()
    client.connect()
    connected([client])
    client.begin()


def turns(slow: list[Client], begun: float) -> Iterator[int]:
    """Yield how many of the slow clients have to act now."""
    acted = 0
    while True:
        due = int((time.perf_counter() - begun) / PERIOD * len(slow))
        yield min(due - acted, 200)
        acted = due


def run(port: int, count: int, seconds: float) -> dict[str, object]:
    asking: list[Asking] = []
    slow: list[Client] = []
    for at in range(0, count, CONNECTING_AT_ONCE):
        batch: list[Client] = []
        for number in range(at, min(count, at + CONNECTING_AT_ONCE)):
            client: Client
            if number % 2:
                client = SLOW[number // 2 % len(SLOW)](port)
                slow.append(client)
            else:
                client = Asking(port)
                asking.append(client)
            batch.append(client)
        connected(batch)
    poll = select.epoll()
    by_fd = {client.socket.fileno(): client for client in asking}
    for client in asking:
        poll.register(client.socket, client.events)
        client.begin()
    for client in slow:
        client.begin()
    begun = time.perf_counter()
    place = 0
    due = turns(slow, begun)
    while time.perf_counter() - begun < seconds:
        for fd, _ in poll.poll(0.01, len(asking)):
            by_fd[fd].ready()
        for _ in range(next(due)):
            client = slow[place % len(slow)]
            place += 1
            try:
                client.act()
            except BlockingIOError:
                pass
            except OSError:
                again(client)
    return {
        "served": [client.served for client in asking],
        "times": [max(client.times or [seconds]) for client in asking],
    }


if __name__ == "__main__":
    port, count, seconds = sys.argv[1:]
    print(json.dumps(run(int(port), int(count), float(seconds))))
