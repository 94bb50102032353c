"""Redirects: the next URL, and the fields that are sent there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_from_bytes

from forebay.errors import HttpProtocolError
from forebay.http._client.url import Target, parse_target, same_origin
from forebay.http._messages.incoming import ClientResponse

__all__ = ["REDIRECTS", "becomes_get", "fields_for", "location_of", "next_target"]

REDIRECTS = (301, 302, 303, 307, 308)

# Fields that are sent to the same origin only.
_PRIVATE = frozenset(("authorization", "cookie", "proxy-authorization", "host"))
# Fields that describe a body; a request that became a GET has none.
_OF_BODY = frozenset(("transfer-encoding", "expect", "trailer"))


def location_of(response: ClientResponse) -> str | None:
    """Return the Location of ``response`` as text, or None. Raises HttpProtocolError if there are several.

    Bytes outside ASCII are decoded as UTF-8, as in browsers; bytes that are not UTF-8 are percent-encoded.
    """
    places = set(response.headers.get_all("location"))
    if not places:
        return None
    if len(places) > 1:
        raise HttpProtocolError(f"{response.url} redirects to several places: {sorted(places)!r}", 502)
    data = places.pop().encode("latin-1")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else quote_from_bytes(bytes([byte])) for byte in data)


def next_target(target: Target, location: str) -> Target:
    """Return the target of ``location`` relative to ``target``, whose credentials apply to all of its origin."""
    found = parse_target(location, target.url)
    if found.authorization is None and same_origin(target, found):
        found = found._replace(authorization=target.authorization)
    return found


def becomes_get(status: int, method: str) -> bool:
    """Return whether the request continues as a GET without its body."""
    if method in ("GET", "HEAD"):
        return False
    return status == 303 or (status in (301, 302) and method == "POST")


def fields_for(fields: Iterable[Any], *, without_body: bool, elsewhere: bool) -> list[Any]:
    """Return the header fields to send again: without those of a dropped body, and without private ones to another origin."""
    kept = []
    for field in fields:
        name = field[0].lower()
        if without_body and (name in _OF_BODY or name.startswith("content-")):
            continue
        if elsewhere and name in _PRIVATE:
            continue
        kept.append(field)
    return kept
