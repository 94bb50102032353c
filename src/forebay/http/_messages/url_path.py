"""The path of a request's target: without its authority, decoded, and encoded again for a redirect."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

__all__ = ["decoded_path", "folder_location", "raw_path", "raw_query"]

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*").match
# Characters that a query may contain; others, such as raw UTF-8, are percent-encoded.
_SAFE_IN_QUERY = "!#$%&'()*+,/:;=?@[]~-._"


def raw_path(url: str) -> str:
    """Return the path of a target in any form, as it was sent."""
    origin = _ORIGIN(url)
    path = url[origin.end() :] if origin else url
    path = path.partition("#")[0].partition("?")[0]
    return path or ("/" if origin else "")


def raw_query(url: str) -> str:
    """Return the part behind the question mark, as it was sent."""
    return url.partition("#")[0].partition("?")[2]


def decoded_path(url: str) -> bytes:
    """Return the path of a target, percent-decoded."""
    return unquote_to_bytes(raw_path(url).encode("latin-1"))


def folder_location(url: str) -> str:
    """Return the URL of the folder at a target: its path on this host with a slash behind it, and the query.

    Dots are resolved and every name is quoted, so that no browser takes it for another host.
    """
    names: list[bytes] = []
    for part in decoded_path(url).split(b"/"):
        if part == b"..":
            del names[-1:]
        elif part not in (b"", b"."):
            names.append(part)
    path = "".join(f"/{quote(name, safe='')}" for name in names)
    query = raw_query(url)
    return f"{path}/" + (f"?{quote(query.encode('latin-1'), safe=_SAFE_IN_QUERY)}" if query else "")
