"""Pools of connections of blocking drivers: those of SQLAlchemy, DBUtils and mysql-connector-python."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from forebay.errors import InvalidArgTypeError
from forebay.sql._adapters import adapted
from forebay.sql._blocking import BlockingSession, ThreadPoolSource, ThreadSession
from forebay.sql._session import Session
from forebay.sql._source import GivenSource, Source

__all__ = ["adapt"]


def adapt(pool: Any) -> Source | None:
    """Return the source for a pool, or for SQLAlchemy's Engine."""
    if hasattr(pool, "raw_connection"):
        return _LentSource(pool.raw_connection, _of_sqlalchemy)
    if hasattr(pool, "get_connection"):
        return _LentSource(pool.get_connection, lambda lent: lent._cnx)
    if hasattr(pool, "connect") and hasattr(pool, "dispose"):
        return _LentSource(pool.connect, _of_sqlalchemy)
    if hasattr(pool, "connection") and hasattr(pool, "steady_connection"):
        return _LentSource(pool.connection, lambda lent: lent._con._con)
    return None


def _of_sqlalchemy(lent: Any) -> Any:
    return lent.dbapi_connection


class _LentSource(ThreadPoolSource):
    """A connection that a pool lends in a wrapper. ``inner`` returns the driver's own connection."""

    def __init__(self, get: Callable[[], Any], inner: Callable[[Any], Any]) -> None:
        super().__init__(get, self._give_back, self._session_for)
        self._inner = inner
        self._usable = True

    def _session_for(self, lent: Any) -> BlockingSession:
        connection = self._inner(lent)
        source = adapted(connection)
        session = source.make_session() if isinstance(source, GivenSource) else None
        if not isinstance(session, ThreadSession):
            raise InvalidArgTypeError(
                f"a pool must have connections of a driver that blocks, got {connection!r}"
            )
        return session.blocking

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        self._usable = usable
        await super().release(session, usable)

    def _give_back(self, lent: Any) -> None:
        if self._usable:
            lent.close()
            return
        # The driver's connection is closed. A pool that finds out only now says so.
        with contextlib.suppress(Exception):
            getattr(lent, "invalidate", lent.close)()
