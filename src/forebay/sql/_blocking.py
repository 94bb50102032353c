"""Drivers whose calls block: each connection is used in a thread, and rows cross to the loop in batches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from forebay._system.pinned_thread import PinnedThread
from forebay._system.worker_pool import SerialExecutor, settle
from forebay.sql._session import (
    COPY_IN,
    COPY_OUT,
    BlockSink,
    BlockSource,
    CopyOptions,
    Cursor,
    InsertPlan,
    Levels,
    RowSink,
    Session,
    begin_statement,
    unsupported,
)
from forebay.sql._source import Source
from forebay.sql._table_names import Table

__all__ = [
    "INTERRUPT_SECONDS",
    "THREAD_NAME",
    "BlockingBlockSink",
    "BlockingBlockSource",
    "BlockingCursor",
    "BlockingRowSink",
    "BlockingSession",
    "DriverSocket",
    "ThreadPoolSource",
    "ThreadSession",
    "open_in_thread",
]

T = TypeVar("T")

#: The name of the threads of connections.
THREAD_NAME = "forebay-sql"
#: Seconds after which a call is interrupted once more.
INTERRUPT_SECONDS = 0.05
# How long destroy() waits for the running call of a driver whose connection must not be closed meanwhile.
_PAUSE_SECONDS = 0.02
# Seconds that a cancelled stream waits for the connection that is being opened, before it leaves it to its thread.
_OPENING_SECONDS = 0.5
# A thread that has nothing to do ends within microseconds.
_JOIN_SECONDS = 0.05


class BlockingCursor(ABC):
    """`Cursor` for a driver that blocks."""

    columns: tuple[str, ...] = ()

    @abstractmethod
    def fetch(self, count: int) -> list[Any]:
        """See `Cursor.fetch`."""

    @abstractmethod
    def close(self) -> None:
        """See `Cursor.close`."""


class BlockingRowSink(ABC):
    """`RowSink` for a driver that blocks."""

    @abstractmethod
    def write(self, rows: list[Any]) -> None:
        """See `RowSink.write`."""

    @abstractmethod
    def finish(self) -> None:
        """See `RowSink.finish`."""

    @abstractmethod
    def abort(self) -> None:
        """See `RowSink.abort`."""


class BlockingBlockSource(ABC):
    """`BlockSource` for a driver that blocks."""

    @abstractmethod
    def read(self) -> bytes:
        """See `BlockSource.read`."""

    @abstractmethod
    def close(self) -> None:
        """See `BlockSource.close`."""


class BlockingBlockSink(ABC):
    """`BlockSink` for a driver that blocks."""

    @abstractmethod
    def write(self, blocks: list[Any]) -> None:
        """See `BlockSink.write`."""

    @abstractmethod
    def finish(self) -> int | None:
        """See `BlockSink.finish`."""

    @abstractmethod
    def abort(self) -> None:
        """See `BlockSink.abort`."""


class BlockingSession(ABC):
    """`Session` for a driver that blocks. All methods but `interrupt` are called in one thread."""

    driver = ""
    query_in_transaction = False
    takes_batches = False
    #: Whether `interrupt` itself waits for the server. Then it is called in a worker.
    interrupt_blocks = False
    #: Whether the interpreter crashes if the program closes the connection during a call. Its calls are short.
    crashes_if_closed = False
    #: Whether a transaction survives that a write in it is interrupted. Otherwise writes come to their end.
    write_is_interruptible = True

    def __init__(self) -> None:
        self._levels = Levels()

    @abstractmethod
    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """See `Session.execute`."""

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        self.execute(begin_statement(isolation, readonly))

    def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        self.execute("COMMIT")

    def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        self.execute("ROLLBACK")

    def begin(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin`."""
        savepoint = self._levels.enter(self.in_transaction())
        if savepoint is None:
            self.begin_transaction(isolation, readonly)
        else:
            self.execute(savepoint)

    def leave(self, commit: bool) -> None:
        """See `Session.commit` and `Session.rollback`."""
        statements = self._levels.leave(commit)
        if statements is not None:
            for statement in statements:
                self.execute(statement)
        elif commit:
            self.commit_transaction()
        elif self.in_transaction():
            self.rollback_transaction()

    @abstractmethod
    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""

    def query_arrow(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query_arrow`."""
        raise unsupported(self, 'rows="arrow"')

    @abstractmethod
    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""

    def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockingBlockSource:
        """See `Session.copy_out`."""
        raise unsupported(self, "copy_out()", COPY_OUT)

    def copy_in(
        self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions
    ) -> BlockingBlockSink:
        """See `Session.copy_in`."""
        raise unsupported(self, "copy_in()", COPY_IN)

    def opened(self) -> None:
        """See `Session.opened`."""
        return

    def interrupt(self) -> None:
        """Stop the call that runs in the thread, if the driver can. Called in another thread."""
        return

    def sever(self) -> None:
        """Make the call that runs in the thread fail, at the price of the connection. Called on the loop's thread."""
        if not self.interrupt_blocks:
            self.interrupt()

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class DriverSocket:
    """The socket of a driver's connection. The driver may close it at any time, and its number may then be another file's."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._inode = os.fstat(number).st_ino

    def sever(self) -> None:
        """Shut the socket down if it is still open. A call that waits for it ends with an error."""
        try:
            copy = os.dup(self._number)
        except OSError:
            return
        if os.fstat(copy).st_ino != self._inode:
            os.close(copy)
            return
        with socket.socket(fileno=copy) as sock, contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


async def open_in_thread(connect: Callable[[], BlockingSession]) -> ThreadSession:
    """Open a connection in a thread, which then runs all its calls."""
    opened: list[BlockingSession] = []

    def abandoned() -> None:
        for session in opened:
            session.close()

    thread = PinnedThread(asyncio.get_running_loop(), THREAD_NAME, abandoned)

    def open_session() -> BlockingSession:
        session = connect()
        opened.append(session)
        return session

    try:
        return ThreadSession(await thread.run(open_session), thread)
    except asyncio.CancelledError:
        # The connection may still be made; the thread then closes it. A file is opened soon, and its folder may be deleted next.
        await asyncio.wait([thread.run(abandoned)], timeout=_OPENING_SECONDS)
        raise
    finally:
        if not opened:
            thread.end()


class ThreadSession(Session):
    """A session whose calls run in a thread."""

    def __init__(self, blocking: BlockingSession, thread: PinnedThread | None = None) -> None:
        super().__init__()
        self.blocking = blocking
        self.driver = blocking.driver
        self.query_in_transaction = blocking.query_in_transaction
        self.takes_batches = blocking.takes_batches
        # A connection that the program passed stays open when its event loop is closed.
        self._thread = thread or PinnedThread(asyncio.get_running_loop(), THREAD_NAME, _nothing)

    async def call(self, job: Callable[..., T], *args: Any) -> T:
        """Run ``job(*args)`` in the thread. Cancelling interrupts it and waits for its end."""
        future = self._thread.run(partial(job, *args))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            seconds = INTERRUPT_SECONDS
            while not future.done():
                interrupted = self._interrupt()
                # Once more, if the thread had not begun with the call.
                await asyncio.wait([future], timeout=seconds)
                seconds *= 2
                if interrupted is not None:
                    # The interrupt must be over before the next call, which it would stop.
                    await asyncio.wait([interrupted])
                    _heard(interrupted)
            if not future.cancelled():
                # Mark the error of the interrupted call as retrieved.
                future.exception()
            raise

    async def call_to_end(self, job: Callable[..., T], *args: Any) -> T:
        """Run ``job(*args)`` in the thread. Cancelling waits for its end and stops nothing."""
        future = self._thread.run(partial(job, *args))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            _heard(future)
            raise

    async def _opened(self, end: str, job: Callable[..., T], *args: Any) -> T:
        """Run a call that opens something. If the caller is cancelled when it is open, it is ended by its method ``end``."""
        opened: list[T] = []

        def opening() -> T:
            opened.append(job(*args))
            return opened[0]

        try:
            return await self.call(opening)
        except asyncio.CancelledError:
            if opened:
                with contextlib.suppress(Exception):
                    await self.call(getattr(opened[0], end))
            raise

    def _interrupt(self) -> asyncio.Future[None] | None:
        if not self.blocking.interrupt_blocks:
            # The program may have closed the connection.
            with contextlib.suppress(Exception):
                self.blocking.interrupt()
            return None
        loop = asyncio.get_running_loop()
        interrupted: asyncio.Future[None] = loop.create_future()
        worker = SerialExecutor(loop, _nothing)
        worker.submit(self.blocking.interrupt, partial(settle, interrupted))
        worker.end()
        return interrupted

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return self.blocking.in_transaction()

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self.call(self.blocking.execute, statement)

    async def begin(self, isolation: str | None = None, readonly: bool = False) -> None:
        """See `Session.begin`."""
        await self.call(self.blocking.begin, isolation, readonly)

    async def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        await self.call(self.blocking.commit_transaction)

    async def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        await self.call(self.blocking.rollback_transaction)

    async def _leave(self, commit: bool) -> None:
        await self.call(self.blocking.leave, commit)

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        return _ThreadCursor(self, await self._opened("close", self.blocking.query, statement, args, count))

    async def query_arrow(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query_arrow`."""
        return _ThreadCursor(
            self, await self._opened("close", self.blocking.query_arrow, statement, args, count)
        )

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        return _ThreadRowSink(self, await self._opened("abort", self.blocking.row_sink, plan))

    async def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockSource:
        """See `Session.copy_out`."""
        return _ThreadBlockSource(
            self, await self._opened("close", self.blocking.copy_out, source, args, options)
        )

    async def copy_in(self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> BlockSink:
        """See `Session.copy_in`."""
        return _ThreadBlockSink(
            self, await self._opened("abort", self.blocking.copy_in, table, columns, options)
        )

    def opened(self) -> None:
        """See `Session.opened`."""
        self.blocking.opened()

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return await self.call(self.blocking.is_usable)

    async def close(self) -> None:
        """See `Session.close`."""
        try:
            await self.call(self.blocking.close)
        finally:
            await self.detach()

    async def close_in_thread(self) -> None:
        """Make the running call fail, and close the connection. The thread stays."""
        self.blocking.sever()
        await asyncio.wait([closed := self._thread.run(self.blocking.close)])
        _heard(closed)

    def pause(self) -> None:
        """See `Session.pause`."""
        if self.blocking.crashes_if_closed:
            self._thread.wait_idle(_PAUSE_SECONDS)

    def terminate(self) -> None:
        """Interrupt the running call. The thread closes the connection after it."""
        if self._thread.ended:
            return
        try:
            self.blocking.sever()
        finally:
            self._thread.run(self.blocking.close).add_done_callback(_heard)
            self._thread.end()

    async def detach(self) -> None:
        """End the thread."""
        self._thread.end()
        self._thread.join(_JOIN_SECONDS)


class ThreadPoolSource(Source):
    """A connection of a pool whose calls block. The pool is asked in the thread that then runs the connection's calls."""

    def __init__(
        self, get: Callable[[], Any], put: Callable[[Any], Any], adapt: Callable[[Any], BlockingSession]
    ) -> None:
        self._get = get
        self._put = put
        self._adapt = adapt
        self._taken: list[Any] = []

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        thread = PinnedThread(asyncio.get_running_loop(), THREAD_NAME, self._put_back)
        try:
            return ThreadSession(self._adapt(await thread.run(self._take)), thread)
        except BaseException:
            # The pool may still return a connection; the thread then gives it back.
            thread.run(self._put_back).add_done_callback(_heard)
            thread.end()
            raise

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        assert isinstance(session, ThreadSession)
        if not usable:
            await session.close_in_thread()
        await session.call(self._put_back)
        await session.detach()

    def _take(self) -> Any:
        taken = self._get()
        self._taken.append(taken)
        return taken

    def _put_back(self) -> None:
        while self._taken:
            self._put(self._taken.pop())


class _ThreadCursor(Cursor):
    def __init__(self, session: ThreadSession, blocking: BlockingCursor) -> None:
        self._session = session
        self._blocking = blocking
        self.columns = blocking.columns

    async def fetch(self, count: int) -> list[Any]:
        return await self._session.call(self._blocking.fetch, count)

    async def close(self) -> None:
        await self._session.call(self._blocking.close)


class _ThreadRowSink(RowSink):
    def __init__(self, session: ThreadSession, blocking: BlockingRowSink) -> None:
        self._blocking = blocking
        self._session = session
        self._call = session.call if session.blocking.write_is_interruptible else session.call_to_end

    async def write(self, rows: list[Any]) -> None:
        await self._call(self._blocking.write, rows)

    async def finish(self) -> None:
        await self._session.call(self._blocking.finish)

    async def abort(self) -> None:
        await self._session.call(self._blocking.abort)


class _ThreadBlockSource(BlockSource):
    def __init__(self, session: ThreadSession, blocking: BlockingBlockSource) -> None:
        self._session = session
        self._blocking = blocking

    async def read(self) -> bytes:
        return await self._session.call(self._blocking.read)

    async def close(self) -> None:
        await self._session.call(self._blocking.close)


class _ThreadBlockSink(BlockSink):
    def __init__(self, session: ThreadSession, blocking: BlockingBlockSink) -> None:
        self._session = session
        self._blocking = blocking

    async def write(self, blocks: list[Any]) -> None:
        await self._session.call(self._blocking.write, blocks)

    async def finish(self) -> int | None:
        return await self._session.call(self._blocking.finish)

    async def abort(self) -> None:
        await self._session.call(self._blocking.abort)


def _nothing() -> None:
    return


def _heard(future: asyncio.Future[Any]) -> None:
    """Retrieve the outcome of a call, so that the loop does not report it."""
    if not future.cancelled():
        future.exception()
