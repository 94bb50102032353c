"""A chat, line by line, over TCP.

    python examples/line_chat.py [--port 8003]
    nc 127.0.0.1 8003                        (as often as you like)

The first line that a guest sends is their name. Guests read at their own pace. If a guest does not read for so long
that their buffer is full, they miss lines, and the chat tells them how many.
"""

import argparse
import contextlib

import forebay
from forebay import consumers, net


class Guest:
    def __init__(self, name: str, socket: net.Socket) -> None:
        self.name = name
        self.socket = socket
        self.missed = 0

    def tell(self, line: str) -> None:
        if self.socket.writable_need_drain:
            self.missed += 1
            return
        if self.missed:
            self.socket.write(f"* you have missed {self.missed} lines\n")
            self.missed = 0
        self.socket.write(line + "\n")


class Chat:
    def __init__(self) -> None:
        self.guests: list[Guest] = []

    def tell_all(self, line: str) -> None:
        for guest in self.guests:
            guest.tell(line)

    async def welcome(self, socket: net.Socket) -> None:
        socket.set_encoding("utf8")
        socket.write("* what is your name?\n")
        guest = None
        try:
            async for line in consumers.lines(socket, limit=1000):
                text = line.strip()
                if guest is None:
                    guest = Guest(text or "guest", socket)
                    self.guests.append(guest)
                    self.tell_all(f"* {guest.name} is here")
                elif text:
                    self.tell_all(f"{guest.name}: {text}")
        except (OSError, forebay.StreamError, ValueError):
            # Gone, or no text.
            pass
        finally:
            socket.destroy()
            if guest is not None:
                self.guests.remove(guest)
                self.tell_all(f"* {guest.name} has left")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--port", type=int, default=8003, help="where to listen (default: 8003; 0 is any free port)"
    )
    args = parser.parse_args()
    server = net.create_server(Chat().welcome, default_encoding="utf8")
    async with await server.listen(args.port, "127.0.0.1"):
        print(f"chat on 127.0.0.1:{server.port}", flush=True)
        await server.wait_closed()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        forebay.run(main)
