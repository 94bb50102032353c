"""Ranges of a file: the ranges of a request, and several ranges as one body (RFC 9110, 14)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Multipart", "Span", "batches", "wanted_spans"]

# Each part of the body has its own head: with many tiny ranges the response would be longer than the file.
_MOST_RANGES = 64


class Span(NamedTuple):
    """Bytes of a file, ``last`` inclusive."""

    first: int
    last: int


def wanted_spans(field: str, size: int) -> list[Span] | None:
    """Return the ranges of a Range header that a file of ``size`` bytes has; None for the whole file.

    The whole file is also the result for malformed headers, for more than 64 ranges, and for overlapping ranges.
    """
    unit, _, ranges = field.partition("=")
    texts = ranges.split(",")
    if unit.strip().lower() != "bytes" or len(texts) > _MOST_RANGES:
        return None
    spans = []
    asked = False
    for text in texts:
        if not text.strip():
            # A list may have empty elements.
            continue
        asked = True
        first, dash, last = (part.strip() for part in text.partition("-"))
        if not dash or not (first or last) or not _is_number(first) or not _is_number(last):
            return None
        if not first:
            begin, end = max(0, size - int(last)), size - 1
        else:
            begin, end = int(first), int(last) if last else size - 1
            if last and end < begin:
                return None
        if begin < size:
            spans.append(Span(begin, min(end, size - 1)))
    if not asked or any(before.last >= span.first for before, span in pairwise(sorted(spans))):
        return None
    return spans


def _is_number(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) < 20)


class Multipart:
    """A body of the type multipart/byteranges: ``spans`` of a file of ``size`` bytes with the type ``kind``."""

    def __init__(self, spans: list[Span], size: int, kind: str) -> None:
        boundary = os.urandom(16).hex()
        self.content_type = f"multipart/byteranges; boundary={boundary}"
        self._parts = [
            (
                f"--{boundary}\r\nContent-Type: {kind}\r\n"
                f"Content-Range: bytes {span.first}-{span.last}/{size}\r\n\r\n".encode("latin-1"),
                span,
            )
            for span in spans
        ]
        self._end = f"--{boundary}--\r\n".encode("latin-1")

    @property
    def length(self) -> int:
        """Return the bytes of the body."""
        parts = sum(len(head) + span.last - span.first + 1 + len(b"\r\n") for head, span in self._parts)
        return parts + len(self._end)

    @property
    def pieces(self) -> list[bytes | Span]:
        """Return the body, with the spans of the file in their places."""
        pieces: list[bytes | Span] = []
        for head, span in self._parts:
            pieces += [head, span, b"\r\n"]
        pieces.append(self._end)
        return pieces


def batches(pieces: Iterable[bytes | Span], size: int) -> Iterator[list[bytes | Span]]:
    """Return the pieces in groups of about ``size`` bytes; a longer span is cut."""
    batch: list[bytes | Span] = []
    have = 0
    for piece in pieces:
        if not isinstance(piece, Span):
            batch.append(piece)
            have += len(piece)
            continue
        first = piece.first
        while first <= piece.last:
            if have >= size:
                yield batch
                batch, have = [], 0
            last = min(piece.last, first + size - have - 1)
            batch.append(Span(first, last))
            have += last - first + 1
            first = last + 1
    if batch:
        yield batch
