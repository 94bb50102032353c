from abc import ABCMeta
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import CodeType
from typing import Any, Generic, Protocol, TypeAlias, TypedDict

from typing_extensions import Buffer, TypeVar

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.streams.duplex import Duplex
from forebay.streams.joining.chain import Chain
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = [
    "Buffer",
    "BytesIn_contra",
    "BytesOut_co",
    "Chain",
    "Chunk",
    "Dest",
    "Duplex",
    "DuplexOptions",
    "First",
    "Fn",
    "Generic",
    "In_contra",
    "Items",
    "Middle",
    "Out_co",
    "Output",
    "Readable",
    "ReadableOptions",
    "Result_co",
    "Signal",
    "Sink",
    "Source",
    "StageInput",
    "StreamOptions",
    "Takes",
    "TransformOptions",
    "TypeVar",
    "Writable",
    "WritableFile",
    "WritableOptions",
]

Out_co = TypeVar("Out_co", covariant=True, default=Any)
In_contra = TypeVar("In_contra", contravariant=True, default=Any)
BytesIn_contra = TypeVar("BytesIn_contra", contravariant=True, default=Buffer)
BytesOut_co = TypeVar("BytesOut_co", covariant=True, default=bytes)
Chunk = TypeVar("Chunk", default=Any)
Dest = TypeVar("Dest")
Result_co = TypeVar("Result_co", covariant=True, default=Any)

_A = TypeVar("_A")
_B = TypeVar("_B")
_R = TypeVar("_R")
_Dest_co = TypeVar("_Dest_co", covariant=True)
_Taken_contra = TypeVar("_Taken_contra", contravariant=True)

# The argument of a function in a pipeline. The function may declare any of the base classes as the type of its parameter.
class StageInput(Readable[Out_co], AsyncIterator[Out_co], metaclass=ABCMeta): ...

# A Writable, by its method ``end(chunk)``, which returns the stream: what `Readable.pipe` needs of its destination.
class Takes(Protocol[_Taken_contra, _Dest_co]):
    def end(self, chunk: _Taken_contra, /) -> _Dest_co: ...

#: The result of a hook that makes output.
Output: TypeAlias = _A | Awaitable[_A | None] | Iterator[_A] | AsyncIterator[_A] | Completion | None

# A function that gives the source. A class is callable too; it has no ``__code__``.
class SourceFunction(Protocol[Out_co]):
    @property
    def __code__(self) -> CodeType: ...
    def __call__(self) -> Iterable[Out_co] | AsyncIterable[Out_co]: ...

# The same as a `functools.partial`, which has no ``__code__``.
class SourcePartial(Protocol[Out_co]):
    @property
    def func(self) -> Callable[..., object]: ...
    def __call__(self) -> Iterable[Out_co] | AsyncIterable[Out_co]: ...

#: The first stage of a pipeline.
Source: TypeAlias = Iterable[_A] | AsyncIterable[_A] | Awaitable[_A] | SourceFunction[_A] | SourcePartial[_A]
#: The argument of `Readable.from_`.
Items: TypeAlias = Iterable[_A] | AsyncIterable[_A] | Awaitable[_A]
#: A stage in the middle of a pipeline.
Middle: TypeAlias = Duplex[_A, _B] | Callable[[StageInput[_A]], AsyncIterable[_B]]

# A file object that is open for writing.
class WritableFile(Protocol):
    def write(self, data: Any, /) -> object: ...
    def flush(self) -> object: ...
    def close(self) -> object: ...

#: The last stage of a pipeline.
Sink: TypeAlias = Writable[_A] | WritableFile | Callable[[StageInput[_A]], Awaitable[_R] | AsyncIterable[Any]]
#: The first stage of a composition.
First: TypeAlias = (
    Duplex[_A, _B]
    | Callable[[StageInput[_A]], AsyncIterable[_B]]
    | Iterable[_B]
    | AsyncIterable[_B]
    | Awaitable[_B]
)

Fn: TypeAlias = Callable[[Any], Any]
Signal: TypeAlias = AbortSignal | None

# Options of every stream.
class StreamOptions(TypedDict, total=False):
    destroy: Callable[[BaseException | None], object] | None
    construct: Callable[[], object] | None
    signal: AbortSignal | None
    auto_destroy: bool
    emit_close: bool

class ReadableOptions(StreamOptions, total=False):
    high_water_mark: int | None
    object_mode: bool

class WritableOptions(ReadableOptions, total=False):
    final: Callable[[], object] | None
    decode_strings: bool

class TransformOptions(StreamOptions, total=False):
    high_water_mark: int | None
    readable_high_water_mark: int | None
    writable_high_water_mark: int | None
    object_mode: bool
    readable_object_mode: bool
    writable_object_mode: bool
    default_encoding: str | None
    decode_strings: bool
    allow_half_open: bool

class DuplexOptions(TransformOptions, total=False):
    final: Callable[[], object] | None
    readable: bool
    writable: bool
