"""The public names of the package, which ``forebay`` loads when a program asks for the first one."""

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
    DeadlockError,
    ExpansionLimitError,
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
    ObjectChangedError,
    OutOfRangeError,
    PrematureCloseError,
    ProcessError,
    PushAfterEofError,
    RecordError,
    ServerAlreadyListeningError,
    StreamDestroyedError,
    StreamError,
    StreamOverflowError,
    StreamTimeoutError,
    TruncatedDataError,
    UnableToPipeError,
    UnknownEncodingError,
    UnshiftAfterEndError,
    WebSocketClosedError,
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
    "DeadlockError",
    "Duplex",
    "EventEmitter",
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
    "OverflowBuffer",
    "PassThrough",
    "Pipeline",
    "PrematureCloseError",
    "ProcessError",
    "PushAfterEofError",
    "Readable",
    "RecordError",
    "RingBuffer",
    "ServerAlreadyListeningError",
    "Shared",
    "StreamDestroyedError",
    "StreamError",
    "StreamOverflowError",
    "StreamTimeoutError",
    "Transform",
    "TruncatedDataError",
    "UnableToPipeError",
    "UnknownEncodingError",
    "UnshiftAfterEndError",
    "WebSocketClosedError",
    "Writable",
    "WriteAfterEndError",
    "WrongLoopError",
    "add_abort_signal",
    "broadcast",
    "compose",
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
