"""Job: synchronous code that runs in a thread of its own for one stream."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from forebay._core.state.completion import Completion
from forebay._system.pinned_thread import PinnedThread
from forebay.errors import AbortError
from forebay.streams.blocking.mailbox import Mailbox, ReaderGone

__all__ = ["CLEANUP_SECONDS", "Job", "close_iterator", "fill"]

#: Seconds that 'close' waits for the thread of a destroyed stream. Python cannot stop a call that waits.
CLEANUP_SECONDS = 5.0
_THREAD_NAME = "forebay-blocking"
_JOIN_SECONDS = 0.001


class Job:
    """A function that runs in a thread, and reports its end to the loop's thread by the method ``ended`` of a stream.

    It does not keep the stream alive, unless `keep` is called: a stream that was dropped ends its thread.
    """

    def __init__(self, work: Callable[[], None], ended: Callable[[BaseException | None], None]) -> None:
        self._kept: Any = None
        told = weakref.WeakMethod(ended)
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._thread = PinnedThread(self._loop, _THREAD_NAME, _nothing)
        self._error: BaseException | None = None
        run = partial(contextvars.copy_context().run, self._run, work)
        self._over: asyncio.Future[None] = self._thread.run(run)
        self._thread.end()
        self._over.add_done_callback(partial(_tell, self, told))

    def keep(self, stream: Any) -> None:
        """Keep a stream alive until the thread has ended."""
        self._kept = stream

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            # A future does not take a StopIteration.
            self._error = error

    def when_over(self, error: BaseException | None) -> Completion:
        """Return a completion for the destruction of the stream: done when the thread is over, or has taken too long.

        It fails with ``error``, or without one with the error of the cleanup.
        """
        closed = Completion()

        def close() -> None:
            timer.cancel()
            if self._over.remove_done_callback(over) or self._over.done():
                self._thread.join(_JOIN_SECONDS)
            failure = error
            cleanup = None if isinstance(self._error, AbortError) else self._error
            if failure is None:
                failure = cleanup
            elif cleanup is not None and cleanup is not error:
                failure.add_note(f"The cleanup in the thread failed, too: {cleanup!r:.200}")
            if failure is None:
                closed.resolve()
            else:
                closed.reject(failure)

        def over(_: Any) -> None:
            close()

        timer = self._loop.call_later(CLEANUP_SECONDS, close)
        self._over.add_done_callback(over)
        return closed


def _tell(
    job: Job, told: Callable[[], Callable[[BaseException | None], None] | None], _: asyncio.Future[None]
) -> None:
    ended = told()
    job._kept = None
    if ended is not None:
        ended(job._error)


def fill(mailbox: Mailbox, make: Callable[[], Iterable[Any]]) -> None:
    """Put what an iterable gives into a mailbox, in its thread. The iterator is closed if its reader is gone."""
    try:
        iterator = iter(make())
        try:
            mailbox.put_all(iterator)
        except ReaderGone:
            close_iterator(iterator, mailbox.left)
            return
        except BaseException as error:
            close_iterator(iterator, error)
            raise
    except BaseException as error:
        mailbox.end(error)
        raise
    mailbox.end(None)


def close_iterator(items: Any, error: BaseException | None) -> None:
    """Close a generator. If there is an error, throw it into the generator, which may still clean up."""
    if error is not None and not isinstance(error, ReaderGone) and hasattr(items, "throw"):
        try:
            items.throw(error)
        except StopIteration:
            return
        except BaseException as raised:
            if raised is not error:
                raise
            return
    close = getattr(items, "close", None)
    if close is not None:
        close()


def _nothing() -> None:
    return
