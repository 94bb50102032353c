"""Node's stream model for Python: streams that tell their producers to wait."""

from penstock._backend import ChunkQueue, RingBuffer, backend
from penstock._flow.chunk import get_default_high_water_mark, set_default_high_water_mark
from penstock._flow.events import EventEmitter
from penstock._flow.lifecycle import Completion
from penstock._flow.ticks import next_tick
from penstock.abort import AbortController, AbortSignal, add_abort_signal
from penstock.batches import Batches
from penstock.chain import Chain
from penstock.compose import compose
from penstock.duplex import Duplex
from penstock.duplex_pair import duplex_pair
from penstock.errors import (
    AbortError,
    AlreadyConnectedError,
    AlreadyFinishedError,
    CannotPipeError,
    ContentLengthMismatchError,
    HeadersSentError,
    HttpError,
    HttpProtocolError,
    HttpTimeoutError,
    IncompleteMessageError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidHeaderError,
    InvalidReturnValueError,
    MissingArgsError,
    MultipleCompletionError,
    NoRunningLoopError,
    NotConnectedError,
    NotImplementedHookError,
    NullChunkError,
    OutOfRangeError,
    PrematureCloseError,
    PushAfterEofError,
    ServerAlreadyListeningError,
    StreamDestroyedError,
    StreamError,
    StreamOverflowError,
    UnableToPipeError,
    UnknownEncodingError,
    UnshiftAfterEndError,
    WriteAfterEndError,
    WrongLoopError,
)
from penstock.finished import finished
from penstock.fs import create_read_stream, create_write_stream
from penstock.merge import merge
from penstock.overflow import OverflowBuffer
from penstock.pipeline import Pipeline, pipeline
from penstock.readable import Readable
from penstock.running import run
from penstock.share import Shared, broadcast, share
from penstock.transform import PassThrough, Transform
from penstock.waiting import on, once
from penstock.writable import Writable

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
    "ContentLengthMismatchError",
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
    "RingBuffer",
    "ServerAlreadyListeningError",
    "Shared",
    "StreamDestroyedError",
    "StreamError",
    "StreamOverflowError",
    "Transform",
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
