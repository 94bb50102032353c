"""The sources of a stream's connection: given by the program, taken from a pool, or opened for the stream."""

from __future__ import annotations

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from forebay.errors import ConnectionBusyError
from forebay.sql._session import Session

__all__ = ["Claim", "GivenSource", "OpenedSource", "PoolSource", "Source"]


class Claim:
    """The right of one user to use a connection alone."""

    # The claims by the ``id`` of the connection. The claim keeps the connection alive, so the id stays its own.
    _users: ClassVar[dict[int, weakref.ref[Claim]]] = {}

    def __init__(self, connection: object, user: str) -> None:
        """Take the connection, or wait in line behind a user that is about to give it back.

        Raises:
            ConnectionBusyError: Another user has it.
        """
        self._connection: object | None = connection
        self._user = user
        #: Set while the user winds up: the connection will be free soon.
        self.ending = False
        self._freed: list[asyncio.Future[None]] = []
        self._take()

    @classmethod
    def holder(cls, connection: object) -> Claim | None:
        """Return the claim on a connection, or None if it is free."""
        reference = cls._users.get(id(connection))
        claim = None if reference is None else reference()
        return claim if claim is not None and claim._connection is connection else None

    def _take(self) -> Claim | None:
        """Take the connection if it is free. Return the user that is about to give it back, if there is one."""
        holder = self.holder(self._connection)
        if holder is None:
            self._users[id(self._connection)] = weakref.ref(self)
        elif holder is self:
            return None
        elif not holder.ending:
            raise ConnectionBusyError(
                f"{self._user} needs the connection that {holder._user} uses; "
                "wait for its 'close' event, or give each stream a connection or a pool"
            )
        return holder

    async def taken(self) -> None:
        """Wait until the connection is this user's. Raises ConnectionBusyError if a third user was faster."""
        while (holder := self._take()) is not None:
            freed = asyncio.get_running_loop().create_future()
            holder._freed.append(freed)
            await freed

    def give_back(self) -> None:
        """Let others use the connection."""
        connection, self._connection = self._connection, None
        reference = self._users.get(id(connection))
        if reference is not None and reference() is self:
            del self._users[id(connection)]
        for freed in self._freed:
            if not freed.done():
                freed.set_result(None)


class Source(ABC):
    """One connection for one stream."""

    #: The connection, if it is there before the stream opens it.
    connection: object | None = None

    @abstractmethod
    async def acquire(self) -> Session:
        """Get the connection."""

    @abstractmethod
    async def release(self, session: Session, usable: bool) -> None:
        """Give it back. A connection that is not usable is closed."""


class GivenSource(Source):
    """A connection of the program. It is closed only if it is not usable any more."""

    def __init__(self, connection: object, adapt: Callable[[], Session]) -> None:
        self.connection = connection
        #: Makes the session of the connection.
        self.make_session = adapt

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        return self.make_session()

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        if usable:
            await session.detach()
        else:
            await session.discard()


class PoolSource(Source):
    """A connection of a pool. The pool gets it back, closed if it is not usable any more."""

    def __init__(
        self,
        get: Callable[[], Awaitable[Any]],
        put: Callable[[Any], Awaitable[None]],
        adapt: Callable[[Any], Session],
    ) -> None:
        self._get = get
        self._put = put
        self._adapt = adapt
        self._taken: Any = None

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        self._taken = await self._get()
        return self._adapt(self._taken)

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        taken, self._taken = self._taken, None
        if usable:
            await session.detach()
        else:
            await session.discard()
        await self._put(taken)


class OpenedSource(Source):
    """A connection that the stream opens and closes."""

    def __init__(self, connect: Callable[[], Awaitable[Session]]) -> None:
        self._connect = connect

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        return await self._connect()

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        if usable:
            await session.close()
        else:
            await session.discard()
