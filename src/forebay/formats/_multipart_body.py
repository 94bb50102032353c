"""The stream that `multipart.encode` returns."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from forebay._core.usage_errors import checked_source
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.streams.readable import Readable

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
# As browsers write them.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class File:
    """A file of a form: see `forebay.formats.multipart.file`.

    ``content`` is bytes or a Readable, ``filename`` and ``content_type`` are what the server gets, and ``size`` is the number of
    bytes, or None.
    """

    content: Any
    filename: str
    content_type: str
    size: int | None

    def __init__(self, source: Any, filename: Any, content_type: Any, size: Any) -> None:
        for name, value in (("filename", filename), ("content_type", content_type)):
            if not isinstance(value, str):
                raise InvalidArgTypeError(f"{name} must be a str, got {value!r:.80}")
        if "\r" in content_type or "\n" in content_type:
            raise InvalidArgValueError(f"content_type must be one line, got {content_type!r:.80}")
        if size is not None and (isinstance(size, bool) or not isinstance(size, int)):
            raise InvalidArgTypeError(f"size must be a number of bytes or None, got {size!r:.80}")
        if isinstance(source, bytes | bytearray | memoryview):
            self.content = bytes(source)
            size = len(self.content)
        elif isinstance(source, Readable):
            self.content = source
        else:
            self.content = Readable.from_(checked_source(source), object_mode=False)
        self.filename = filename
        self.content_type = content_type
        self.size = size


class MultipartBody(Readable[bytes]):
    """The body of a form, to be sent by an HTTP client.

    ``content_type`` is the header ``Content-Type`` that has to go with it. ``content_length`` is the number of bytes, or None if
    the size of a file is unknown.
    """

    def __init__(self, fields: Any, boundary: str | None) -> None:
        if boundary is None:
            boundary = f"forebay-{secrets.token_hex(16)}"
        elif not isinstance(boundary, str) or not _BOUNDARY.fullmatch(boundary):
            raise InvalidArgValueError(
                f"boundary must be 1 to 70 letters, digits or '()+_,-./:=?, got {boundary!r:.90}"
            )
        #: The header ``Content-Type``.
        self.content_type = f'multipart/form-data; boundary="{boundary}"'
        #: The bytes of the body, or None.
        self.content_length: int | None = 0
        self._pieces: deque[Any] = deque()
        self._current: Any = None
        self._chunks: Any = None
        for name, value in _pairs(fields):
            self._add(boundary, name, value)
        self._piece(f"--{boundary}--\r\n".encode())
        super().__init__()

    def _add(self, boundary: str, name: Any, value: Any) -> None:
        if not isinstance(name, str):
            raise InvalidArgTypeError(f"the name of a field must be a str, got {name!r:.80}")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_ESCAPES)}"'
        if isinstance(value, File):
            filename = value.filename.translate(_ESCAPES)
            head += f'; filename="{filename}"\r\nContent-Type: {value.content_type}'
            content, size = value.content, value.size
        elif isinstance(value, str | bytes):
            content = value.encode() if isinstance(value, str) else value
            size = len(content)
        else:
            raise InvalidArgTypeError(
                f"the field {name!r:.80} must be a str, bytes or a multipart.file(), got {value!r:.80}"
            )
        self._piece(f"{head}\r\n\r\n".encode())
        self._pieces.append(content)
        if size is None or self.content_length is None:
            self.content_length = None
        else:
            self.content_length += size
        self._piece(b"\r\n")

    def _piece(self, data: bytes) -> None:
        self._pieces.append(data)
        if self.content_length is not None:
            self.content_length += len(data)

    async def _read(self, size: int) -> None:
        more = True
        while more:
            if self._chunks is not None:
                chunk = await anext(self._chunks, None)
                if chunk is not None:
                    more = self.push(chunk)
                    continue
                self._chunks = self._current = None
            if not self._pieces:
                self.push(None)
                return
            piece = self._pieces.popleft()
            if isinstance(piece, bytes):
                more = self.push(piece) if piece else True
            else:
                self._current, self._chunks = piece, aiter(piece)

    def _destroy(self, error: BaseException | None) -> None:
        for piece in [self._current, *self._pieces]:
            if isinstance(piece, Readable) and not piece.destroyed:
                piece.destroy()
        self._pieces.clear()


def _pairs(fields: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(fields, Mapping):
        return fields.items()
    if isinstance(fields, str | bytes) or not isinstance(fields, Iterable):
        raise InvalidArgTypeError(f"fields must be a dict or pairs of a name and a value, got {fields!r:.80}")
    pairs = [tuple(each) if isinstance(each, tuple | list) else (each,) for each in fields]
    for each in pairs:
        if len(each) != 2:
            raise InvalidArgTypeError(f"a field must be a pair of a name and a value, got {each!r:.80}")
    return pairs
