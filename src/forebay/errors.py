"""The exceptions that forebay raises, emits or passes to callbacks. `forebay.codecs` has two more, for compressed data.

Each class has Node's code of the same condition in ``code``, so that programs can compare codes. Each class also derives
from the Python exception that a Python program would catch.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence

__all__ = [
    "AbortError",
    "AlreadyConnectedError",
    "AlreadyFinishedError",
    "CannotPipeError",
    "ConnectionBusyError",
    "ContentLengthMismatchError",
    "DamagedDataError",
    "DeadlockError",
    "ExpansionLimitError",
    "HeadersSentError",
    "HttpError",
    "HttpProtocolError",
    "HttpTimeoutError",
    "IncompleteMessageError",
    "InvalidArgTypeError",
    "InvalidArgValueError",
    "InvalidHeaderError",
    "InvalidReturnValueError",
    "InvalidStateError",
    "MissingArgsError",
    "MultipleCompletionError",
    "NoRunningLoopError",
    "NotConnectedError",
    "NotImplementedHookError",
    "NullChunkError",
    "ObjectChangedError",
    "OutOfRangeError",
    "PrematureCloseError",
    "ProcessError",
    "PushAfterEofError",
    "RecordError",
    "ServerAlreadyListeningError",
    "StreamDestroyedError",
    "StreamError",
    "StreamOverflowError",
    "StreamTimeoutError",
    "TruncatedDataError",
    "UnableToPipeError",
    "UnknownEncodingError",
    "UnshiftAfterEndError",
    "WebSocketClosedError",
    "WriteAfterEndError",
    "WrongLoopError",
]


# The longest part of a message that comes from outside.
_MOST_CHARACTERS = 300


class StreamError(Exception):
    """Base of all stream errors. ``code`` is Node's name of the condition."""

    code = "ERR_STREAM"

    def __init__(self, *args: object) -> None:
        # Written out for `inspect.signature`, which finds none in a built-in exception.
        super().__init__(*args)


class PrematureCloseError(StreamError):
    """A stream was closed before it had ended or finished."""

    code = "ERR_STREAM_PREMATURE_CLOSE"


class StreamDestroyedError(StreamError):
    """A call on a destroyed stream, or a queued write that destroy() dropped."""

    code = "ERR_STREAM_DESTROYED"


class StreamOverflowError(StreamError):
    """A write to a full buffer with ``overflow="error"``."""

    code = "ERR_INVALID_STATE"


class StreamTimeoutError(StreamError, TimeoutError):
    """Something took longer than the time that was given for it."""

    code = "TIMEOUT_ERR"


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
    """A Completion of a hook was settled twice."""

    code = "ERR_MULTIPLE_CALLBACK"


class CannotPipeError(StreamError):
    """pipe() on a stream that cannot be read."""

    code = "ERR_STREAM_CANNOT_PIPE"


class UnableToPipeError(StreamError):
    """A pipeline into a stage that is already closed or destroyed."""

    code = "ERR_STREAM_UNABLE_TO_PIPE"


class AbortError(StreamError):
    """The operation was aborted: by an AbortSignal, by leaving an iteration early, or by aclose().

    Args:
        message: What was aborted.
    """

    code = "ABORT_ERR"

    def __init__(self, message: str = "The operation was aborted") -> None:
        super().__init__(message)


class NoRunningLoopError(StreamError, RuntimeError):
    """A stream was used without a running event loop."""

    code = "ERR_NO_RUNNING_LOOP"


class WrongLoopError(StreamError, RuntimeError):
    """A stream was used from another thread, or another event loop, than its own: noticed in debug mode and without the GIL."""

    code = "ERR_WRONG_LOOP"


class DeadlockError(StreamError, RuntimeError):
    """A call that waits for the event loop, on the loop's own thread: it would never return."""

    code = "ERR_DEADLOCK"


class AlreadyConnectedError(StreamError, RuntimeError):
    """connect() on a socket that has been connected before."""

    code = "EISCONN"


class NotConnectedError(StreamError, RuntimeError):
    """A call that needs a connection, on a socket without one."""

    code = "ERR_SOCKET_CLOSED"


class ServerAlreadyListeningError(StreamError, RuntimeError):
    """listen() on a server that is listening already."""

    code = "ERR_SERVER_ALREADY_LISTEN"


class NullChunkError(StreamError, TypeError):
    """None in the place of a chunk. None marks the end of a stream."""

    code = "ERR_STREAM_NULL_VALUES"


class InvalidArgTypeError(StreamError, TypeError):
    """An argument of the wrong type."""

    code = "ERR_INVALID_ARG_TYPE"


class InvalidArgValueError(StreamError, ValueError):
    """An argument of the right type with a value that is not allowed."""

    code = "ERR_INVALID_ARG_VALUE"


class OutOfRangeError(StreamError, ValueError):
    """A number outside its range."""

    code = "ERR_OUT_OF_RANGE"


class MissingArgsError(StreamError, TypeError):
    """Too few arguments."""

    code = "ERR_MISSING_ARGS"


class InvalidReturnValueError(StreamError, TypeError):
    """A function given to a stream returned a value that is not allowed."""

    code = "ERR_INVALID_RETURN_VALUE"


class NotImplementedHookError(StreamError, NotImplementedError):
    """A stream was used without the hook that does the work (``_read``, ``_write``, ``_transform``)."""

    code = "ERR_METHOD_NOT_IMPLEMENTED"


class UnknownEncodingError(StreamError, LookupError):
    """An unknown encoding."""

    code = "ERR_UNKNOWN_ENCODING"


class HttpError(StreamError):
    """Base of the HTTP errors. ``status`` is the status that a server answers with, if it still can."""

    code = "ERR_HTTP"
    status = 500


class HttpProtocolError(HttpError, ValueError):
    """The peer sent invalid HTTP/1.1, or exceeded a limit.

    Args:
        message: What is wrong.
        status: The status that a server answers with.
    """

    code = "HPE_INVALID"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class IncompleteMessageError(HttpError, ConnectionError):
    """The connection was closed before the message was complete."""

    code = "ECONNRESET"
    status = 400


class HttpTimeoutError(HttpError, TimeoutError):
    """The peer took too long."""

    code = "ETIMEDOUT"
    status = 408


class HeadersSentError(HttpError, RuntimeError):
    """A change to the headers after they were sent."""

    code = "ERR_HTTP_HEADERS_SENT"


class InvalidHeaderError(HttpError, ValueError):
    """A header, method, status or target that must not be sent, for example because it contains a line break."""

    code = "ERR_INVALID_CHAR"


class ContentLengthMismatchError(HttpError, ValueError):
    """The length of the body differs from the Content-Length."""

    code = "ERR_HTTP_CONTENT_LENGTH_MISMATCH"


class DamagedDataError(StreamError, ValueError):
    """The compressed data is not in its format, or its checksum is wrong.

    Args:
        message: What is wrong.
        position: The number of compressed bytes before the stretch, of at most 64 KiB, in which the damage was found; None if it
            is unknown.
    """

    code = "Z_DATA_ERROR"

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class TruncatedDataError(StreamError, EOFError):
    """Data ends too early: compressed data, or a frame.

    Args:
        message: What is wrong.
        position: The number of bytes that there are; None if it is unknown.
    """

    code = "Z_BUF_ERROR"

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class ExpansionLimitError(StreamError, ValueError):
    """Compressed data gave more output than the limits of its decoder allow."""

    code = "ERR_BUFFER_TOO_LARGE"


class ObjectChangedError(StreamError, OSError):
    """An object of a store was replaced while it was read."""

    code = "ERR_OBJECT_CHANGED"


class InvalidStateError(StreamError, RuntimeError):
    """A call that the object does not allow in its present state."""

    code = "ERR_TRANSACTION_STATE"


class ConnectionBusyError(StreamError, RuntimeError):
    """A stream needs a database connection that another stream uses."""

    code = "ERR_CONNECTION_BUSY"


class ProcessError(StreamError):
    """A program failed: it exited with a status that is not accepted, or a signal ended it.

    ``status`` is the exit status, None if a signal ended the program. ``signal`` is the name of that signal, such as
    "SIGKILL", or None. If both are None, the status is unknown, because other code has taken it.

    Args:
        command: The program and its arguments.
        returncode: The exit status, or the negative number of the signal; None if it is unknown.
        stderr: The end of the program's standard error, at most 8 KiB; empty if it was not read.
    """

    code = "ERR_PROCESS_FAILED"

    def __init__(self, command: Sequence[str], returncode: int | None, stderr: bytes = b"") -> None:
        self.command = tuple(command)
        self.returncode = returncode
        self.status = returncode if returncode is None or returncode >= 0 else None
        self.signal = None if returncode is None or returncode >= 0 else _signal_name(-returncode)
        self.stderr = stderr
        super().__init__(self._text())

    def _text(self) -> str:
        if self.signal is not None:
            how = f"was ended by {self.signal}"
        elif self.status is not None:
            how = f"exited with status {self.status}"
        else:
            how = "exited, and other code took its status"
        said = self.stderr.decode("utf-8", "replace").strip()
        last = said.splitlines()[-1] if said else ""
        return f"{_shortened(shlex.join(self.command))} {how}{': ' if last else ''}{_shortened(last)}"


def _shortened(text: str) -> str:
    """Return a text of at most 300 characters."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class RecordError(StreamError, ValueError):
    """A record, line or frame that is not what was expected: input that is damaged, or a row that cannot be encoded.

    Args:
        message: What is wrong.
        line: The number of the line in the input on which the record begins, from 1 on; None if it is unknown.
        position: The number of bytes before the record; None if it is unknown.
    """

    code = "ERR_RECORD"

    def __init__(self, message: str, line: int | None = None, position: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.position = position


class WebSocketClosedError(StreamError, ConnectionError):
    """A WebSocket was closed with an error, or before all was sent.

    Args:
        close_code: The code of the close; 1006 if the connection was lost.
        reason: The reason that the peer gave.
    """

    code = "ERR_WEBSOCKET_CLOSED"

    def __init__(self, close_code: int, reason: str = "") -> None:
        super().__init__(f"the WebSocket was closed with {close_code}{': ' if reason else ''}{reason}")
        self.close_code = close_code
        self.reason = reason
