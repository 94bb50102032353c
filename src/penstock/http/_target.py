"""The URL of a request, taken apart."""

from __future__ import annotations

import base64
from string import ascii_letters, digits
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from penstock.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["Target", "check_authority", "parse_target", "same_origin"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
# What a request's first line may hold as it is; the rest is percent-encoded.
_SAFE = "!#$%&'()*+,/:;=?@[]~-._"

# Of a host's name or address.
_HOST = frozenset(ascii_letters + digits + "-._:%")


class Target(NamedTuple):
    """``url``: without credentials and fragment. ``line``: for the first line. ``host``: for the Host header."""

    url: str
    secure: bool
    hostname: str
    port: int
    line: str
    host: str
    authorization: str | None


def parse_target(url: str, base: str | None = None) -> Target:
    """``url``, relative to ``base`` where that is given. Raises InvalidArgValueError for what is no http(s) URL."""
    if not isinstance(url, str):
        raise InvalidArgTypeError(f"url must be a str, got {url!r}")
    if any(character in url for character in "\r\n\0\t"):
        raise InvalidArgValueError(f"url must not hold line breaks or other control characters, got {url!r}")
    try:
        parts = urlsplit(urljoin(base, url) if base else url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgValueError(f"url is not one, got {url!r}: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InvalidArgValueError(f"url must begin with http:// or https:// and a host, got {url!r}")
    hostname = parts.hostname
    if not hostname.isascii():
        hostname = hostname.encode("idna").decode()
    shown = f"[{hostname}]" if ":" in hostname else hostname
    if any(character in hostname for character in ' \x7f<>"{}|\\^`'):
        raise InvalidArgValueError(f"url has no usable host, got {url!r}")
    port = port if port is not None else _DEFAULT_PORTS[parts.scheme]
    host = shown if port == _DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    line = quote(parts.path or "/", safe=_SAFE.replace("?", "").replace("#", ""))
    if parts.query:
        line += "?" + quote(parts.query, safe=_SAFE.replace("#", ""))
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Target(
        f"{parts.scheme}://{host}{line}",
        parts.scheme == "https",
        hostname,
        port,
        line,
        host,
        authorization,
    )


def check_authority(authority: str) -> None:
    """Raises InvalidArgValueError for what is not ``host:port``."""
    if not isinstance(authority, str):
        raise InvalidArgTypeError(f"authority must be a str, got {authority!r}")
    host, colon, port = authority.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host.replace(":", " ")
    known = colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not known or not host.isascii() or not all(character in _HOST for character in host) or not host:
        raise InvalidArgValueError(
            f"authority must be 'host:port', such as 'example.org:443', got {authority!r}"
        )


def same_origin(one: Target, other: Target) -> bool:
    """Whether both lead to the same server."""
    return (one.secure, one.hostname, one.port) == (other.secure, other.hostname, other.port)
