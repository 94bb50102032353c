"""Content-Encoding: which codings there are, and the body of a message without them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from forebay.codecs import Decompressor
from forebay.codecs._arguments import check_limits
from forebay.codecs._decoder import Decoder
from forebay.codecs._detection import find_format
from forebay.codecs._format import Format
from forebay.errors import DamagedDataError, ExpansionLimitError, HttpProtocolError, TruncatedDataError
from forebay.streams.joining.compose import compose

__all__ = ["acceptable_codings", "decoded_body", "decoders", "format_of_coding"]

# The codings of HTTP (RFC 9110, 8.4.1) and the formats that they are.
_FORMATS = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "br": "brotli", "zstd": "zstd"}
# Codings of one body, at most: an honest peer uses one, or two.
_MOST_CODINGS = 3
# Bytes of the largest window of zstd in HTTP (RFC 9659).
_WINDOW = 8 * 1024 * 1024


def format_of_coding(coding: str) -> Format | None:
    """Return the format of a coding; None if it is unknown or its library is not installed."""
    name = _FORMATS.get(coding)
    if name is None:
        return None
    found = find_format(name)
    try:
        found.load()
    except ImportError:
        return None
    return found


@cache
def acceptable_codings() -> str:
    """Return the Accept-Encoding of a client that decodes what it can."""
    return ", ".join(coding for coding in ("gzip", "deflate", "br", "zstd") if format_of_coding(coding))


def codings_of(message: Any) -> list[str]:
    """Return the codings of a body, in the order in which they were applied."""
    values = message.headers.get_all("content-encoding")
    names = [name.strip().lower() for value in values for name in value.split(",")]
    return [name for name in names if name and name != "identity"]


def decoders(message: Any, limit: int | None, max_ratio: float | None) -> list[Decompressor]:
    """Return the stages that decode the body of ``message``; none if it has no coding.

    Raises:
        HttpProtocolError: A coding is unknown or its library is missing, or there are too many.
    """
    codings = codings_of(message)
    if len(codings) > _MOST_CODINGS:
        raise _noted(message, f"the body has {len(codings)} codings, more than {_MOST_CODINGS}", 415)
    stages = []
    for coding in reversed(codings):
        found = format_of_coding(coding)
        if found is None:
            hint = ""
            if coding in _FORMATS:
                hint = f"; pip install 'forebay[{_FORMATS[coding]}]'"
            raise _noted(
                message, f"the body has the Content-Encoding {coding!r}, which cannot be decoded{hint}", 415
            )
        decoder = _BodyDecoder(found, limit, max_ratio, _WINDOW)
        decoder.message = message
        stages.append(Decompressor(decoder, message.readable_high_water_mark, None))
    return stages


def decoded_body(message: Any, limit: int | None, max_ratio: float | None) -> Any:
    """Return the body of ``message`` without its codings: the message itself if it has none."""
    check_limits(limit, max_ratio, _WINDOW)
    stages: list[Any] = decoders(message, limit, max_ratio)
    return compose(message, *stages) if stages else message


class _BodyDecoder(Decoder):
    """A decoder whose errors are those of the peer that sent ``message``."""

    message: Any

    def step(self, chunks: Iterable[Any], room: int) -> tuple[bytes, bool]:
        try:
            return super().step(chunks, room)
        except (DamagedDataError, ExpansionLimitError) as error:
            raise self._failure(error) from error

    def end(self) -> None:
        if self.is_untouched:
            # No body at all, as in the answer to HEAD, or of a peer that does not encode nothing.
            return
        try:
            super().end()
        except (DamagedDataError, TruncatedDataError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> HttpProtocolError:
        if isinstance(error, ExpansionLimitError):
            return _noted(self.message, f"the body is too large: {error}", 413)
        return _noted(self.message, f"the body is not what its Content-Encoding says: {error}", 400)


def _noted(message: Any, text: str, status: int) -> HttpProtocolError:
    """Return the error, which the message keeps: a server answers with its status. The first one stays."""
    if message._coding_error is None:
        message._coding_error = HttpProtocolError(text, status)
    error: HttpProtocolError = message._coding_error
    return error
