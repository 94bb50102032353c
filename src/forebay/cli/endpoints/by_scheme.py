"""The two ends of a copy by their names: a path, a URL, a table, or ``-`` for standard input and output.

Each end is checked before anything is opened, so that a wrong one is an error before anything has happened.
"""

from __future__ import annotations

import re
from typing import Any

from forebay.cli.endpoints.files import Source, Target

__all__ = ["is_database", "source_of", "target_of"]

_HTTP = ("http://", "https://")
_NETWORK = ("tcp://", "tcp-listen://", "unix://")
# Every other URL is that of an object of a store.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DATABASE = re.compile(r"(?:postgres|postgresql|mysql|mariadb|sqlite|duckdb)(?:\+\w+)?:", re.IGNORECASE)


def is_database(text: str) -> bool:
    """Whether ``text`` is the URL of a database."""
    return _DATABASE.match(text) is not None


def source_of(text: str, query: str | None = None) -> Any:
    """Return the source that ``text`` names: a `Source` or a replacement. Raises Failure.

    Args:
        text: The name.
        query: The statement to run, for a database.
    """
    if is_database(text):
        from forebay.cli.endpoints.databases import DatabaseSource

        return DatabaseSource(text, query)
    if text.startswith(_HTTP):
        from forebay.cli.endpoints.urls import HttpSource

        return HttpSource(text)
    if text.startswith(_NETWORK):
        from forebay.cli.endpoints.sockets import NetworkSource

        return NetworkSource(text)
    if _URL.match(text):
        from forebay.cli.endpoints.objects import ObjectSource

        return ObjectSource(text)
    return Source(text)


def target_of(text: str, atomic: bool) -> Any:
    """Return the target that ``text`` names: a `Target` or a replacement. Raises Failure."""
    if is_database(text):
        from forebay.cli.endpoints.databases import DatabaseTarget

        return DatabaseTarget(text)
    if text.startswith(_HTTP):
        from forebay.cli.endpoints.urls import HttpTarget

        return HttpTarget(text)
    if text.startswith(_NETWORK):
        from forebay.cli.endpoints.sockets import NetworkTarget

        return NetworkTarget(text)
    if _URL.match(text):
        from forebay.cli.endpoints.objects import ObjectTarget

        return ObjectTarget(text)
    return Target(text, atomic)
