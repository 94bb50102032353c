from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, TypeGuard, TypeVar, Unpack, overload

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay._core.state.stream import Stream
from forebay.streams.duplex import Duplex
from forebay.streams.generics import (
    Buffer,
    Items,
    Middle,
    Out_co,
    ReadableOptions,
    Sink,
    StageInput,
    Takes,
)
from forebay.streams.joining.chain import Chain
from forebay.streams.joining.pipeline import Pipeline
from forebay.streams.reading.batches import Batches
from forebay.streams.reading.iterator import ReadableIterator
from forebay.streams.writable import Writable

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_D = TypeVar("_D")
_E = TypeVar("_E")
_R = TypeVar("_R")

class Readable(Stream, Generic[Out_co]):
    @overload
    def __init__(
        self: Readable[str],
        *,
        read: Callable[[int], object] | None = None,
        encoding: str,
        **options: Unpack[ReadableOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        read: Callable[[int], Awaitable[Out_co | None]],
        encoding: str | None = None,
        **options: Unpack[ReadableOptions],
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        read: Callable[[int], Out_co | Completion | None] | None = None,
        encoding: str | None = None,
        **options: Unpack[ReadableOptions],
    ) -> None: ...
    def __class_getitem__(cls, parameters: Any, /) -> Any: ...
    @overload
    def push(self, chunk: Out_co | None, encoding: None = None) -> bool: ...
    @overload
    def push(self, chunk: str, encoding: str) -> bool: ...
    @overload  # With an encoding, bytes become text.
    def push(self: Readable[str], chunk: Buffer, encoding: None = None) -> bool: ...
    def push_many(self, chunks: Iterable[Out_co | None]) -> bool: ...
    @overload
    def unshift(self, chunk: Out_co, encoding: None = None) -> bool: ...  # type: ignore[misc]
    @overload
    def unshift(self, chunk: str, encoding: str) -> bool: ...
    def read(self, size: int | None = None) -> Out_co | None: ...
    def pause(self) -> Self: ...
    def resume(self) -> Self: ...
    def is_paused(self) -> bool: ...
    def pipe(self, dest: Takes[Out_co, _D], *, end: bool = True) -> _D: ...
    def unpipe(self, dest: Writable[Any] | None = None) -> Self: ...
    def set_encoding(self, encoding: str) -> Readable[str]: ...
    def iterator(
        self, *, destroy_on_return: bool = True, drain_on_error: bool = False
    ) -> ReadableIterator[Out_co]: ...
    def __aiter__(self) -> ReadableIterator[Out_co]: ...
    @overload
    @staticmethod
    def from_(source: str, **options: Unpack[_FromOptions]) -> Readable[str]: ...
    @overload
    @staticmethod
    def from_(source: bytes | bytearray | memoryview, **options: Unpack[_FromOptions]) -> Readable[bytes]: ...
    @overload
    @staticmethod
    def from_(source: Iterable[Awaitable[_A]], **options: Unpack[_FromOptions]) -> Readable[_A]: ...
    @overload
    @staticmethod
    def from_(
        source: Iterable[_A] | AsyncIterable[_A] | Awaitable[_A], **options: Unpack[_FromOptions]
    ) -> Readable[_A]: ...
    async def aclose(self) -> None:
        """Destroy the stream if it is not done, and wait until it is closed. That is not an error.

        If the stream has failed, its error is raised.
        """
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    @property
    def readable(self) -> bool: ...
    @property
    def readable_length(self) -> int: ...
    @property
    def readable_flowing(self) -> bool | None: ...
    @property
    def readable_ended(self) -> bool: ...
    @property
    def readable_high_water_mark(self) -> int: ...
    @property
    def readable_object_mode(self) -> bool: ...
    @property
    def readable_encoding(self) -> str | None: ...
    @property
    def readable_did_read(self) -> bool: ...
    @property
    def readable_aborted(self) -> bool: ...

    # ---- hooks, which a subclass may have

    def _read(
        self, size: int, /
    ) -> Out_co | bytes | bool | Awaitable[Out_co | bytes | bool | None] | Completion | None: ...
    def _construct(self) -> object: ...
    def _destroy(self, error: BaseException | None, /) -> object: ...

    # ---- operators

    @overload
    def map(
        self,
        fn: Callable[[Out_co], Awaitable[_A]],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[_A]: ...
    @overload
    def map(
        self,
        fn: Callable[[Out_co], _A],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[_A]: ...
    @overload
    def filter(
        self,
        fn: Callable[[Out_co], TypeGuard[_A]],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[_A]: ...
    @overload
    def filter(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[Out_co]: ...
    def tap(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[Out_co]: ...
    @overload
    def flat_map(
        self,
        fn: Callable[[Out_co], Awaitable[Iterable[_A] | AsyncIterable[_A]]],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[_A]: ...
    @overload
    def flat_map(
        self,
        fn: Callable[[Out_co], Iterable[_A] | AsyncIterable[_A]],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable[_A]: ...
    def take(self, count: int, *, signal: AbortSignal | None = None) -> Readable[Out_co]: ...
    def drop(self, count: int, *, signal: AbortSignal | None = None) -> Readable[Out_co]: ...
    def take_while(
        self, fn: Callable[[Out_co], object], *, signal: AbortSignal | None = None
    ) -> Readable[Out_co]: ...
    def drop_while(
        self, fn: Callable[[Out_co], object], *, signal: AbortSignal | None = None
    ) -> Readable[Out_co]: ...
    @overload  # Blocks, or lists in object mode, which the type does not tell.
    def chunks(
        self: Readable[bytes] | Readable[str], count: int, *, signal: AbortSignal | None = None
    ) -> Readable[Any]: ...
    @overload
    def chunks(self, count: int, *, signal: AbortSignal | None = None) -> Readable[list[Out_co]]: ...
    def window(
        self, count: int, *, step: int = 1, signal: AbortSignal | None = None
    ) -> Readable[list[Out_co]]: ...
    @overload
    def zip(self, *, strict: bool = False, signal: AbortSignal | None = None) -> Readable[tuple[Out_co]]: ...
    @overload
    def zip(
        self, one: Items[_A], /, *, strict: bool = False, signal: AbortSignal | None = None
    ) -> Readable[tuple[Out_co, _A]]: ...
    @overload
    def zip(
        self, one: Items[_A], two: Items[_B], /, *, strict: bool = False, signal: AbortSignal | None = None
    ) -> Readable[tuple[Out_co, _A, _B]]: ...
    @overload
    def zip(
        self,
        one: Items[_A],
        two: Items[_B],
        three: Items[_C],
        /,
        *,
        strict: bool = False,
        signal: AbortSignal | None = None,
    ) -> Readable[tuple[Out_co, _A, _B, _C]]: ...
    @overload
    def zip(
        self, *sources: Items[Any], strict: bool = False, signal: AbortSignal | None = None
    ) -> Readable[tuple[Any, ...]]: ...
    def timeout(self, seconds: float, *, signal: AbortSignal | None = None) -> Readable[Out_co]: ...
    def rate(
        self,
        *,
        bytes_per_second: float | None = None,
        items_per_second: float | None = None,
        burst: float | None = None,
        signal: AbortSignal | None = None,
    ) -> Readable[Out_co]: ...
    async def to_list(self, *, signal: AbortSignal | None = None) -> list[Out_co]: ...
    async def for_each(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> None: ...
    @overload
    async def reduce(
        self,
        fn: Callable[[_R, Out_co], Awaitable[_R]],
        initial: _R,
        *,
        signal: AbortSignal | None = None,
    ) -> _R: ...
    @overload
    async def reduce(
        self, fn: Callable[[_R, Out_co], _R], initial: _R, *, signal: AbortSignal | None = None
    ) -> _R: ...
    @overload
    async def reduce(
        self: Readable[_A],
        fn: Callable[[_A, _A], Awaitable[_A]],
        *,
        signal: AbortSignal | None = None,
    ) -> _A: ...
    @overload
    async def reduce(
        self: Readable[_A], fn: Callable[[_A, _A], _A], *, signal: AbortSignal | None = None
    ) -> _A: ...
    async def some(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> bool: ...
    async def every(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> bool: ...
    @overload
    async def find(
        self,
        fn: Callable[[Out_co], TypeGuard[_A]],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> _A | None: ...
    @overload
    async def find(
        self,
        fn: Callable[[Out_co], object],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Out_co | None: ...
    @overload
    def compose(self, last: Middle[Out_co, _A], /) -> Duplex[Any, _A]: ...
    @overload
    def compose(self, last: Sink[Out_co, object], /) -> Duplex[Any, Any]: ...
    @overload
    def compose(self, one: Middle[Out_co, _A], last: Middle[_A, _B], /) -> Duplex[Any, _B]: ...
    @overload
    def compose(self, one: Middle[Out_co, _A], last: Sink[_A, object], /) -> Duplex[Any, Any]: ...
    @overload
    def compose(
        self, one: Middle[Out_co, _A], two: Middle[_A, _B], last: Middle[_B, _C], /
    ) -> Duplex[Any, _C]: ...
    @overload
    def compose(
        self, one: Middle[Out_co, _A], two: Middle[_A, _B], last: Sink[_B, object], /
    ) -> Duplex[Any, Any]: ...
    @overload
    def compose(
        self, one: Middle[Out_co, _A], two: Middle[_A, _B], three: Middle[_B, _C], last: Middle[_C, _D], /
    ) -> Duplex[Any, _D]: ...
    @overload
    def compose(
        self, one: Middle[Out_co, _A], two: Middle[_A, _B], three: Middle[_B, _C], last: Sink[_C, object], /
    ) -> Duplex[Any, Any]: ...
    @overload
    def compose(
        self,
        one: Middle[Out_co, _A],
        two: Middle[_A, _B],
        three: Middle[_B, _C],
        four: Middle[_C, _D],
        last: Middle[_D, _E],
        /,
    ) -> Duplex[Any, _E]: ...
    @overload
    def compose(
        self,
        one: Middle[Out_co, _A],
        two: Middle[_A, _B],
        three: Middle[_B, _C],
        four: Middle[_C, _D],
        last: Sink[_D, object],
        /,
    ) -> Duplex[Any, Any]: ...
    def batches(self) -> Batches[Out_co]: ...
    @overload  # A Duplex is a Writable too.
    def __or__(  # type: ignore[overload-overlap]
        self, stage: Middle[Out_co, _A]
    ) -> Chain[_A, None]: ...
    @overload
    def __or__(self, stage: Callable[[StageInput[Out_co]], Awaitable[_R]]) -> Chain[Any, _R]: ...
    @overload
    def __or__(self, stage: Writable[Out_co]) -> Pipeline[None]: ...

class _FromOptions(TypedDict, total=False):
    high_water_mark: int | None
    object_mode: bool
    encoding: str | None
    signal: AbortSignal | None
    auto_destroy: bool
    emit_close: bool
