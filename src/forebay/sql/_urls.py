"""URLs of databases."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from forebay.errors import InvalidArgValueError

__all__ = ["SECRETS", "check_exists", "database_path", "scheme_of", "without_password"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
#: Parameters of a URL whose values are secrets.
SECRETS = {"password", "passwd", "pwd", "sslpassword", "token", "secret"}
_HIDDEN = "***"
_PARAMETER = re.compile(r"([?&])([^=&#]*)=([^&#]*)")
_DUCKDB_SUFFIXES = (".duckdb", ".ddb")


def scheme_of(url: str | os.PathLike[str]) -> str:
    """Return the scheme of a URL in lower case. A path is that of a file of SQLite, or of DuckDB by its suffix."""
    text = os.fspath(url)
    match = _SCHEME.match(text)
    # One letter is a drive of Windows.
    if isinstance(url, str) and match is not None and len(match[1]) > 1:
        return match[1].lower()
    return "duckdb" if text.endswith(_DUCKDB_SUFFIXES) else "sqlite"


def database_path(url: str | os.PathLike[str]) -> str:
    """Return the path of ``sqlite:data.db``, ``sqlite:///data.db``, ``sqlite:////srv/data.db`` or of a plain path.

    Raises:
        InvalidArgValueError: The URL names a host.
    """
    text = os.fspath(url)
    match = _SCHEME.match(text)
    if not isinstance(url, str) or match is None or len(match[1]) == 1:
        return text
    rest = text[match.end() :]
    if not rest.startswith("//"):
        return unquote(rest)
    host, _, path = rest[2:].partition("/")
    if host:
        raise InvalidArgValueError(
            f"{text!r} names a host; write {match[1]}:PATH, {match[1]}:///RELATIVE or {match[1]}:////ABSOLUTE"
        )
    return unquote(path)


def check_exists(path: str) -> None:
    """Reject a path without a database: a driver would make an empty one, and then miss the table.

    Raises:
        OSError: There is no such file.
    """
    if path not in ("", ":memory:"):
        os.stat(path)


def without_password(url: str | os.PathLike[str]) -> str:
    """Return a URL as it may be shown: without passwords, also if one has characters that it may not have in a URL."""
    text = os.fspath(url)
    match = _SCHEME.match(text)
    if match is None:
        return text
    rest = text[match.end() :]
    if rest.startswith("//"):
        user, at, host = rest.rpartition("@")
        name, colon, _ = user.partition(":")
        if colon:
            rest = f"{name}:{_HIDDEN}{at}{host}"
    return match[0] + _PARAMETER.sub(_hidden, rest)


def _hidden(parameter: re.Match[str]) -> str:
    mark, name, _ = parameter.groups()
    return f"{mark}{name}={_HIDDEN}" if unquote(name).lower() in SECRETS else parameter[0]
