"""Connect to the address of a host that answers first (RFC 8305, "Happy Eyeballs")."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest

from forebay._system.cleanup import run_all
from forebay.net._address import Address, Place

__all__ = ["HappyEyeballs"]

# Seconds between two attempts at a Unix socket whose listener's queue is full.
_FULL_QUEUE_SECONDS = 0.02
# What is rather a host and a port than the path of a Unix socket.
_HOST_AND_PORT = re.compile(r"[^/]*:\d+")
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR)


class HappyEyeballs:
    """One connection in progress: attempts at several addresses, each started a moment after the previous one.

    ``done(sock, None)`` or ``done(None, error)`` is called once, and not after `cancel`.
    """

    def __init__(
        self,
        addresses: list[Address],
        place: Place,
        local: tuple[str, int] | None,
        delay: float,
        done: Callable[[socket.socket | None, Exception | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._place = place
        self._local = local
        self._delay = delay
        self._done: Callable[[socket.socket | None, Exception | None], None] | None = done
        self._left = interleaved(addresses)
        self._open: set[socket.socket] = set()
        self._errors: list[Exception] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next()

    def cancel(self) -> None:
        """Give up without a report."""
        self._done = None
        self._left.clear()
        self._stop_timer()
        run_all(*(partial(self._drop, sock) for sock in list(self._open)))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        """Start the next attempt."""
        self._stop_timer()
        address = self._left.pop(0)
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM, address.protocol)
        except OSError as error:
            self._failed(None, error)
            return
        self._open.add(sock)
        try:
            sock.setblocking(False)
            if self._local is not None and address.family != socket.AF_UNIX:
                sock.bind(self._local)
        except OSError as error:
            self._failed(sock, error)
            return
        if self._left:
            self._timer = self._loop.call_later(self._delay, self._next)
        self._try(sock, address)

    def _try(self, sock: socket.socket, address: Address) -> None:
        if sock not in self._open:
            return
        try:
            number = sock.connect_ex(address.address)
            if number == errno.EAGAIN and address.family == socket.AF_UNIX:
                self._loop.call_later(_FULL_QUEUE_SECONDS, self._try, sock, address)
                return
            if number in _IN_PROGRESS:
                self._loop.add_writer(sock.fileno(), partial(self._answered, sock))
                return
        except (OSError, ValueError, OverflowError, TypeError) as error:
            # A path may be too long, or a custom lookup may have returned an invalid address.
            self._failed(sock, error)
            return
        if number == 0:
            self._succeeded(sock)
        else:
            self._failed(sock, OSError(number, os.strerror(number)))

    def _answered(self, sock: socket.socket) -> None:
        try:
            self._loop.remove_writer(sock.fileno())
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            self._failed(sock, error)
            return
        if number:
            self._failed(sock, OSError(number, os.strerror(number)))
        else:
            self._succeeded(sock)

    def _drop(self, sock: socket.socket) -> None:
        self._open.discard(sock)
        try:
            if not self._loop.is_closed():
                self._loop.remove_writer(sock.fileno())
        finally:
            # The connection has sent nothing, so closing it loses nothing.
            with contextlib.suppress(OSError):
                sock.close()

    def _succeeded(self, sock: socket.socket) -> None:
        self._open.discard(sock)
        done = self._done
        self.cancel()
        if done is None:
            sock.close()
        else:
            done(sock, None)

    def _failed(self, sock: socket.socket | None, error: Exception) -> None:
        if sock is not None:
            self._drop(sock)
        self._errors.append(error)
        if self._left:
            # Do not start the next attempt recursively: a host may have thousands of addresses that fail at once.
            self._stop_timer()
            self._timer = self._loop.call_later(0, self._next)
        elif not self._open and self._done is not None:
            done, self._done = self._done, None
            done(None, self._summary())

    def _summary(self) -> Exception:
        """Return the error of the whole connect: that of the first address, with the name of the place."""
        first = self._errors[0]
        error = first
        if isinstance(first, OSError):
            error = OSError(first.errno, f"{first.strerror or first}: {self._place}")
            if isinstance(self._place.path, str) and _HOST_AND_PORT.fullmatch(self._place.path):
                error.add_note(
                    "this was taken for the path of a Unix socket; give host and port by themselves"
                )
        if len(self._errors) > 1:
            for each in self._errors[1:]:
                error.add_note(f"another address: {each}")
        return error


def interleaved(addresses: list[Address]) -> list[Address]:
    """Return the addresses with alternating families, beginning with that of the first address."""
    first = [each for each in addresses if each.family == addresses[0].family]
    others = [each for each in addresses if each.family != addresses[0].family]
    pairs = chain.from_iterable(zip_longest(first, others))
    return [each for each in pairs if each is not None]
