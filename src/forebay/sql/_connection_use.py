"""The use of a connection by one stream: the claim, the calls one at a time, and the end, usable or closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from forebay._core.state.completion import Completion
from forebay.errors import StreamDestroyedError
from forebay.sql._adapters import find_source
from forebay.sql._session import Session
from forebay.sql._source import Claim, Source

__all__ = ["CLEANUP_SECONDS", "ConnectionUse"]

T = TypeVar("T")

#: If a stream is left early, its connection has to be usable again within this number of seconds. Otherwise it is closed.
CLEANUP_SECONDS = 5.0
# Seconds that a cancelled call may still take after the connection was closed.
_LAST_SECONDS = 0.5
# Characters of a statement in the note of an error.
_LONGEST_STATEMENT = 200

# The tasks that give back the connections of collected streams. The loop itself holds tasks weakly.
_endings: set[asyncio.Task[None]] = set()


class ConnectionUse:
    """The connection of one stream, from its opening to its 'close'.

    ``state`` is "open" while the stream may use the connection, then "usable" or "discarded".

    It has no reference to the stream. So, when a stream that was not closed is garbage-collected, its ConnectionUse is collected
    too, and gives the connection back.
    """

    # The value until the constructor has returned. It raises if its argument is not a connection.
    _session: Session | None = None

    def __init__(
        self,
        connection: object,
        stage: str,
        statement: str,
        timeout: float | None,
        unit: str,
    ) -> None:
        self._source: Source = find_source(connection)
        self._stage = stage
        #: The statement, or the name of the table.
        self.statement = statement
        self._timeout = timeout
        self._unit = unit
        #: How many rows or bytes have passed: ``unit`` says which.
        self.count = 0
        self._claim: Claim | None = None
        self._call: asyncio.Task[Any] | None = None
        # 1 while the stream has a transaction or a savepoint open, otherwise 0.
        self._levels = 0
        # Whether no transaction was open before the stream. If so, a transaction that is open later belongs to the stream.
        self._was_idle = False
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.state = "open"
        if self._source.connection is not None:
            self._claim = Claim(self._source.connection, self.label)

    @property
    def label(self) -> str:
        """The stage and its statement, for messages."""
        return f"{self._stage} {shortened(self.statement)!r}"

    @property
    def is_own(self) -> bool:
        """Whether the connection is the stream's own: opened for it, or taken from a pool."""
        return self._source.connection is None

    @property
    def session(self) -> Session:
        """The open connection."""
        assert self._session is not None
        return self._session

    # ---- calls, one at a time

    def run(
        self, work: Coroutine[Any, Any, T], done: Callable[[T | None, BaseException | None], None]
    ) -> None:
        """Run ``work`` in a task, then call ``done(result, None)`` or ``done(None, error)``.

        If the stream is destroyed meanwhile, the task is cancelled, and the error is a StreamDestroyedError.
        """
        task = asyncio.get_running_loop().create_task(self._limited(work))
        self._call = task

        def finished(_: asyncio.Task[T]) -> None:
            # A task that is cancelled at once never starts ``work``.
            work.close()
            if self._call is task:
                self._call = None
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if self._stopped:
                done(
                    None,
                    StreamDestroyedError(f"{self._stage}() was not carried out: the stream was destroyed"),
                )
            elif error is not None:
                self.annotate(error)
                done(None, error)
            else:
                done(task.result(), None)

        task.add_done_callback(finished)

    def construct(self, work: Coroutine[Any, Any, None]) -> Completion:
        """Run ``work`` as the work of a `_construct` hook. A stream that is destroyed meanwhile has its error already."""
        completion = Completion()

        def done(_: None, error: BaseException | None) -> None:
            if error is None or self._stopped:
                completion.resolve()
            else:
                completion.reject(error)

        self.run(work, done)
        return completion

    def hook(self, work: Coroutine[Any, Any, None], completion: Completion | None = None) -> Completion:
        """Run ``work`` as the work of a `_write`, `_writev` or `_final` hook."""
        completion = completion or Completion()

        def done(_: None, error: BaseException | None) -> None:
            if error is None:
                completion.resolve()
            else:
                completion.reject(error)

        self.run(work, done)
        return completion

    async def _limited(self, work: Coroutine[Any, Any, T]) -> T:
        if self._timeout is None:
            return await work
        async with asyncio.timeout(self._timeout):
            return await work

    def annotate(self, error: BaseException) -> None:
        """Add a note to ``error``: in which stage it happened, for which statement, and after how many rows."""
        note = f"in {self.label}, after {self.count} {self._unit}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)

    # ---- from opening to closing

    async def open(self) -> Session:
        """Get the connection."""
        self._loop = asyncio.get_running_loop()
        if self._claim is not None:
            await self._claim.taken()
        self._session = await self._source.acquire()
        return self._session

    async def begin(self) -> None:
        """Begin the stream's transaction, or a savepoint in the caller's."""
        self.expect_implicit_transaction()
        self._levels += 1
        try:
            await self.session.begin()
        except BaseException:
            self._levels -= 1
            raise

    def expect_implicit_transaction(self) -> None:
        """Treat a transaction that the driver begins by itself as the stream's, unless a transaction is open now."""
        self._was_idle = not self.session.in_transaction()

    async def commit(self) -> None:
        """Commit the stream's transaction. Without one nothing happens."""
        if self._levels:
            self._levels -= 1
            await self.session.commit()
        elif self._was_idle and self.session.in_transaction():
            await self.session.commit_transaction()

    async def rollback(self) -> None:
        """Roll the stream's transaction back. Without one nothing happens."""
        if self._levels:
            self._levels -= 1
            await self.session.rollback()
        # Also after a commit that was cancelled in the middle.
        if self._was_idle and self.session.in_transaction():
            await self.session.rollback_transaction()

    def stop(self) -> None:
        """Stop the call that is running: the stream is being destroyed."""
        if self._claim is not None:
            self._claim.ending = True
        if not self._stopped:
            self._stopped = True
            if self._call is not None:
                self._call.cancel()
                if self._session is not None and not self.is_own:
                    self._session.pause()

    def close(
        self, error: BaseException | None, wind_up: Callable[[], Awaitable[None]] | None, whole: bool
    ) -> Completion:
        """The work of a `_destroy` hook: leave the connection usable within `CLEANUP_SECONDS`, or close it.

        Args:
            error: The error of the stream.
            wind_up: Closes the cursor or the COPY that is open on the connection.
            whole: Whether the stream has done all its work; if not, its transaction is rolled back.
        """
        completion = Completion()
        self.stop()
        task = asyncio.get_running_loop().create_task(self._close(wind_up, whole))

        def closed(_: asyncio.Task[None]) -> None:
            failure = None if task.cancelled() else task.exception()
            if error is not None:
                completion.reject(error)
            elif failure is not None:
                completion.reject(failure)
            else:
                completion.resolve()

        task.add_done_callback(closed)
        return completion

    def __del__(self) -> None:
        if self._session is None or self._stopped or self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._dropped)

    def _dropped(self) -> None:
        """Give the connection back. The stream was garbage-collected before it was closed."""
        self.stop()
        task = asyncio.get_running_loop().create_task(self._close(None, False))
        _endings.add(task)
        task.add_done_callback(_endings.discard)

    async def _close(self, wind_up: Callable[[], Awaitable[None]] | None, whole: bool) -> None:
        usable = False
        try:
            usable = await self._left_usable(wind_up, whole)
        finally:
            session, self._session = self._session, None
            self.state = "usable" if usable else "discarded"
            try:
                if session is not None:
                    await self._give_back(session, usable)
            finally:
                if self._claim is not None:
                    self._claim.give_back()

    async def _left_usable(self, wind_up: Callable[[], Awaitable[None]] | None, whole: bool) -> bool:
        """Stop the running call and wind up. Return whether the connection can be used again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CLEANUP_SECONDS
        call = self._call
        if call is not None:
            await asyncio.wait([call], timeout=CLEANUP_SECONDS)
            if not call.done():
                return False
        if self._session is None:
            # The stream never opened a connection.
            return True
        task = loop.create_task(self._wind_up(wind_up, whole))
        try:
            await asyncio.wait([task], timeout=max(0.0, until - loop.time()))
        finally:
            if not task.done():
                self._session.terminate()
                task.cancel()
                await asyncio.wait([task], timeout=_LAST_SECONDS)
        return not task.cancelled() and task.done() and task.exception() is None and task.result()

    async def _wind_up(self, wind_up: Callable[[], Awaitable[None]] | None, whole: bool) -> bool:
        if wind_up is not None:
            await wind_up()
        if not whole:
            await self.session.settle()
            await self.rollback()
        return await self.session.is_usable()

    async def _give_back(self, session: Session, usable: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._source.release(session, usable))
        await asyncio.wait([task], timeout=CLEANUP_SECONDS)
        if not task.done():
            session.terminate()
            task.cancel()
            self.state = "discarded"
        elif not task.cancelled() and task.exception() is not None:
            # The stream's own work is done; only the connection is lost.
            session.terminate()
            self.state = "discarded"


def shortened(statement: str) -> str:
    """Return a statement on one line, cut if it is long."""
    text = " ".join(statement.split())
    return text if len(text) <= _LONGEST_STATEMENT else text[: _LONGEST_STATEMENT - 3] + "..."
