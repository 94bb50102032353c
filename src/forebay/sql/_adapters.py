"""Find the adapter for a connection. The adapter of a driver is imported when its first connection is used."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from inspect import isawaitable
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.sql._session import Session
from forebay.sql._source import OpenedSource, Source
from forebay.sql._urls import scheme_of, without_password

__all__ = ["adapted", "find_source", "library"]

# The adapter for each library. The key is the first part of the name of the module that defines a connection's class.
_BY_LIBRARY = {
    "aiomysql": "mysql",
    "aiosqlite": "aiosqlite",
    "adbc_driver_manager": "adbc",
    "asyncmy": "mysql",
    "asyncpg": "asyncpg",
    "dbutils": "pools",
    "_duckdb": "duckdb",
    "duckdb": "duckdb",
    "MySQLdb": "mysql_blocking",
    "mysql": "mysql_blocking",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "psycopg_pool": "psycopg",
    "pymysql": "mysql_blocking",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite",
}
_BY_SCHEME = {
    "duckdb": "duckdb",
    "mariadb": "mysql",
    "mysql": "mysql",
    "postgres": "asyncpg",
    "postgresql": "asyncpg",
    "postgresql+asyncpg": "asyncpg",
    "postgresql+psycopg": "psycopg",
    "sqlite": "sqlite",
}
# An object with these methods is taken for a connection of a driver that follows PEP 249.
_DB_API_METHODS = ("cursor", "commit", "rollback", "close")


def library(name: str, install: str) -> Any:
    """Import a driver. Raises ImportError that says what to install."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"this connection needs {name}; pip install {install}", name=name) from error


def find_source(connection: object) -> Source:
    """Return the source for the argument ``connection`` of a stream.

    Raises:
        InvalidArgTypeError: It is no connection, pool, function or URL.
        InvalidArgValueError: The URL's scheme is unknown.
    """
    if isinstance(connection, Source):
        return connection
    make_source = getattr(connection, "_forebay_source", None)
    if make_source is not None:
        made: Source = make_source()
        return made
    if isinstance(connection, str | os.PathLike):
        return _from_url(connection)
    source = adapted(connection)
    if source is not None:
        return source
    if callable(connection) and not isinstance(connection, type):
        return _CalledSource(connection)
    raise InvalidArgTypeError(
        f"connection must be a connection, a pool, a function that returns a connection, a URL or a path; got {connection!r}"
    )


def adapted(connection: object) -> Source | None:
    """Return the source for a connection or a pool; None for anything else."""
    for cls in type(connection).__mro__:
        name = _BY_LIBRARY.get(cls.__module__.partition(".")[0])
        if name is not None:
            found: Source | None = _adapter(name).adapt(connection)
            if found is not None:
                return found
    if all(callable(getattr(connection, method, None)) for method in _DB_API_METHODS):
        source: Source | None = _adapter("dbapi").adapt(connection)
        return source
    return None


def _adapter(name: str) -> Any:
    return import_module(f"forebay.sql._drivers.{name}")


def _from_url(url: str | os.PathLike[str]) -> Source:
    scheme = scheme_of(url)
    name = _BY_SCHEME.get(scheme)
    if name is None:
        raise InvalidArgValueError(
            f"connection {without_password(url)!r} has the scheme {scheme!r}, which is not one of {', '.join(sorted(_BY_SCHEME))}"
        )
    source: Source = _adapter(name).open_url(url)
    return source


class _CalledSource(Source):
    """A function of the program that returns a new connection, which the stream closes, or a pool."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._inner: Source | None = None

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        made = self._function()
        # Some drivers return a connection that can also be awaited.
        source = None if isinstance(made, Awaitable) else adapted(made)
        if source is None and isawaitable(made):
            made = await made
            source = adapted(made)
        if source is None and isinstance(made, str | os.PathLike):
            source = _from_url(made)
        if source is None:
            raise InvalidArgTypeError(f"connection must return a connection, and it returned {made!r}")
        if source.connection is None:
            self._inner = source
            return await source.acquire()
        self._inner = OpenedSource(source.acquire)
        session = await self._inner.acquire()
        session.opened()
        return session

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        assert self._inner is not None
        await self._inner.release(session, usable)
