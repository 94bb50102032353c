"""multipart/form-data, the format of uploads: `parse` and `read` give the parts of a form, and `encode` makes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, overload

from forebay._core.abort import AbortSignal
from forebay.errors import (
    HttpProtocolError,
    InvalidArgTypeError,
    OutOfRangeError,
    RecordError,
    TruncatedDataError,
)
from forebay.formats._multipart_body import File, MultipartBody
from forebay.formats._multipart_parser import Fail, MultipartParser, Part, PartIterator, library
from forebay.streams.joining.pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from typing import TypeAlias

    from forebay.streams.generics import Buffer, Readable

    Source: TypeAlias = Buffer | Readable[bytes] | Iterable[Buffer] | AsyncIterable[Buffer]
    Value: TypeAlias = str | bytes | File

__all__ = [
    "File",
    "MultipartBody",
    "MultipartParser",
    "Part",
    "PartIterator",
    "encode",
    "file",
    "parse",
    "read",
]


def parse(
    content_type: str,
    *,
    max_parts: int = 1000,
    header_limit: int = 16 * 1024,
    field_limit: int | None = 1 << 20,
    file_limit: int | None = None,
    signal: AbortSignal | None = None,
) -> MultipartParser:
    """Make a Transform from the bytes of a form to its parts. Needs python-multipart.

    Each part is a Readable. The parts come one after the other: the content of a part that is larger than its buffer has to be
    read, or the part destroyed, before the next part comes. An ``async for`` loop over the stream skips a part that its body has
    left unread. A form that is damaged, that ends too early or that exceeds a limit fails the stream, and the part that is not
    complete fails with the same error.

    Args:
        content_type: The header ``Content-Type`` of the form, which has the boundary.
        max_parts: The most parts.
        header_limit: The most bytes that the headers of one part have.
        field_limit: The most bytes of a part without a file name. None is no limit.
        file_limit: The most bytes of a part with a file name. None is no limit.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: An argument has the wrong type, or a limit is less than 1.
        RecordError: The content type is not multipart/form-data, or has no boundary.
        ImportError: python-multipart is not installed.
    """
    return _parser(
        content_type,
        fail=lambda message, status: RecordError(message),
        truncated=lambda message, status: TruncatedDataError(message),
        max_parts=max_parts,
        header_limit=header_limit,
        field_limit=field_limit,
        file_limit=file_limit,
        signal=signal,
    )


def read(
    request: Any,
    *,
    max_parts: int = 1000,
    header_limit: int = 16 * 1024,
    field_limit: int | None = 1 << 20,
    file_limit: int | None = None,
    signal: AbortSignal | None = None,
) -> MultipartParser:
    """Return the parts of the form that a request brings: ``async for part in multipart.read(request)``.

    Everything is as for `parse`, but errors are HttpProtocolErrors. If the handler of a request does not catch one, the server
    answers with its status: 400 for a damaged form, 413 and 431 for one that is too large, 415 for another content type.

    Args:
        request: A `forebay.http.ServerRequest`, or another Readable that has the header ``content-type`` in its ``headers``.
        max_parts, header_limit, field_limit, file_limit, signal: As for `parse`.

    Returns:
        The stream of the parts. Destroying it destroys the request.

    Raises:
        HttpProtocolError: The content type is not multipart/form-data, or has no boundary.
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
        ImportError: python-multipart is not installed.
    """
    headers = getattr(request, "headers", None)
    if headers is None or not hasattr(request, "pipe"):
        raise InvalidArgTypeError(f"request must be a stream with headers, got {request!r:.80}")

    def fail(message: str, status: int) -> HttpProtocolError:
        error = HttpProtocolError(message, status)
        if hasattr(request, "_coding_error"):
            # The server answers with the status of this error.
            request._coding_error = error
        return error

    parser = _parser(
        headers.get("content-type", ""),
        fail=fail,
        truncated=fail,
        max_parts=max_parts,
        header_limit=header_limit,
        field_limit=field_limit,
        file_limit=file_limit,
        signal=signal,
    )
    # The reader of the parts gets the errors.
    pipeline(request, parser).mark_handled()
    return parser


def _parser(
    content_type: Any,
    *,
    fail: Fail,
    truncated: Fail,
    max_parts: int,
    header_limit: int,
    field_limit: int | None,
    file_limit: int | None,
    signal: AbortSignal | None,
) -> MultipartParser:
    if not isinstance(content_type, str):
        raise InvalidArgTypeError(f"content_type must be a str, got {content_type!r:.80}")
    _check_limits(
        max_parts=max_parts, header_limit=header_limit, field_limit=field_limit, file_limit=file_limit
    )
    return MultipartParser(
        _boundary(content_type, fail),
        max_parts=max_parts,
        header_limit=header_limit,
        field_limit=field_limit,
        file_limit=file_limit,
        truncated=truncated,
        fail=fail,
        signal=signal,
    )


def _boundary(content_type: str, fail: Fail) -> bytes:
    try:
        kind, options = library().multipart.parse_options_header(content_type)
    except UnicodeError:
        kind, options = b"", {}
    if kind.strip() != b"multipart/form-data":
        raise fail(f"the content type must be multipart/form-data, and it is {content_type!r:.80}", 415)
    boundary: bytes = options.get(b"boundary", b"")
    if not boundary:
        raise fail(f"the content type has no boundary: {content_type!r:.80}", 400)
    return boundary


def _check_limits(**limits: Any) -> None:
    for name, value in limits.items():
        if value is None and name in ("field_limit", "file_limit"):
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidArgTypeError(f"{name} must be an int, got {value!r:.80}")
        if value < 1:
            raise OutOfRangeError(f"{name} must be at least 1, got {value}")


@overload
def encode(fields: Mapping[str, Value], *, boundary: str | None = None) -> MultipartBody: ...
@overload
def encode(fields: Iterable[tuple[str, Value]], *, boundary: str | None = None) -> MultipartBody: ...
def encode(
    fields: Mapping[str, Value] | Iterable[tuple[str, Value]], *, boundary: str | None = None
) -> MultipartBody:
    """Make the body of a form: a Readable, with the ``content_type`` that has to be sent with it.

    Args:
        fields: The fields by name, or pairs of a name and a value. A value is ``str``, which is sent as UTF-8, bytes, or a
            `file`.
        boundary: The text between the parts. None is a random one.

    Returns:
        The stream. It reads its files one after the other, and destroys those that it has not read if it is destroyed.

    Raises:
        InvalidArgTypeError: A name or a value has the wrong type.
        InvalidArgValueError: The boundary has other characters than are allowed.
    """
    return MultipartBody(fields, boundary)


def file(
    source: Source,
    filename: str,
    *,
    content_type: str = "application/octet-stream",
    size: int | None = None,
) -> File:
    """Make a file of a form.

    Args:
        source: The content: bytes, a Readable, or an iterable or async iterable of bytes.
        filename: The name that the server gets.
        content_type: The type of the content.
        size: The number of bytes of a stream, if it is known. With the sizes of all files the body has a ``content_length``.

    Returns:
        The value of a field, for `encode`.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: The content type has a line end in it.
    """
    return File(source, filename, content_type, size)
