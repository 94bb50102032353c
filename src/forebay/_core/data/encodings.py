"""Text encodings: incremental decoders that keep an incomplete character until the rest of it arrives.

In addition to Python's codecs there are the two binary-to-text forms that Node counts as encodings: ``hex`` and
``base64``. Bytes that cannot be decoded become U+FFFD, as in Node: a stream of text does not end at a damaged byte.
"""

from __future__ import annotations

import binascii
import codecs
from typing import Protocol

from forebay.errors import UnknownEncodingError

# Node's spellings of encodings that have another name in Python.
_NAMES = {
    "utf-8": "utf8",
    "u8": "utf8",
    "utf_8": "utf8",
    "ucs2": "utf16le",
    "ucs-2": "utf16le",
    "utf-16le": "utf16le",
    "utf-16-le": "utf16le",
    "utf_16_le": "utf16le",
    "binary": "latin1",
    "latin-1": "latin1",
    "iso-8859-1": "latin1",
    "us-ascii": "ascii",
}
_CODECS = {"utf16le": "utf-16-le"}


class Decoder(Protocol):
    def decode(self, data: bytes, final: bool = False) -> str: ...


class _Base64Decoder:
    def __init__(self) -> None:
        self._rest = b""

    def decode(self, data: bytes, final: bool = False) -> str:
        data = self._rest + bytes(data)
        cut = len(data) if final else len(data) - len(data) % 3
        self._rest = data[cut:]
        return binascii.b2a_base64(data[:cut], newline=False).decode("ascii")


class _HexDecoder:
    def decode(self, data: bytes, final: bool = False) -> str:
        return bytes(data).hex()


def encoding_name(encoding: str) -> str:
    """Return the encoding's name for ``readable_encoding``: lower case, in Node's spelling if Node has one."""
    name = encoding.lower()
    return _NAMES.get(name, name)


def make_decoder(encoding: str) -> Decoder:
    """Return a new incremental decoder. Raises UnknownEncodingError."""
    name = encoding_name(check_encoding(encoding))
    if name == "base64":
        return _Base64Decoder()
    if name == "hex":
        return _HexDecoder()
    try:
        return codecs.getincrementaldecoder(_CODECS.get(name, name))("replace")
    except LookupError:
        raise _unknown(encoding) from None


def encode(text: str, encoding: str) -> bytes:
    """Return ``text`` as bytes. Raises UnknownEncodingError, or UnicodeEncodeError for unknown characters."""
    name = encoding_name(check_encoding(encoding))
    if name == "base64":
        return binascii.a2b_base64(text)
    if name == "hex":
        return bytes.fromhex(text)
    try:
        return text.encode(_CODECS.get(name, name))
    except LookupError:
        raise _unknown(encoding) from None


def check_encoding(encoding: object) -> str:
    """Return ``encoding`` if it is a ``str``. Raises UnknownEncodingError."""
    if isinstance(encoding, str):
        return encoding
    if callable(encoding):
        raise UnknownEncodingError(
            f"encoding is the function {encoding!r}; pass a callback by name: callback="
        )
    raise _unknown(encoding)


def _unknown(encoding: object) -> UnknownEncodingError:
    return UnknownEncodingError(
        f"unknown encoding {encoding!r}; use a name such as 'utf8', 'latin1' or 'utf16le'"
    )
