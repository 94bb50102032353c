"""send_file(): a file as the answer to a request, with what caches and resumed downloads ask for."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from typing import NamedTuple

from penstock._flow.handle import Handle
from penstock.errors import HeadersSentError, IncompleteMessageError, InvalidArgTypeError
from penstock.fs import ReadStream, create_read_stream
from penstock.fs._options import StrPath, check_path
from penstock.http._ranges import Multipart, Span, wanted_spans
from penstock.http._server_response import ServerResponse
from penstock.pipeline import Pipeline, pipeline
from penstock.readable import Readable
from penstock.throttle import throttle as make_throttle

__all__ = ["SendFile", "inside", "send_file"]

# A file up to this size is read by the call that opens it.
_SMALL_FILE = 64 * 1024
_CHUNK = 64 * 1024


class _Opened(NamedTuple):
    """``fd`` is -1 where ``data`` has the whole file, or where there is nothing to read."""

    fd: int
    size: int
    mtime: float
    etag: str
    kind: str
    data: bytes | None


def send_file(
    response: ServerResponse,
    path: StrPath,
    *,
    root: StrPath | None = None,
    content_type: str | None = None,
    throttle: float | None = None,
) -> SendFile:
    """Answer with the file at ``path``. It starts at once; awaited, it is done when all was handed to the socket.

    Sets Content-Type (from the name, where neither ``content_type`` nor a header says another), Content-Length, ETag,
    Last-Modified and Accept-Ranges; answers If-None-Match, If-Modified-Since, If-Match, If-Unmodified-Since, Range
    (several as multipart/byteranges; more than 64, and such that overlap, by the whole file) and If-Range. Where there
    is no such file the answer is 404, and 403 where it may not be read. ``root``: only what lies in this directory,
    links followed, is there; ``path`` is relative to it, a leading slash notwithstanding. ``throttle``: bytes per second.

    The bytes of a large file go by `ReadStream.pipe` to the socket: inside the kernel, where that can be. The await
    raises OSError where the file cannot be read to its end, and PrematureCloseError where the client has gone. Raises
    HeadersSentError on a response that has begun, InvalidArgTypeError for wrong arguments.
    """
    if not isinstance(response, ServerResponse):
        raise InvalidArgTypeError(f"send_file() needs a ServerResponse, got {response!r}")
    if response.headers_sent or response.writable_ended:
        raise HeadersSentError("send_file() on a response that has begun")
    name = check_path(path)
    sending = SendFile(response, name, content_type, throttle)
    sending._start(None if root is None else check_path(root))
    return sending


class SendFile(Handle[None]):
    """A file that is being sent; awaitable."""

    def __init__(
        self, response: ServerResponse, path: str | bytes, content_type: str | None, throttle: float | None
    ) -> None:
        super().__init__()
        self._response = response
        self._path = path
        self._content_type = content_type
        self._rate = throttle
        self._source: ReadStream | None = None

    def _start(self, root: str | bytes | None) -> None:
        # The descriptor finds its way back even where nobody waits for it any more.
        opening = self._loop.run_in_executor(None, _open, self._path, root)
        opening.add_done_callback(self._opened)

    def _opened(self, opening: asyncio.Future[_Opened]) -> None:
        if opening.cancelled():
            return
        error = opening.exception()
        response = self._response
        try:
            if error is None:
                file = opening.result()
                if response.destroyed:
                    _close(file)
                    self._settle(_gone())
                else:
                    self._answer(file)
            elif response.destroyed:
                self._settle(_gone())
            elif isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | ValueError):
                self._refuse(404)
            elif isinstance(error, PermissionError):
                self._refuse(403)
            else:
                response.destroy(error)
                self._settle(error)
        except Exception as raised:
            response.destroy(raised)
            self._settle(raised)

    def _refuse(self, status: int) -> None:
        response = self._response
        response.status_code = status
        response.set_header("Content-Type", "text/plain")
        response.end(f"{status}\n".encode())
        self._settle(None)

    def _answer(self, file: _Opened) -> None:
        response = self._response
        request = response.request
        done = False
        try:
            _set_default(response, "ETag", file.etag)
            _set_default(response, "Last-Modified", formatdate(file.mtime, usegmt=True))
            _set_default(response, "Accept-Ranges", "bytes")
            status = _precondition(request.headers, request.method, file)
            if status:
                response.status_code = status
                response.end()
                self._settle(None)
                return
            _set_default(response, "Content-Type", self._content_type or file.kind)
            spans = None
            if request.method == "GET" and response.status_code == 200:
                spans = _wanted_spans(request.headers, file)
            if spans is None:
                done = self._send(file, Span(0, file.size - 1))
            elif not spans:
                response.status_code = 416
                response.set_header("Content-Range", f"bytes */{file.size}")
                response.remove_header("Content-Type")
                response.end()
                self._settle(None)
            elif len(spans) == 1:
                response.status_code = 206
                response.set_header("Content-Range", f"bytes {spans[0].first}-{spans[0].last}/{file.size}")
                done = self._send(file, spans[0])
            else:
                response.status_code = 206
                self._send_parts(file, spans)
                done = True
        finally:
            if not done:
                _close(file)

    def _send(self, file: _Opened, span: Span) -> bool:
        """Send one span; whether the file is left open for it."""
        response = self._response
        length = span.last - span.first + 1
        response.set_header("Content-Length", length)
        if response.request.method == "HEAD" or length == 0:
            response.end()
            self._settle(None)
        elif self._rate is not None:
            self._pour(file, self._read(file, span))
            return True
        elif file.data is not None:
            response.end(file.data[span.first : span.last + 1], callback=self._ended)
        else:
            self._stream(file, span, length)
            return True
        return False

    def _ended(self, error: BaseException | None) -> None:
        self._settle(error)

    def _send_parts(self, file: _Opened, spans: list[Span]) -> None:
        """Send several spans, and close the file."""
        response = self._response
        body = Multipart(spans, file.size, str(response.get_header("Content-Type")))
        response.set_header("Content-Type", body.content_type)
        response.set_header("Content-Length", body.length)
        self._pour(file, body.chunks(partial(self._read, file)))

    def _pour(self, file: _Opened, body: AsyncIterator[bytes]) -> None:
        """Send what is read in the ordinary way, and close the file."""
        source = Readable.from_(body, object_mode=False)
        pace = [] if self._rate is None else [make_throttle(self._rate)]

        def poured(flow: Pipeline) -> None:
            _close(file)
            self._settle(flow.exception())

        pipeline(source, *pace, self._response).add_done_callback(poured)

    async def _read(self, file: _Opened, span: Span) -> AsyncGenerator[bytes, None]:
        if file.data is not None:
            yield file.data[span.first : span.last + 1]
            return
        # By a descriptor of its own, which may still be read from when the answer is given up.
        own = os.dup(file.fd)
        async with create_read_stream(self._path, fd=own, start=span.first, end=span.last) as source:
            async for chunk in source:
                yield chunk
            self._check_whole(source, span.last - span.first + 1)

    def _stream(self, file: _Opened, span: Span, length: int) -> None:
        """Send a span by the direct path, where that can be; the file is closed with its stream."""
        response = self._response
        source = self._source = create_read_stream(
            self._path, fd=file.fd, start=span.first, end=span.last, high_water_mark=_CHUNK
        )
        source.on("error", self._failed)
        response.on("close", self._response_closed)
        source.on("end", partial(self._all_read, length))
        socket = response._begin_past(length)
        source.pipe(socket, end=False)

    def _all_read(self, length: int) -> None:
        source = self._source
        response = self._response
        if source is None or response.destroyed:
            return
        try:
            self._check_whole(source, length)
        except IncompleteMessageError as error:
            self._failed(error)
            return
        response._end_past(length)
        response.once("finish", partial(self._settle, None))
        response.end()

    def _check_whole(self, source: ReadStream, length: int) -> None:
        if source.bytes_read != length:
            raise IncompleteMessageError(f"{self._path!r} became shorter while it was sent")

    def _failed(self, error: BaseException) -> None:
        self._settle(error)
        self._response.destroy()

    def _response_closed(self) -> None:
        if self._source is not None:
            source, self._source = self._source, None
            source.destroy()
        self._settle(_gone())


def _gone() -> BaseException:
    from penstock.errors import PrematureCloseError

    return PrematureCloseError("the client was gone before it had the whole file")


# ---- in a worker


def _open(path: str | bytes, root: str | bytes | None) -> _Opened:
    # The system's table of types is read from the disk, too, when it is first asked.
    kind = content_type_of(path)
    if root is not None:
        path = inside(path, root)
    # Not to wait for a writer, where it is a FIFO.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise IsADirectoryError(path)
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        if status.st_size > _SMALL_FILE:
            opened = _Opened(fd, status.st_size, status.st_mtime, etag, kind, None)
            fd = -1
            return opened
        data = os.read(fd, _SMALL_FILE + 1)
        return _Opened(-1, len(data), status.st_mtime, etag, kind, data)
    finally:
        if fd >= 0:
            os.close(fd)


def inside(path: str | bytes, root: str | bytes) -> str:
    """``path`` in ``root``. Raises FileNotFoundError where it leads out of it."""
    base = os.path.realpath(os.fsdecode(root))
    whole = os.path.realpath(os.path.join(base, os.fsdecode(path).lstrip("/" + os.sep)))
    if whole != base and not whole.startswith(base.rstrip(os.sep) + os.sep):
        raise FileNotFoundError(path)
    return whole


def _close(file: _Opened) -> None:
    if file.fd >= 0:
        os.close(file.fd)


# ---- what the request asks for


def content_type_of(path: str | bytes) -> str:
    """The media type that the name of a file tells; of text, with its charset."""
    kind, encoding = mimetypes.guess_type(os.fsdecode(path))
    if encoding is not None:
        # As a browser is to store it, not to unpack it.
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    if kind is None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _set_default(response: ServerResponse, name: str, value: str) -> None:
    if not response.has_header(name):
        response.set_header(name, value)


def _precondition(headers: Mapping[str, str], method: str, file: _Opened) -> int:
    """304 or 412 where the client's conditions say so (RFC 9110, 13.2.2), else 0."""
    if "if-match" in headers:
        if not _names(headers["if-match"], file.etag, weak=False):
            return 412
    elif "if-unmodified-since" in headers:
        since = _seconds(headers["if-unmodified-since"])
        if since is not None and int(file.mtime) > since:
            return 412
    fetches = method in ("GET", "HEAD")
    if "if-none-match" in headers:
        if _names(headers["if-none-match"], file.etag, weak=True):
            return 304 if fetches else 412
    elif fetches and "if-modified-since" in headers:
        since = _seconds(headers["if-modified-since"])
        if since is not None and int(file.mtime) <= since:
            return 304
    return 0


def _names(field: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags has this one."""
    if field.strip() == "*":
        return True
    tags = [tag.strip() for tag in field.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return etag in tags


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _wanted_spans(headers: Mapping[str, str], file: _Opened) -> list[Span] | None:
    """The ranges that are asked for; None for the whole file, empty where the file has none of them."""
    field = headers.get("range")
    if field is None:
        return None
    condition = headers.get("if-range")
    if condition is not None:
        since = None if condition.startswith(('"', "W/")) else _seconds(condition)
        if condition != file.etag and (since is None or int(file.mtime) != since):
            return None
    return wanted_spans(field, file.size)
