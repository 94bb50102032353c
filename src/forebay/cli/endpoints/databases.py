"""Databases as the ends of a copy: ``postgresql://USER@HOST/NAME?table=TABLE``, ``sqlite:FILE?table=TABLE`` and others."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from forebay.cli.output.failure import Failure, in_one_line
from forebay.errors import InvalidArgValueError
from forebay.sql._table_names import Table, parse_table
from forebay.sql._urls import SECRETS, database_path, scheme_of, without_password

__all__ = ["DatabaseSource", "DatabaseTarget"]

_KINDS = {"postgres": "postgres", "postgresql": "postgres", "mariadb": "mysql", "mysql": "mysql"}
_IN_A_FILE = ("sqlite", "duckdb")
_IN_MEMORY = ("", ":memory:")
_HIDDEN = "***"


class _Database:
    """The common part of both ends.

    ``name`` is the URL for messages. ``url`` is the URL without the table. ``kind`` is "postgres", "mysql", "sqlite" or
    "duckdb".
    """

    is_terminal = False
    status: os.stat_result | None = None

    def __init__(self, text: str) -> None:
        self.name = without_password(text)
        _check_password(text, self.name)
        scheme = scheme_of(text).partition("+")[0]
        self.kind = _KINDS.get(scheme, scheme)
        self.url, self.table_name = _taken_apart(text, self.name)
        self.table: Table | None = None
        if self.table_name is not None:
            try:
                self.table = parse_table("table", self.table_name)
            except InvalidArgValueError as error:
                raise Failure(f"{self.name}: {error}", 2) from None
        self._secrets = _secrets_of(text)
        if self.kind in _IN_A_FILE:
            self._check_file()

    def _check_file(self) -> None:
        """Raise Failure unless the file is there: the database would make an empty one."""
        if "?" in self.url:
            raise Failure(f"{self.name}: a {self.kind} URL has the parameter 'table' only", 2)
        try:
            path = database_path(self.url)
            if path not in _IN_MEMORY:
                os.stat(path)
        except InvalidArgValueError as error:
            raise Failure(str(error), 2) from None
        except (OSError, ValueError) as error:
            raise Failure(f"{self.name}: {getattr(error, 'strerror', None) or error}") from None

    def redacted(self, text: str) -> str:
        """Return a message without the passwords of this end."""
        for pattern in self._secrets:
            text = pattern.sub(_HIDDEN, text)
        return text

    def is_same_table(self, other: _Database) -> bool:
        return (self.url, self.table) == (other.url, other.table)

    def hint(self, error: BaseException) -> str:
        """Return advice for an error."""
        return ""


class DatabaseSource(_Database):
    """A table, or the query ``query``, as the source of rows."""

    is_stdin = False
    total: int | None = None
    permissions = 0o666

    def __init__(self, text: str, query: str | None) -> None:
        super().__init__(text)
        if (query is None) == (self.table is None):
            how = "give one of both" if query is not None else "give ?table=NAME, or --query"
            raise Failure(f"{self.name}: a table or a query is needed; {how}", 2)
        #: The statement, if it is not a table.
        self.query = None if query is None else _statement(query)

    @property
    def statement(self) -> str:
        """The query, or that for the whole table."""
        if self.query is not None:
            return self.query
        assert self.table is not None
        return f"SELECT * FROM {self.table.sql('`' if self.kind == 'mysql' else chr(34))}"


class DatabaseTarget(_Database):
    """A table as the target of rows."""

    is_stdout = False
    takes_our_output = False
    atomic = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        if self.table is None:
            raise Failure(f"{self.name}: give the table: ?table=NAME", 2)
        assert self.table_name is not None
        self.into = self.table_name


def _statement(query: str) -> str:
    """Return the statement, which may be in a file: ``@FILE``."""
    if query.startswith("@"):
        try:
            with open(query[1:], encoding="utf-8") as file:
                query = file.read()
        except OSError as error:
            raise Failure(in_one_line(error, query[1:])) from None
        except UnicodeDecodeError as error:
            raise Failure(f"{query[1:]}: not in UTF-8: {error.reason}") from None
    if not query.strip().rstrip(";"):
        raise Failure("the query is empty", 2)
    return query


def _taken_apart(text: str, name: str) -> tuple[str, str | None]:
    """Return the URL without its parameter ``table``, and the table."""
    url, mark, query = text.partition("?")
    tables: list[str] = []
    rest: list[str] = []
    for part in query.split("&") if mark else ():
        key, _, value = part.partition("=")
        if key == "table":
            tables.append(unquote(value.replace("+", " ")))
        elif part:
            rest.append(part)
    if len(tables) > 1:
        raise Failure(f"{name}: the table is given twice", 2)
    return url + (f"?{'&'.join(rest)}" if rest else ""), tables[0] if tables else None


def _secrets_of(text: str) -> list[re.Pattern[str]]:
    """Return what must not be in a message: each password of the URL, as it is written there and as it is meant."""
    place = text.partition("//")[2]
    users = (part.rpartition("@")[0] for part in (place, re.split(r"[/?#]", place)[0]))
    secrets = {user.partition(":")[2] for user in users}
    for part in text.partition("?")[2].split("&"):
        key, _, value = part.partition("=")
        if unquote(key).lower() in SECRETS:
            secrets.add(value)
    secrets |= {unquote(secret) for secret in secrets}
    return [
        # Whole words: a password of one letter is in every message.
        re.compile(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])")
        for secret in sorted(secrets, key=len, reverse=True)
        if secret
    ]


def _check_password(text: str, name: str) -> None:
    """Raise Failure if a password would be taken for a part of the address."""
    place, at, _ = text.partition("//")[2].rpartition("@")
    if at and ":" in place and re.search(r"[/?#]", place) and "@" not in re.split(r"[/?#]", place)[0]:
        raise Failure(f"{name}: write / as %2F, ? as %3F and # as %23 in the password", 2)
