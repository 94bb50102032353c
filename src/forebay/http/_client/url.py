"""The parts of a request's URL."""

from __future__ import annotations

import base64
from functools import lru_cache
from ipaddress import IPv6Address
from string import ascii_letters, digits
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, unquote_to_bytes, urljoin, urlsplit

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["Target", "check_authority", "parse_target", "same_origin"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Characters that a request's first line may contain; others are percent-encoded.
_SAFE = "!#$%&'()*+,/:;=?@[]~-._"

# Characters of the host in an authority, which may be an address.
_HOST = frozenset(ascii_letters + digits + "-._:%")
_NAME = frozenset(ascii_letters + digits + "-._~")
# Most programs request few different URLs.
_REMEMBERED = 256
# The longest name of the domain name system.
_LABEL_LENGTH = 63
_NAME_LENGTH = 253


class Target(NamedTuple):
    """The parts of a URL. ``url`` is without credentials and fragment; ``line`` is for the first line; ``host`` is for Host."""

    url: str
    secure: bool
    hostname: str
    port: int
    line: str
    host: str
    authorization: str | None


def parse_target(url: str, base: str | None = None) -> Target:
    """Parse ``url``, relative to ``base`` if there is one. Raise InvalidArgValueError if it is not an http or https URL.

    As in browsers, a backslash before the query counts as a slash.
    """
    if not isinstance(url, str):
        raise InvalidArgTypeError(f"url must be a str, got {url!r}")
    return _parsed(url, base)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(url: str, base: str | None) -> Target:
    if any(character in url for character in "\r\n\0\t"):
        raise InvalidArgValueError(f"url must not hold line breaks or other control characters, got {url!r}")
    try:
        place, mark, query = _resolved(url, base)
        parts = urlsplit(place)
        port = parts.port
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise InvalidArgValueError(f"url must begin with http:// or https:// and a host, got {url!r}")
        hostname, in_url, in_header = _host(parts)
        line = quote(parts.path or "/", safe=_SAFE.replace("?", "").replace("#", ""))
        line += mark + quote(query, safe=_SAFE.replace("#", ""))
        authorization = _authorization(parts)
    except InvalidArgValueError:
        raise
    except ValueError as error:
        raise InvalidArgValueError(f"url is not one, got {url!r}: {error}") from None
    default = _DEFAULT_PORTS[parts.scheme]
    behind = "" if port is None or port == default else f":{port}"
    return Target(
        f"{parts.scheme}://{in_url}{behind}{line}",
        parts.scheme == "https",
        hostname,
        default if port is None else port,
        line,
        in_header + behind,
        authorization,
    )


def _resolved(url: str, base: str | None) -> tuple[str, str, str]:
    """Return the absolute URL up to its query, the question mark if there is one, and the query; without the fragment."""
    place, mark, query = url.partition("#")[0].partition("?")
    place = place.replace("\\", "/")
    if base is None:
        return place, mark, query
    base_place, base_mark, base_query = base.partition("?")
    if not place and not mark:
        return base_place, base_mark, base_query
    if place.startswith("//"):
        place = "//" + place.lstrip("/")
    return urljoin(base_place, place), mark, query


def _host(parts: SplitResult) -> tuple[str, str, str]:
    """Return the host to connect to, in a URL and in a header. Raise ValueError if it is not a host."""
    hostname = parts.hostname or ""
    if "[" in parts.netloc:
        # The zone of an address, such as the interface, is local to this machine.
        address, percent, zone = hostname.partition("%")
        shown = f"[{IPv6Address(address).compressed}]"
        if not percent:
            return shown[1:-1], shown, shown
        zone = unquote(zone.removeprefix("25"))
        if not zone or not all(character in _NAME for character in zone):
            raise ValueError(f"{zone!r} is not a zone of an address")
        return f"{shown[1:-1]}%{zone}", f"{shown[:-1]}%25{zone}]", shown
    if "%" in hostname:
        hostname = unquote(hostname, errors="strict").lower()
    if not hostname.isascii():
        hostname = hostname.encode("idna").decode().lower()
    labels = hostname.removesuffix(".").split(".")
    if (
        not all(character in _NAME for character in hostname)
        or len(hostname) > _NAME_LENGTH
        or not all(0 < len(label) <= _LABEL_LENGTH for label in labels)
    ):
        raise ValueError(f"{hostname!r} cannot be the name of a host")
    return hostname, hostname, hostname


def _authorization(parts: SplitResult) -> str | None:
    """Return the header for the credentials of a URL."""
    if not parts.username and not parts.password:
        return None
    pair = unquote_to_bytes(parts.username or "") + b":" + unquote_to_bytes(parts.password or "")
    return "Basic " + base64.b64encode(pair).decode()


def check_authority(authority: str) -> None:
    """Raise InvalidArgValueError if ``authority`` is not ``host:port``."""
    if not isinstance(authority, str):
        raise InvalidArgTypeError(f"authority must be a str, got {authority!r}")
    host, colon, port = authority.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host.replace(":", " ")
    # Python reads no number of very many digits.
    known = colon and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    if not known or not host.isascii() or not all(character in _HOST for character in host) or not host:
        raise InvalidArgValueError(
            f"authority must be 'host:port', such as 'example.org:443', got {authority!r}"
        )


def same_origin(one: Target, other: Target) -> bool:
    """Return whether both URLs lead to the same server."""
    return (one.secure, one.hostname, one.port) == (other.secure, other.hostname, other.port)
