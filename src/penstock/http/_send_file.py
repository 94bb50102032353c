"""send_file(): a file as the answer to a request, with what caches and resumed downloads ask for."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple

from penstock._flow.handle import Handle
from penstock.errors import HeadersSentError, IncompleteMessageError, InvalidArgTypeError
from penstock.fs import ReadStream, create_read_stream
from penstock.fs._options import StrPath, check_path
from penstock.http._server_response import ServerResponse
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
    data: bytes | None


class Span(NamedTuple):
    """Bytes of a file, ``last`` inclusive."""

    first: int
    last: int


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
    (one range; several are answered by the whole file) and If-Range. Where there is no such file the answer is 404, and
    403 where it may not be read. ``root``: only what lies in this directory, links followed, is there; ``path`` is
    relative to it, a leading slash notwithstanding. ``throttle``: bytes per second.

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
            _set_default(response, "Content-Type", self._content_type or content_type_of(self._path))
            span = None
            if request.method == "GET" and response.status_code == 200:
                span = _wanted_span(request.headers, file)
            if span == ():
                response.status_code = 416
                response.set_header("Content-Range", f"bytes */{file.size}")
                response.remove_header("Content-Type")
                response.end()
                self._settle(None)
                return
            if isinstance(span, Span):
                response.status_code = 206
                response.set_header("Content-Range", f"bytes {span.first}-{span.last}/{file.size}")
            else:
                span = Span(0, file.size - 1)
            length = span.last - span.first + 1
            response.set_header("Content-Length", length)
            if request.method == "HEAD" or length == 0:
                response.end()
                self._settle(None)
            elif file.data is not None and self._rate is None:
                response.end(file.data[span.first : span.last + 1], callback=self._ended)
            else:
                done = file.data is None
                self._stream(file, span, length)
        finally:
            if not done:
                _close(file)

    def _ended(self, error: BaseException | None) -> None:
        self._settle(error)

    def _stream(self, file: _Opened, span: Span, length: int) -> None:
        response = self._response
        # A small file was closed when it was read; it is opened again by its name.
        where: dict[str, Any] = {"fd": file.fd} if file.fd >= 0 else {}
        source = self._source = create_read_stream(
            self._path, start=span.first, end=span.last, high_water_mark=_CHUNK, **where
        )
        source.on("error", self._failed)
        response.on("close", self._response_closed)
        if self._rate is not None:
            source.pipe(make_throttle(self._rate)).pipe(response)
            response.once("finish", partial(self._settle, None))
            return
        source.on("end", partial(self._all_read, length))
        socket = response._begin_past(length)
        source.pipe(socket, end=False)

    def _all_read(self, length: int) -> None:
        source = self._source
        response = self._response
        if source is None or response.destroyed:
            return
        if source.bytes_read != length:
            self._failed(IncompleteMessageError(f"{self._path!r} became shorter while it was sent"))
            return
        response._end_past(length)
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


def _gone() -> BaseException:
    from penstock.errors import PrematureCloseError

    return PrematureCloseError("the client was gone before it had the whole file")


# ---- in a worker


def _open(path: str | bytes, root: str | bytes | None) -> _Opened:
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
            opened = _Opened(fd, status.st_size, status.st_mtime, etag, None)
            fd = -1
            return opened
        data = os.read(fd, _SMALL_FILE + 1)
        return _Opened(-1, len(data), status.st_mtime, etag, data)
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


def _wanted_span(headers: Mapping[str, str], file: _Opened) -> Span | tuple[()] | None:
    """The range that is asked for; None for the whole file, empty where nothing of the file is in it."""
    field = headers.get("range")
    if field is None:
        return None
    condition = headers.get("if-range")
    if condition is not None:
        since = None if condition.startswith(('"', "W/")) else _seconds(condition)
        if condition != file.etag and (since is None or int(file.mtime) != since):
            return None
    unit, _, ranges = field.partition("=")
    first, dash, last = ranges.strip().partition("-")
    first, last = first.strip(), last.strip()
    if unit.strip().lower() != "bytes" or not dash or not all(_is_number(text) for text in (first, last)):
        return None
    if first:
        begin, end = int(first), int(last) if last else file.size - 1
        if end < begin and last:
            return None
    elif last:
        begin, end = max(0, file.size - int(last)), file.size - 1
        if int(last) == 0:
            return ()
    else:
        return None
    if begin >= file.size:
        return ()
    return Span(begin, min(end, file.size - 1))


def _is_number(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) < 20)
