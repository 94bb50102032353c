"""Every exception that forebay raises, emits or hands to a callback.

Each class carries Node's code for the same condition in ``code``, so that a program that knows Node's streams can
compare codes, and derives from the Python exception that a Python programmer would catch.
"""

from __future__ import annotations

__all__ = [
    "AbortError",
    "AlreadyConnectedError",
    "AlreadyFinishedError",
    "CannotPipeError",
    "ContentLengthMismatchError",
    "HeadersSentError",
    "HttpError",
    "HttpProtocolError",
    "HttpTimeoutError",
    "IncompleteMessageError",
    "InvalidArgTypeError",
    "InvalidArgValueError",
    "InvalidHeaderError",
    "InvalidReturnValueError",
    "MissingArgsError",
    "MultipleCompletionError",
    "NoRunningLoopError",
    "NotConnectedError",
    "NotImplementedHookError",
    "NullChunkError",
    "OutOfRangeError",
    "PrematureCloseError",
    "PushAfterEofError",
    "ServerAlreadyListeningError",
    "StreamDestroyedError",
    "StreamError",
    "StreamOverflowError",
    "UnableToPipeError",
    "UnknownEncodingError",
    "UnshiftAfterEndError",
    "WriteAfterEndError",
    "WrongLoopError",
]


class StreamError(Exception):
    """Base of all stream errors; ``code`` is Node's name of the condition."""

    code = "ERR_STREAM"


class PrematureCloseError(StreamError):
    """A stream was closed before it had ended or finished."""

    code = "ERR_STREAM_PREMATURE_CLOSE"


class StreamDestroyedError(StreamError):
    """A call on a destroyed stream, or a queued write that destroy() dropped."""

    code = "ERR_STREAM_DESTROYED"


class StreamOverflowError(StreamError):
    """A chunk was refused, because a buffer with ``overflow="error"`` is full."""

    code = "ERR_INVALID_STATE"


class WriteAfterEndError(StreamError):
    """write() after end()."""

    code = "ERR_STREAM_WRITE_AFTER_END"


class AlreadyFinishedError(StreamError):
    """end() with a callback on a stream that has finished."""

    code = "ERR_STREAM_ALREADY_FINISHED"


class PushAfterEofError(StreamError):
    """push() after push(None)."""

    code = "ERR_STREAM_PUSH_AFTER_EOF"


class UnshiftAfterEndError(StreamError):
    """unshift() after the 'end' event."""

    code = "ERR_STREAM_UNSHIFT_AFTER_END_EVENT"


class MultipleCompletionError(StreamError):
    """A hook completed twice: its Completion was resolved or rejected again."""

    code = "ERR_MULTIPLE_CALLBACK"


class CannotPipeError(StreamError):
    """pipe() on a stream that cannot be read."""

    code = "ERR_STREAM_CANNOT_PIPE"


class UnableToPipeError(StreamError):
    """A pipeline into a stage that is already closed or destroyed."""

    code = "ERR_STREAM_UNABLE_TO_PIPE"


class AbortError(StreamError):
    """The operation was aborted: by an AbortSignal, by leaving an iteration early, or by aclose()."""

    code = "ABORT_ERR"

    def __init__(self, message: str = "The operation was aborted") -> None:
        super().__init__(message)


class NoRunningLoopError(StreamError, RuntimeError):
    """A stream was used where no event loop is running."""

    code = "ERR_NO_RUNNING_LOOP"


class WrongLoopError(StreamError, RuntimeError):
    """In debug mode: a stream was used from another thread, or from another event loop, than its own."""

    code = "ERR_WRONG_LOOP"


class AlreadyConnectedError(StreamError, RuntimeError):
    """connect() on a socket that was connected before."""

    code = "EISCONN"


class NotConnectedError(StreamError, RuntimeError):
    """A call that needs a connection, on a socket without one."""

    code = "ERR_SOCKET_CLOSED"


class ServerAlreadyListeningError(StreamError, RuntimeError):
    """listen() on a server that listens already."""

    code = "ERR_SERVER_ALREADY_LISTEN"


class NullChunkError(StreamError, TypeError):
    """None where a chunk is expected; None is the end-of-stream mark."""

    code = "ERR_STREAM_NULL_VALUES"


class InvalidArgTypeError(StreamError, TypeError):
    """An argument of the wrong type."""

    code = "ERR_INVALID_ARG_TYPE"


class InvalidArgValueError(StreamError, ValueError):
    """An argument of the right type with a value that cannot be used."""

    code = "ERR_INVALID_ARG_VALUE"


class OutOfRangeError(StreamError, ValueError):
    """A number outside its range."""

    code = "ERR_OUT_OF_RANGE"


class MissingArgsError(StreamError, TypeError):
    """Too few arguments."""

    code = "ERR_MISSING_ARGS"


class InvalidReturnValueError(StreamError, TypeError):
    """A function given to a stream returned something that cannot be used."""

    code = "ERR_INVALID_RETURN_VALUE"


class NotImplementedHookError(StreamError, NotImplementedError):
    """A stream was used without the hook that does the work (``_read``, ``_write``, ``_transform``)."""

    code = "ERR_METHOD_NOT_IMPLEMENTED"


class UnknownEncodingError(StreamError, LookupError):
    """An encoding that is not known."""

    code = "ERR_UNKNOWN_ENCODING"


class HttpError(StreamError):
    """Base of the errors of HTTP; ``status`` is what a server answers where it can still answer."""

    code = "ERR_HTTP"
    status = 500


class HttpProtocolError(HttpError, ValueError):
    """The peer sent what is no HTTP/1.1, or more than is allowed; ``status`` tells what it was."""

    code = "HPE_INVALID"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class IncompleteMessageError(HttpError, ConnectionError):
    """The connection was closed before a message was whole."""

    code = "ECONNRESET"
    status = 400


class HttpTimeoutError(HttpError, TimeoutError):
    """The peer took too long."""

    code = "ETIMEDOUT"
    status = 408


class HeadersSentError(HttpError, RuntimeError):
    """A header was to be changed when the headers had been sent already."""

    code = "ERR_HTTP_HEADERS_SENT"


class InvalidHeaderError(HttpError, ValueError):
    """A header, method, status or target that must not be sent, such as one with a line break in it."""

    code = "ERR_INVALID_CHAR"


class ContentLengthMismatchError(HttpError, ValueError):
    """More or less was written than the Content-Length announced."""

    code = "ERR_HTTP_CONTENT_LENGTH_MISMATCH"
