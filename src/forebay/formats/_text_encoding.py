"""The encoding of text formats: decode in pieces, and tell how many bytes a text has."""

from __future__ import annotations

import codecs
from typing import Any

from forebay.errors import InvalidArgTypeError, UnknownEncodingError


class TextEncoding:
    """One encoding, by its name in Python.

    Raises:
        InvalidArgTypeError: The name is not a str.
        UnknownEncodingError: There is no such encoding of text.
    """

    def __init__(self, name: Any) -> None:
        if not isinstance(name, str):
            raise InvalidArgTypeError(f"encoding must be a str, got {name!r}")
        try:
            self.name = codecs.lookup(name).name
            #: The byte order mark that a text in this encoding begins with.
            self.bom = "".encode(self.name)
            if self.name == "utf-8-sig":
                # The reader drops a byte order mark anyway.
                self.name = "utf-8"
            #: Bytes of the byte order mark that the encoder writes, and the decoder drops.
            self.mark = len("".encode(self.name))
            self._plain = "a".encode(self.name) == b"a"
            self.decoder = codecs.getincrementaldecoder(self.name)("strict")
        except LookupError:
            raise UnknownEncodingError(f"unknown encoding {name!r}") from None

    def encode(self, text: str) -> bytes:
        """Return a text in this encoding, without a byte order mark."""
        data = text.encode(self.name)
        return data[self.mark :] if self.mark else data

    def size(self, text: str) -> int:
        """The number of bytes of a text, without a byte order mark."""
        if self._plain and text.isascii():
            return len(text)
        return len(text.encode(self.name)) - self.mark
