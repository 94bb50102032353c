"""The compressed body of a response, in a coding that the client accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebay.codecs import Compressor
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.http._messages.content_coding import format_of_coding
from forebay.http._server.content_encodings import accepted_encodings
from forebay.streams.joining.compose import compose_for_text

__all__ = ["compressed_body"]

_CODINGS = ("zstd", "br", "gzip", "deflate")
# Statuses whose responses have no body, or a part of one.
_UNFIT_STATUSES = (204, 205, 206, 304)
# Types that are compressed already, and events, which have to leave one by one.
_UNFIT_TYPES = ("image/", "audio/", "video/", "font/woff", "text/event-stream", "multipart/byteranges")
_FIT_TYPES = ("image/svg+xml", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon")
_PACKED_TYPES = frozenset(
    f"application/{name}"
    for name in (
        *(
            "gzip",
            "x-gzip",
            "zip",
            "zstd",
            "x-xz",
            "x-bzip2",
            "x-7z-compressed",
            "vnd.rar",
            "x-rar-compressed",
        ),
        *("x-compressed", "x-lz4", "pdf", "java-archive", "vnd.apache.parquet"),
    )
)


def compressed_body(response: Any, codings: Sequence[str] | None, level: int | None) -> Any:
    """Set the header fields, and return the stream that takes the body: the response, or a compressor in front of it."""
    offered = _checked(codings)
    # Ask first: these raise if the head was sent.
    accepts = response.request.headers.get("accept-encoding")
    if not _is_fit(response):
        return response
    _add_vary(response)
    if response.request.method == "HEAD":
        return response
    for coding in accepted_encodings(accepts, offered):
        found = format_of_coding(coding)
        if found is not None:
            compressor = Compressor(found, level, 1, response.writable_high_water_mark, None)
            _announce(response, coding)
            return compose_for_text(compressor, response)
    return response


def _checked(codings: object) -> Sequence[str]:
    if codings is None:
        return _CODINGS
    if isinstance(codings, str) or not isinstance(codings, Sequence):
        raise InvalidArgTypeError(f"codings must be a list of names, got {codings!r}")
    for coding in codings:
        if coding not in _CODINGS:
            raise InvalidArgValueError(f"a coding must be one of {', '.join(_CODINGS)}, got {coding!r}")
    return codings


def _is_fit(response: Any) -> bool:
    """Return whether a body of this response may be compressed and is worth it."""
    if response.status_code in _UNFIT_STATUSES or response.has_header("content-range"):
        return False
    coding = _field(response, "content-encoding")
    if coding and coding.lower() != "identity":
        return False
    if "no-transform" in _field(response, "cache-control").lower():
        return False
    kind = _field(response, "content-type").partition(";")[0].strip().lower()
    return kind.startswith(_FIT_TYPES) or not (kind.startswith(_UNFIT_TYPES) or kind in _PACKED_TYPES)


def _add_vary(response: Any) -> None:
    before = _field(response, "vary")
    names = {name.strip().lower() for name in before.split(",")}
    if not names & {"*", "accept-encoding"}:
        response.set_header("Vary", f"{before}, Accept-Encoding" if before else "Accept-Encoding")


def _announce(response: Any, coding: str) -> None:
    response.set_header("Content-Encoding", coding)
    # These are those of the body before it was compressed.
    response.remove_header("Content-Length")
    response.remove_header("Accept-Ranges")
    tag = _field(response, "etag")
    if tag and not tag.startswith("W/"):
        response.set_header("ETag", f"W/{tag}")


def _field(response: Any, name: str) -> str:
    value = response.get_header(name)
    return "" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
