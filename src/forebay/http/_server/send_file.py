"""send_file(): a file as the answer to a request, with conditional requests and ranges."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

from forebay._core.scheduling.operation import Operation
from forebay._system.paths import StrPath
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import (
    HeadersSentError,
    IncompleteMessageError,
    InvalidArgTypeError,
    PrematureCloseError,
)
from forebay.fs import ReadStream, create_read_stream
from forebay.http._messages.dates import date_text, date_value
from forebay.http._messages.outgoing import Outgoing
from forebay.http._server.conditions import answer_to_conditions, range_holds
from forebay.http._server.open_file import SMALL_FILE, Folder, OpenFile, fault_status, open_file
from forebay.http._server.ranges import Multipart, Span, batches, wanted_spans
from forebay.streams.joining.pipeline import Pipeline, pipeline
from forebay.streams.readable import Readable
from forebay.throttle import throttle as make_throttle

__all__ = ["SendFile", "file_name", "send_file"]

_CHUNK = 64 * 1024
# Up to this size, one call in a worker reads the file; a response up to this size leaves at once.
_BATCH = 256 * 1024


def send_file(
    response: Outgoing,
    path: StrPath,
    *,
    root: StrPath | None = None,
    content_type: str | None = None,
    throttle: float | None = None,
) -> SendFile:
    """Answer with the file at ``path``. It starts at once.

    Sets Content-Type, Content-Length, ETag, Last-Modified and Accept-Ranges. Answers If-None-Match, If-Modified-Since,
    If-Match, If-Unmodified-Since, Range and If-Range (RFC 9110). Several ranges are answered as multipart/byteranges; more
    than 64 ranges, or overlapping ranges, get the whole file. An ETag and a Last-Modified that were set before are kept and
    compared with the conditions. With a status other than 2xx there are no conditions. The answer is 404 if there is no such
    file, including impossible names, and 403 if it may not be read.

    `ReadStream.pipe` sends the bytes of a large file, so the kernel moves them if it can.

    Args:
        response: The response.
        path: str, bytes or os.PathLike.
        root: Only files inside this folder are found, after following links. ``path`` is relative to it, even with a
            leading slash.
        content_type: The Content-Type. None is that of a header that was set, or that of the name.
        throttle: Bytes per second. None means no limit.

    Returns:
        An awaitable that is done when the socket has got everything. It raises OSError if the file cannot be opened or read
        to its end (the client gets 500, or the answer is cut off), and PrematureCloseError if the client has gone.

    Raises:
        HeadersSentError: The response has begun.
        InvalidArgTypeError: An argument has the wrong type.
    """
    name = file_name(path)
    base = None if root is None else file_name(root)
    sending = SendFile(response, content_type, throttle)
    sending._start(partial(open_file, name, base))
    return sending


def file_name(path: StrPath) -> str | bytes:
    """Return ``path`` as text or bytes, unchecked. Raise InvalidArgTypeError for another type."""
    if not isinstance(path, str | bytes | os.PathLike):
        raise InvalidArgTypeError(f"path must be a str, bytes or os.PathLike, got {path!r}")
    return os.fspath(path)


class SendFile(Operation[None]):
    """A file that is being sent. Awaiting it waits until the socket has got everything."""

    def __init__(
        self, response: Outgoing, content_type: str | None = None, throttle: float | None = None
    ) -> None:
        if not isinstance(response, Outgoing) or not hasattr(response, "request"):
            raise InvalidArgTypeError(f"send_file() needs a ServerResponse, got {response!r}")
        if response.headers_sent or response.writable_ended:
            raise HeadersSentError("send_file() on a response that has begun")
        super().__init__()
        self._response: Any = response
        self._content_type = content_type
        self._rate = throttle
        self._source: ReadStream | None = None
        self._executor = SerialExecutor(self._loop, _nothing)

    def _start(self, work: Callable[[], OpenFile | Folder]) -> None:
        # Close the descriptor even if no task waits for it any more.
        self._executor.submit(work, self._opened)

    def _opened(self, found: OpenFile | Folder | None, error: BaseException | None) -> None:
        if isinstance(found, OpenFile):
            found.read_by(self._executor)
        if self._response.destroyed:
            if isinstance(found, OpenFile):
                found.close()
            elif found is not None:
                os.close(found.fd)
            self._settle(_gone())
            return
        try:
            if isinstance(found, OpenFile):
                self._answer(found)
            elif found is not None:
                self._answer_folder(found)
            else:
                assert error is not None
                status = fault_status(error)
                if not status:
                    raise error
                self._refuse(status)
        except Exception as raised:
            self._fail(raised)

    def _answer_folder(self, folder: Folder) -> None:
        os.close(folder.fd)
        self._refuse(404)

    def _refuse(self, status: int) -> None:
        """Answer without the file."""
        self._say(status)
        self._settle(None)

    def _say(self, status: int) -> None:
        response = self._response
        for name in ("Content-Length", "Content-Encoding", "Content-Range", "ETag", "Last-Modified"):
            response.remove_header(name)
        response.status_code = status
        response.set_header("Content-Type", "text/plain")
        response.end(f"{status}\n".encode())

    def _fail(self, error: BaseException) -> None:
        """Report that the file cannot be sent: the await raises the error, and the client gets 500 or a truncated body."""
        response = self._response
        if not response.headers_sent and not response.destroyed:
            self._say(500)
        elif not response.writable_ended:
            response.destroy()
        self._settle(error)

    # ---- the response

    def _answer(self, file: OpenFile) -> None:
        response = self._response
        request = response.request
        keep = False
        try:
            etag, modified = self._set_validators(file)
            status = 0
            if 200 <= response.status_code < 300:
                status = answer_to_conditions(request.headers, request.method, etag, modified)
            if status:
                response.status_code = status
                response.remove_header("Content-Length")
                response.end()
                self._settle(None)
                return
            _set_default(response, "Content-Type", self._content_type or file.kind)
            response.remove_header("Transfer-Encoding")
            spans = None
            if request.method == "GET" and response.status_code == 200 and file.size >= 0:
                field = request.headers.get("range")
                if field is not None and range_holds(request.headers, etag, modified):
                    spans = wanted_spans(field, file.size)
            keep = self._send_spans(file, spans)
        finally:
            if not keep:
                file.close()

    def _set_validators(self, file: OpenFile) -> tuple[str | None, int | None]:
        """Set the headers that describe the file. Return the ETag and the modification time of the response."""
        response = self._response
        if file.encoding is not None:
            response.set_header("Content-Encoding", file.encoding)
        if file.etag is not None:
            _set_default(response, "ETag", file.etag)
        date = None if file.mtime is None else date_text(file.mtime)
        if date is not None:
            _set_default(response, "Last-Modified", date)
        if file.size >= 0:
            _set_default(response, "Accept-Ranges", "bytes")
        etag = response.get_header("ETag")
        shown = response.get_header("Last-Modified")
        if shown != date:
            modified = None if shown is None else date_value(str(shown))
        else:
            modified = None if file.mtime is None else int(file.mtime)
        return None if etag is None else str(etag).strip(), modified

    def _send_spans(self, file: OpenFile, spans: list[Span] | None) -> bool:
        """Send the spans, or the whole file; return whether the file is still in use."""
        response = self._response
        if spans is None:
            if file.size < 0:
                return self._send_to_end(file)
            return self._send(file, Span(0, file.size - 1))
        if not spans:
            response.status_code = 416
            response.set_header("Content-Range", f"bytes */{file.size}")
            response.remove_header("Content-Type")
            response.remove_header("Content-Encoding")
            response.end()
            self._settle(None)
            return False
        response.status_code = 206
        if len(spans) == 1:
            response.set_header("Content-Range", f"bytes {spans[0].first}-{spans[0].last}/{file.size}")
            return self._send(file, spans[0])
        body = Multipart(spans, file.size, str(response.get_header("Content-Type")))
        response.set_header("Content-Type", body.content_type)
        response.set_header("Content-Length", body.length)
        return self._send_pieces(file, body.pieces, body.length)

    def _send(self, file: OpenFile, span: Span) -> bool:
        """Send one span; return whether the file is still in use."""
        response = self._response
        length = span.last - span.first + 1
        response.set_header("Content-Length", length)
        if response.request.method == "HEAD" or length == 0:
            response.end()
            self._settle(None)
            return False
        if self._rate is None and file.data is None and length > SMALL_FILE:
            self._stream(file, span, length)
            return False
        return self._send_pieces(file, [span], length)

    def _send_pieces(self, file: OpenFile, pieces: Iterable[bytes | Span], length: int) -> bool:
        """Send a body joined from spans of the file; return whether the file is still in use."""
        if self._rate is None and file.data is not None:
            self._response.end(file.join(pieces), callback=self._settle)
            return False
        if self._rate is None and length <= _BATCH:
            file.read(list(pieces)).add_done_callback(partial(self._was_read, file))
        else:
            self._pour(file, _in_batches(file, pieces))
        return True

    def _was_read(self, file: OpenFile, reading: asyncio.Future[bytes]) -> None:
        """Send the whole body, which was read with the open."""
        file.close()
        if reading.cancelled():
            return
        error = reading.exception()
        if self._response.destroyed:
            self._settle(_gone())
        elif error is not None:
            self._fail(error)
        else:
            self._response.end(reading.result(), callback=self._settle)

    def _send_to_end(self, file: OpenFile) -> bool:
        """Send a file whose end only reads can find."""
        response = self._response
        response.remove_header("Content-Length")
        if response.request.method == "HEAD":
            response.end()
            self._settle(None)
            return False
        self._pour(file, _to_end(file))
        return True

    # ---- ways of sending

    def _pour(self, file: OpenFile, body: AsyncIterator[bytes]) -> None:
        """Send a body in the ordinary way, and close the file."""
        source = Readable.from_(body, object_mode=False)
        pace = [] if self._rate is None else [make_throttle(self._rate)]

        def poured(flow: Pipeline[Any]) -> None:
            file.close()
            self._settle(flow.exception())

        stages: list[Any] = [source, *pace, self._response]
        pipeline(stages).add_done_callback(poured)

    def _stream(self, file: OpenFile, span: Span, length: int) -> None:
        """Send a span by the direct path if possible. The descriptor is closed with its stream."""
        response = self._response
        socket = response._begin_direct(length)
        source = self._source = create_read_stream(
            None, fd=file.take_fd(), start=span.first, end=span.last, high_water_mark=_CHUNK
        )
        source._take_status(file.status)
        self._executor.end()
        source.on("error", self._failed)
        response.on("close", self._response_closed)
        source.on("end", partial(self._all_read, length))
        source.pipe(socket, end=False)

    def _all_read(self, length: int) -> None:
        source = self._source
        response = self._response
        if source is None or response.destroyed:
            return
        if source.bytes_read != length:
            self._failed(IncompleteMessageError("the file became shorter while it was sent"))
            return
        response._end_direct(length)
        response.once("finish", partial(self._settle, None))
        response.end()

    def _failed(self, error: BaseException) -> None:
        self._settle(error)
        self._response.destroy()

    def _response_closed(self) -> None:
        if self._source is not None:
            source, self._source = self._source, None
            source.destroy()
        self._settle(_gone())

    def _settle(self, error: BaseException | None, value: None = None) -> None:
        self._executor.end()
        super()._settle(error, value)


def _nothing() -> None:
    pass


async def _in_batches(file: OpenFile, pieces: Iterable[bytes | Span]) -> AsyncIterator[bytes]:
    for batch in batches(pieces, _BATCH):
        yield file.join(batch) if file.data is not None else await file.read(batch)


async def _to_end(file: OpenFile) -> AsyncIterator[bytes]:
    offset = 0
    while data := await file.read_on(offset, _CHUNK):
        yield data
        offset += len(data)


def _gone() -> BaseException:
    return PrematureCloseError("the client was gone before it had the whole file")


def _set_default(response: Outgoing, name: str, value: str) -> None:
    if not response.has_header(name):
        response.set_header(name, value)
