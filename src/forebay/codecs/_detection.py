"""Which format data is in: by its first bytes, or by the extension of a file name."""

from __future__ import annotations

import os

from forebay.codecs._brotli import BROTLI
from forebay.codecs._bz2_xz import BZ2, XZ
from forebay.codecs._deflate import DEFLATE, GZIP, RAW_DEFLATE
from forebay.codecs._format import Format
from forebay.codecs._lz4 import LZ4
from forebay.codecs._zstd import ZSTD
from forebay.errors import DamagedDataError, InvalidArgTypeError, InvalidArgValueError

__all__ = ["Detector", "find_format", "format_of"]

_FORMATS = (GZIP, ZSTD, XZ, BZ2, LZ4, BROTLI, DEFLATE, RAW_DEFLATE)
_BY_NAME = {format.name: format for format in _FORMATS}
_BY_EXTENSION = {extension: format for format in _FORMATS for extension in format.extensions}
# The first bytes by which each format is known. Those of zlib's are of its usual window.
_SIGNS = [(magic, format) for format in _FORMATS for magic in format.magics]
_SIGNS += [(bytes((0x78, check)), DEFLATE) for check in (0x01, 0x5E, 0x9C, 0xDA)]
# A frame of zstd or lz4 that decoders skip: the second to the fourth byte of its magic number, and the bytes of its head.
_SKIPPED = b"\x2a\x4d\x18"
_SKIPPED_HEAD = 8


def format_of(path: str | os.PathLike[str]) -> str | None:
    """Return the name of the compressed format that the extension of a file name stands for, or None.

    Args:
        path: A path, a file name or an extension, such as ``"data.csv.zst"`` or ``".gz"``.

    Returns:
        A name that `compress` and `decompress` take.

    Raises:
        InvalidArgTypeError: The path is not a str or a PathLike of one.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise InvalidArgTypeError(f"path must be a str or an os.PathLike of str, got {path!r}")
    found = _by_extension(text)
    return None if found is None else found.name


def find_format(name: object) -> Format:
    """Return the format with this name, or for this file name. Raises InvalidArgTypeError, InvalidArgValueError."""
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else name
    if not isinstance(text, str):
        raise InvalidArgTypeError(f"format must be a name, an extension or a file name, got {name!r}")
    found = _BY_NAME.get(text) or _by_extension(text)
    if found is None:
        raise InvalidArgValueError(
            f"format must be one of {', '.join(_BY_NAME)}, or a file name with one of the extensions"
            f" {', '.join(_BY_EXTENSION)}; got {text!r}"
        )
    return found


def _by_extension(text: str) -> Format | None:
    name = os.path.basename(text)
    return _BY_EXTENSION.get("." + name.rpartition(".")[2].lower()) if "." in name else None


class Detector:
    """Finds the format of data by its first bytes, behind frames that decoders skip."""

    def __init__(self) -> None:
        # Bytes of the present frame that are still to be skipped.
        self._skip = 0

    def look(self, data: bytes) -> tuple[int, Format | None]:
        """Return how many bytes of ``data`` are to be skipped, and the format, or None if more bytes are needed.

        Raises:
            DamagedDataError: The data is in no format that is known.
        """
        at = 0
        while True:
            step = min(self._skip, len(data) - at)
            at += step
            self._skip -= step
            head = data[at : at + 16]
            if head[1:4] == _SKIPPED and head[0] >> 4 == 5:
                if len(head) < _SKIPPED_HEAD:
                    return at, None
                self._skip = _SKIPPED_HEAD + int.from_bytes(head[4:8], "little")
                continue
            for sign, format in _SIGNS:
                if head.startswith(sign):
                    return at, format
            if any(sign.startswith(head) for sign, _ in _SIGNS) or (
                len(head) < 4 and _SKIPPED.startswith(head[1:]) and head[0] >> 4 == 5
            ):
                return at, None
            raise self.failure(head)

    def failure(self, head: bytes) -> DamagedDataError:
        """Return the error for data that begins with ``head``."""
        return DamagedDataError(
            f"the format of the data is not known: it begins with {head[:8].hex(' ')}", position=0
        )
