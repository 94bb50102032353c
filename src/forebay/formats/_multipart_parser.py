"""The stage that `multipart.parse` returns, and the parts that it gives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from forebay._core.abort import AbortSignal
from forebay.errors import PrematureCloseError, StreamError
from forebay.formats._json_library import required
from forebay.streams.generics import Buffer
from forebay.streams.readable import Readable
from forebay.streams.transform import Transform

# Bytes that are parsed in one call; between two calls the stage waits for room.
_SLICE = 64 * 1024
_MOST_HEADERS = 100
# The library writes a line for each damaged form, which a peer may send any number of. The stream has the error.
_SILENT = logging.Logger("forebay.formats.multipart", logging.CRITICAL + 1)

#: Makes the error for a message and the status that a server answers with.
Fail = Callable[[str, int], StreamError]


def library() -> Any:
    """The module python_multipart. Raises ImportError that says what to install."""
    try:
        return required("python_multipart", "multipart")
    except ImportError as error:
        raise ImportError(
            "forebay.formats.multipart needs python-multipart; pip install 'forebay[multipart]'",
            name="python_multipart",
        ) from error


class Part(Readable[bytes]):
    """One part of a form: a field or a file. The stream is its content.

    ``name`` is the name of the field. ``filename`` is the name of the file at the client, or None for a plain field; a client may
    send any text there, so never use it as a path. ``headers`` has the header fields by their names in lower case.
    """

    def __init__(
        self, parser: MultipartParser, name: str, filename: str | None, headers: dict[str, str]
    ) -> None:
        self.name = name
        self.filename = filename
        self.headers = headers
        self._parser: MultipartParser | None = parser
        self._received = 0
        super().__init__()
        # The parser reports the error, and a reader of the part gets it too.
        self.on("error", _handled)

    @property
    def content_type(self) -> str:
        """The type of the content, ``"text/plain"`` if the client has sent none."""
        return self.headers.get("content-type", "text/plain")

    def _read(self, size: int) -> None:
        if self._parser is not None:
            self._parser._part_has_room()

    def _destroy(self, error: BaseException | None) -> None:
        parser, self._parser = self._parser, None
        if parser is not None:
            parser._part_has_room()

    def _is_unread(self) -> bool:
        """Return whether there is more to read, and no reader that does it."""
        return not (
            self.destroyed
            or self.readable_ended
            or self.readable_flowing is not None
            or self.listener_count("readable")
        )


class MultipartParser(Transform[Buffer, Part]):
    """The stream that `parse` returns: a Transform from bytes to parts."""

    def __init__(
        self,
        boundary: bytes,
        *,
        max_parts: int,
        header_limit: int,
        field_limit: int | None,
        file_limit: int | None,
        truncated: Fail,
        fail: Fail,
        signal: AbortSignal | None,
    ) -> None:
        self._library = library()
        self._fail, self._truncated = fail, truncated
        self._max_parts = max_parts
        self._header_limit = header_limit
        self._field_limit, self._file_limit = field_limit, file_limit
        # What a call of the library has found.
        self._found: list[Any] = []
        self._name = b""
        self._value = b""
        self._headers: dict[str, str] = {}
        self._header_size = 0
        self._count = 0
        self._part: Part | None = None
        self._begun = False
        self._complete = False
        self._room: asyncio.Future[None] | None = None
        try:
            self._parser = self._library.MultipartParser(
                boundary, self._callbacks(), max_header_count=_MOST_HEADERS, max_header_size=header_limit
            )
        except self._library.exceptions.FormParserError as error:
            raise fail(f"the boundary is wrong: {error}", 400) from error
        self._parser.logger = _SILENT
        super().__init__(readable_object_mode=True, readable_high_water_mark=1, signal=signal)

    # ---- what the library calls

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": lambda: self._found.append(self._headers),
            "on_part_data": lambda data, start, end: self._found.append(data[start:end]),
            "on_part_end": lambda: self._found.append(None),
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._name = self._value = b""
        self._header_size = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_size += size
        if self._header_size > self._header_limit:
            raise self._fail(f"the headers of a part have more than {self._header_limit:,} bytes", 431)

    def _on_header_end(self) -> None:
        name = self._name.decode("latin-1").lower()
        if name in self._headers and name == "content-disposition":
            raise self._fail("a part has two Content-Disposition headers", 400)
        self._headers[name] = self._value.decode("utf-8", "replace").strip()
        self._name = self._value = b""

    def _on_end(self) -> None:
        self._complete = True

    # ---- the stage

    async def _transform(self, chunk: Any) -> AsyncIterator[Part]:
        data = memoryview(chunk)
        for at in range(0, len(data), _SLICE):
            failure = self._parse(bytes(data[at : at + _SLICE]))
            found, self._found = self._found, []
            for each in found:
                if isinstance(each, dict):
                    self._part = self._part_of(each)
                    yield self._part
                elif each is not None:
                    await self._deliver(each)
                elif self._part is not None:
                    part, self._part = self._part, None
                    part._parser = None
                    if not part.destroyed:
                        part.push(None)
            if failure is not None:
                raise failure

    def _parse(self, data: bytes) -> StreamError | None:
        """Parse a slice. What comes before an error is found all the same."""
        if not self._begun:
            # The library skips what follows a line end here, as far as it is in the same piece.
            data = data.lstrip(b"\r\n")
            if not data:
                return None
            self._begun = True
            if not data.startswith(b"-"):
                return self._fail("the form is damaged: it does not begin with its boundary", 400)
        try:
            self._parser.write(data)
        except self._library.exceptions.FormParserError as error:
            failure = self._fail(f"the form is damaged: {error}", 400)
            failure.__cause__ = error
            return failure
        except StreamError as error:
            return error
        return None

    def _part_of(self, headers: dict[str, str]) -> Part:
        self._count += 1
        if self._count > self._max_parts:
            raise self._fail(f"the form has more than {self._max_parts:,} parts", 413)
        kind, options = self._library.multipart.parse_options_header(
            headers.get("content-disposition", "").encode("utf-8", "replace").decode("latin-1")
        )
        name = options.get(b"name")
        if kind.strip() != b"form-data" or name is None:
            raise self._fail(f"part {self._count} has no name", 400)
        filename = options.get(b"filename")
        return Part(
            self,
            name.decode("utf-8", "replace"),
            None if filename is None else filename.decode("utf-8", "replace"),
            headers,
        )

    async def _deliver(self, data: bytes) -> None:
        part = self._part
        if part is None or part.destroyed:
            return
        part._received += len(data)
        limit = self._field_limit if part.filename is None else self._file_limit
        if limit is not None and part._received > limit:
            raise self._fail(f"the part {part.name!r:.80} has more than {limit:,} bytes", 413)
        if not part.push(data) and not part.destroyed and not self.destroyed:
            self._room = asyncio.get_running_loop().create_future()
            try:
                await self._room
            finally:
                self._room = None

    def _part_has_room(self) -> None:
        room = self._room
        if room is not None and not room.done():
            room.set_result(None)

    def _flush(self) -> None:
        if not self._complete:
            raise self._truncated("the form ends before its last boundary", 400)

    def _destroy(self, error: BaseException | None) -> None:
        part, self._part = self._part, None
        if part is not None and not part.destroyed:
            # Its reader must not take a beginning for the whole.
            reason = error if isinstance(error, Exception) else None
            part.destroy(reason or PrematureCloseError("the form was given up before the part had ended"))
        self._part_has_room()

    def __aiter__(self) -> PartIterator:  # type: ignore[override]
        return PartIterator(super().__aiter__())


class PartIterator:
    """The async iterator over the parts. A part that the loop leaves unread is skipped when the loop asks for the next one."""

    def __init__(self, parts: Any) -> None:
        self._parts = parts
        self._last: Part | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        last, self._last = self._last, None
        if last is not None and last._is_unread():
            last.destroy()
        part: Part = await anext(self._parts)
        self._last = part
        return part

    async def aclose(self) -> None:
        """Leave the iteration. The parser and the part that is not complete are destroyed."""
        await self._parts.aclose()


def _handled(error: Any) -> None:
    """The parser reports it."""
