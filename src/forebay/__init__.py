"""Node's stream model for Python: streams that tell their producers to wait."""

import importlib
import typing

from forebay._backend import backend
from forebay._buffers import ChunkQueue, RingBuffer
from forebay._core.abort import AbortController, AbortSignal, add_abort_signal
from forebay._core.data.high_water_mark import get_default_high_water_mark, set_default_high_water_mark
from forebay._core.events import EventEmitter
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay._core.waiting.await_event import on, once
from forebay._core.waiting.finished import finished
from forebay._run import run
from forebay.errors import (
    AbortError,
    AlreadyConnectedError,
    AlreadyFinishedError,
    CannotPipeError,
    ConnectionBusyError,
    ContentLengthMismatchError,
    DamagedDataError,
    HeadersSentError,
    HttpError,
    HttpProtocolError,
    HttpTimeoutError,
    IncompleteMessageError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidHeaderError,
    InvalidReturnValueError,
    InvalidStateError,
    MissingArgsError,
    MultipleCompletionError,
    NoRunningLoopError,
    NotConnectedError,
    NotImplementedHookError,
    NullChunkError,
    OutOfRangeError,
    PrematureCloseError,
    PushAfterEofError,
    RecordError,
    ServerAlreadyListeningError,
    StreamDestroyedError,
    StreamError,
    StreamOverflowError,
    TruncatedDataError,
    UnableToPipeError,
    UnknownEncodingError,
    UnshiftAfterEndError,
    WriteAfterEndError,
    WrongLoopError,
)
from forebay.streams.duplex import Duplex
from forebay.streams.joining.chain import Chain
from forebay.streams.joining.compose import compose
from forebay.streams.joining.duplex_pair import duplex_pair
from forebay.streams.joining.pipeline import Pipeline, pipeline
from forebay.streams.readable import Readable
from forebay.streams.reading.batches import Batches
from forebay.streams.sharing.merge import merge
from forebay.streams.sharing.overflow import OverflowBuffer
from forebay.streams.sharing.share import Shared, broadcast, share
from forebay.streams.transform import PassThrough, Transform
from forebay.streams.writable import Writable

if typing.TYPE_CHECKING:
    from forebay.fs import create_read_stream, create_write_stream
else:
    # Files are a third of forebay, and a program without any need not load them.
    def __getattr__(name: str) -> object:
        """Load the file streams when a program asks for them first."""
        if name not in ("create_read_stream", "create_write_stream", "fs"):
            raise AttributeError(f"module 'forebay' has no attribute {name!r}")
        fs = importlib.import_module("forebay.fs")
        value = globals()[name] = fs if name == "fs" else getattr(fs, name)
        return value

    def __dir__() -> list[str]:
        """Return the names of the module, with those that are loaded later."""
        return sorted({*globals(), *__all__, "fs"})


__version__ = "0.1.0"

__all__ = [
    "AbortController",
    "AbortError",
    "AbortSignal",
    "AlreadyConnectedError",
    "AlreadyFinishedError",
    "Batches",
    "CannotPipeError",
    "Chain",
    "ChunkQueue",
    "Completion",
    "ConnectionBusyError",
    "ContentLengthMismatchError",
    "DamagedDataError",
    "Duplex",
    "EventEmitter",
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
    "OutOfRangeError",
    "OverflowBuffer",
    "PassThrough",
    "Pipeline",
    "PrematureCloseError",
    "PushAfterEofError",
    "Readable",
    "RecordError",
    "RingBuffer",
    "ServerAlreadyListeningError",
    "Shared",
    "StreamDestroyedError",
    "StreamError",
    "StreamOverflowError",
    "Transform",
    "TruncatedDataError",
    "UnableToPipeError",
    "UnknownEncodingError",
    "UnshiftAfterEndError",
    "Writable",
    "WriteAfterEndError",
    "WrongLoopError",
    "add_abort_signal",
    "backend",
    "broadcast",
    "compose",
    "create_read_stream",
    "create_write_stream",
    "duplex_pair",
    "finished",
    "get_default_high_water_mark",
    "merge",
    "next_tick",
    "on",
    "once",
    "pipeline",
    "run",
    "set_default_high_water_mark",
    "share",
]
