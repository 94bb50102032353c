"""Watches sockets for data to receive, so that the loop gets its turn between sockets that are ready at once.

asyncio calls every descriptor that is ready before it looks at its timers. With thousands of sockets that takes as long as all
their answers. If a loop has many sockets, they therefore have an epoll of their own, and the loop watches that. The kernel
reports the sockets in turn, a few at a time, so that none of them is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import select
from collections.abc import Callable
from contextvars import copy_context
from time import thread_time
from typing import Any, Protocol

__all__ = ["Readers", "readers_of"]

_ATTRIBUTE = "_forebay_readers"
# Up to so many sockets are watched by the loop itself, which is less work for each of them if few are ready at once.
_FEW = 32
# If fewer than these are left of many, the loop watches them again.
_LEFT = 8
# Sockets that are asked for at once. All of these are called before the time is looked at.
_BATCH = 16
# Seconds of CPU time after which the loop has its turn.
_SLICE = 0.004


class Readers(Protocol):
    """What watches descriptors: the loop, or something with these methods of it."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> Any: ...

    def remove_reader(self, fd: int, /) -> Any: ...


def readers_of(loop: asyncio.AbstractEventLoop) -> Readers:
    """Return what watches the sockets of a loop: the loop itself, unless it is asyncio's and the system has epoll."""
    if not isinstance(loop, asyncio.SelectorEventLoop) or not hasattr(select, "epoll"):
        return loop
    readers: _ManyReaders | None = getattr(loop, _ATTRIBUTE, None)
    if readers is None:
        readers = _ManyReaders(loop)
        setattr(loop, _ATTRIBUTE, readers)
    return readers


class _ManyReaders:
    """Watches a few sockets by the loop, and many by an epoll, which is closed with the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[int, Callable[[], object]] = {}
        self._epoll: select.epoll | None = None
        self._many = False

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> None:
        """Call ``callback`` in the present context whenever the descriptor is readable, until `remove_reader`.

        Raises:
            OSError: The system cannot watch more descriptors.
        """
        if self._many and self._epoll is not None:
            self._epoll.register(fd, select.EPOLLIN)
        else:
            self._loop.add_reader(fd, callback)
        self._calls[fd] = functools.partial(copy_context().run, callback)
        if not self._many and len(self._calls) > _FEW:
            self._move_to_epoll()

    def remove_reader(self, fd: int, /) -> None:
        if self._calls.pop(fd, None) is None:
            return
        if not self._many:
            self._loop.remove_reader(fd)
        elif self._epoll is not None:
            _forget(self._epoll, fd)
            if len(self._calls) < _LEFT:
                self._move_to_loop(self._epoll)

    def _move_to_epoll(self) -> None:
        with contextlib.ExitStack() as undo, contextlib.suppress(OSError, MemoryError):
            # Without an epoll, the loop goes on to watch them.
            epoll = self._epoll or self._open()
            for fd in self._calls:
                try:
                    epoll.register(fd, select.EPOLLIN)
                except OSError as error:
                    if error.errno != errno.EBADF:
                        raise
                    # Other code has closed it.
                    continue
                undo.callback(_forget, epoll, fd)
            undo.pop_all()
            self._many = True
            for fd in self._calls:
                self._loop.remove_reader(fd)

    def _move_to_loop(self, epoll: select.epoll) -> None:
        with contextlib.ExitStack() as undo, contextlib.suppress(OSError, MemoryError):
            for fd, call in self._calls.items():
                self._loop.add_reader(fd, call)
                undo.callback(self._loop.remove_reader, fd)
            undo.pop_all()
            self._many = False
            for fd in self._calls:
                _forget(epoll, fd)

    def _open(self) -> select.epoll:
        epoll = select.epoll()
        try:
            self._loop.add_reader(epoll.fileno(), self._call)
        except BaseException:
            epoll.close()
            raise
        self._epoll = epoll
        close = self._loop.close

        @functools.wraps(close)
        def closing() -> None:
            close()
            self._epoll = None
            epoll.close()

        self._loop.close = closing  # type: ignore[method-assign]  # of this one loop
        return epoll

    def _call(self) -> None:
        """Call back for the sockets that are ready, for as long as a flow may work at a stretch."""
        epoll = self._epoll
        if epoll is None:
            return
        events = epoll.poll(0, _BATCH)
        if len(events) < _BATCH:
            self._call_each(events)
            return
        end = thread_time() + _SLICE
        while events:
            self._call_each(events)
            if len(events) < _BATCH or thread_time() > end:
                return
            events = epoll.poll(0, _BATCH)

    def _call_each(self, events: list[tuple[int, int]]) -> None:
        for fd, _ in events:
            call = self._calls.get(fd)
            if call is None:
                # A callback before it has ended the watch.
                continue
            try:
                call()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._loop.call_exception_handler(
                    {"message": "Exception in a callback for a readable socket", "exception": error}
                )


def _forget(epoll: select.epoll, fd: int) -> None:
    # The kernel has forgotten a descriptor that other code has closed.
    with contextlib.suppress(OSError):
        epoll.unregister(fd)
