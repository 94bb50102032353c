"""The operators of Readable: `map`, `filter` and the others. The functions behind them are in ``operators/methods.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.state.stream import Stream
from forebay.streams import late_binding

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

    from forebay._core.abort import AbortSignal
    from forebay.streams.generics import Fn, Readable, Signal


class ReadableOperators(Stream):
    """The methods of Readable that make another stream, or one value, of its chunks."""

    # ---- operators that return a stream

    def map(
        self,
        fn: Fn,
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: Signal = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable:
        """Return a Readable of ``fn(chunk)`` for every chunk, in order.

        Lazy: the source is not read until the result is. An exception of ``fn`` fails the result, and so does a result of None
        (NullChunkError).

        With an executor the calls run in its threads, processes or interpreters. The stream does not shut the executor down. If
        the stream is destroyed, it cancels the calls that have not begun and does not wait for those that run. An executor that
        breaks, because a process was killed, fails the stream.

        Args:
            fn: A plain or an ``async`` function of a chunk. With an executor it is a plain one; processes have to be able to
                pickle it, its argument and its result.
            concurrency: How many calls may run at once. None is 1; with an executor twice the number of its workers. With
                ``chunk`` it counts submissions.
            high_water_mark: The same as ``window``, by the name in Node.
            signal: An AbortSignal that ends the stream.
            executor: A `concurrent.futures.Executor`, or an object with a ``submit`` like it, such as
                ``dask_client.get_executor()``.
            ordered: Whether the results are in the order of the chunks. False gives each when it is there.
            window: How many finished results may wait for their turn or for the reader, besides the calls that run. None is
                ``concurrency - 1``; with an executor ``2 * concurrency``. With ``chunk`` it counts submissions.
            chunk: How many items go to the executor in one submission. A source that has fewer at the moment does not hold them
                back while the workers are idle.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``fn`` cannot be called, or an option has the wrong type.
            InvalidArgValueError: There is a ``chunk`` and no executor.
            OutOfRangeError: An option is out of range.
        """
        calls = (concurrency, high_water_mark, signal, executor, ordered, window, chunk)
        return late_binding.operators.map_(self, fn, late_binding.operators.Calls(*calls))

    def filter(
        self,
        fn: Fn,
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: Signal = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable:
        """Return a Readable of the chunks for which ``fn(chunk)`` is true.

        Args:
            fn, concurrency, high_water_mark, signal, executor, ordered, window, chunk: As for `map`.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
        """
        calls = (concurrency, high_water_mark, signal, executor, ordered, window, chunk)
        return late_binding.operators.filter_(self, fn, late_binding.operators.Calls(*calls))

    def tap(
        self,
        fn: Fn,
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: Signal = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable:
        """Return a Readable of the same chunks; call ``fn(chunk)`` for each as it passes.

        Args:
            fn, concurrency, high_water_mark, signal, executor, ordered, window, chunk: As for `map`.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
        """
        calls = (concurrency, high_water_mark, signal, executor, ordered, window, chunk)
        return late_binding.operators.tap(self, fn, late_binding.operators.Calls(*calls))

    def flat_map(
        self,
        fn: Fn,
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: Signal = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Readable:
        """Return a Readable of the items of the iterables that ``fn(chunk)`` returns.

        Args:
            fn: A plain or an ``async`` function of a chunk. It returns an iterable or an async iterable, such as a stream. A
                ``str`` or a bytes-like object counts as one item.
            concurrency, high_water_mark, signal, executor, ordered, window, chunk: As for `map`.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
        """
        calls = (concurrency, high_water_mark, signal, executor, ordered, window, chunk)
        return late_binding.operators.flat_map(self, fn, late_binding.operators.Calls(*calls))

    def take(self, count: int, *, signal: Signal = None) -> Readable:
        """Return a Readable of the first ``count`` chunks. After them this stream is destroyed.

        Args:
            count: How many chunks, 0 or more.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            OutOfRangeError: ``count`` is below 0.
        """
        return late_binding.operators.take(self, count, signal)

    def drop(self, count: int, *, signal: Signal = None) -> Readable:
        """Return a Readable of all but the first ``count`` chunks.

        Args:
            count: How many chunks, 0 or more.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            OutOfRangeError: ``count`` is below 0.
        """
        return late_binding.operators.drop(self, count, signal)

    def take_while(self, fn: Fn, *, signal: Signal = None) -> Readable:
        """Return a Readable of the chunks before the first one for which ``fn(chunk)`` is false. Then this stream is destroyed.

        Args:
            fn: A plain or an ``async`` function of a chunk.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream. The chunk for which ``fn`` is false is not in it.

        Raises:
            InvalidArgTypeError: ``fn`` cannot be called.
        """
        return late_binding.operators.take_while(self, fn, signal)

    def drop_while(self, fn: Fn, *, signal: Signal = None) -> Readable:
        """Return a Readable of the chunks from the first one on for which ``fn(chunk)`` is false.

        Args:
            fn: A plain or an ``async`` function of a chunk. After it has been false once it is not called again.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``fn`` cannot be called.
        """
        return late_binding.operators.drop_while(self, fn, signal)

    def chunks(self, count: int, *, signal: Signal = None) -> Readable:
        """Return a Readable of lists of ``count`` chunks; the last list may be shorter.

        Without object mode the results are blocks of ``count`` bytes, or of ``count`` characters with an encoding.

        Args:
            count: How many objects, bytes or characters, 1 or more.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            OutOfRangeError: ``count`` is below 1, or is more than 1 GiB.
        """
        return late_binding.operators.chunks(self, count, signal)

    def window(self, count: int, *, step: int = 1, signal: Signal = None) -> Readable:
        """Return a Readable of lists of ``count`` consecutive chunks, each of which begins ``step`` chunks after the last one.

        Only full windows are given: a stream of fewer than ``count`` chunks has none.

        Args:
            count: How many chunks a window has, 1 or more.
            step: By how many chunks the window moves on, 1 or more.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            OutOfRangeError: ``count`` or ``step`` is below 1.
        """
        return late_binding.operators.window(self, count, step, signal)

    def zip(self, *sources: Any, strict: bool = False, signal: Signal = None) -> Readable:
        """Return a Readable of tuples: one chunk of this stream and one of each of ``sources``.

        At most one chunk of each source waits here for those of the others. The stream ends with the first source that ends, and
        then the other sources are destroyed. An error of one source destroys the stream and the other sources.

        Args:
            sources: Readables, or what `from_` takes.
            strict: Whether all sources have to end after the same number of chunks. The stream fails otherwise, with
                InvalidArgValueError, which is a ValueError.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: One of ``sources`` is not a source.
        """
        return late_binding.operators.zip_(self, sources, strict, signal)

    def timeout(self, seconds: float, *, signal: Signal = None) -> Readable:
        """Return a Readable of the same chunks, which fails with StreamTimeoutError if one of them does not come in time.

        The time counts while the stream waits for its source: from the first read for the first chunk, then from one chunk to
        the next. A reader that takes its time is no reason for an error. This stream is destroyed.

        Args:
            seconds: How long a chunk, or the end, may take: above 0.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``seconds`` is not a number.
            OutOfRangeError: ``seconds`` is not above 0 and finite.
        """
        return late_binding.operators.timeout(self, seconds, signal)

    def rate(
        self,
        *,
        bytes_per_second: float | None = None,
        items_per_second: float | None = None,
        burst: float | None = None,
        signal: Signal = None,
    ) -> Readable:
        """Return a Readable of the same chunks at a limited rate. `forebay.throttle` is the same as a stage.

        Args:
            bytes_per_second: The rate in bytes per second. Chunks that take longer than 0.05 s are split, into
                `memoryview` objects.
            items_per_second: The rate in chunks per second. Give one of the two rates.
            burst: How many bytes or chunks may pass at once at first and after idle time, as in a token bucket of this size. None
                gives no credit beyond 0.05 s of idle time.
            signal: An AbortSignal that ends the stream.

        Returns:
            The stream.

        Raises:
            MissingArgsError: There is not exactly one rate.
            InvalidArgTypeError: The rate or the burst is not a number.
            OutOfRangeError: The rate is not above 0 and finite, or the burst is below 1.
        """
        return late_binding.operators.rate(self, bytes_per_second, items_per_second, burst, signal)

    # ---- operators that return a value

    def to_list(self, *, signal: Signal = None) -> Coroutine[Any, Any, list[Any]]:
        """Read all chunks: ``await r.to_list()``.

        Args:
            signal: An AbortSignal that ends the reading.

        Returns:
            An awaitable of the list of chunks. It raises the error that the stream fails with.

        Raises:
            AbortError: The signal was aborted.
        """
        return late_binding.operators.to_list(self, signal)

    def for_each(
        self,
        fn: Fn,
        *,
        concurrency: int | None = None,
        high_water_mark: int | None = None,
        signal: Signal = None,
        executor: Executor | None = None,
        ordered: bool = True,
        window: int | None = None,
        chunk: int = 1,
    ) -> Coroutine[Any, Any, None]:
        """Call ``fn(chunk)`` for every chunk: ``await r.for_each(fn)``.

        Args:
            fn, concurrency, high_water_mark, signal, executor, ordered, window, chunk: As for `map`.

        Returns:
            An awaitable of None. It raises the error of ``fn`` or of the stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
            AbortError: The signal was aborted.
        """
        calls = (concurrency, high_water_mark, signal, executor, ordered, window, chunk)
        return late_binding.operators.for_each(self, fn, late_binding.operators.Calls(*calls))

    def reduce(
        self, fn: Callable[[Any, Any], Any], initial: Any = ..., *, signal: AbortSignal | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Combine all chunks: ``await r.reduce(fn, initial)``.

        Args:
            fn: A plain or an ``async`` function; ``fn(result, chunk)`` returns the next result.
            initial: The first result. Without it the first chunk is the first result.
            signal: An AbortSignal that ends the reading.

        Returns:
            An awaitable of the last result. It raises the error of ``fn`` or of the stream.

        Raises:
            InvalidArgTypeError: ``fn`` cannot be called.
            MissingArgsError: There is neither an ``initial`` nor a chunk.
            AbortError: The signal was aborted.
        """
        return late_binding.operators.reduce(self, fn, initial, signal)

    def some(
        self, fn: Fn, *, concurrency: int = 1, high_water_mark: int | None = None, signal: Signal = None
    ) -> Coroutine[Any, Any, bool]:
        """Return whether ``fn(chunk)`` is true for a chunk: ``await r.some(fn)``.

        The first such chunk ends the reading and destroys the stream.

        Args:
            fn, concurrency, high_water_mark, signal: As for `map`.

        Returns:
            An awaitable of a bool. It raises the error of ``fn`` or of the stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
            AbortError: The signal was aborted.
        """
        return late_binding.operators.some(self, fn, concurrency, high_water_mark, signal)

    def every(
        self, fn: Fn, *, concurrency: int = 1, high_water_mark: int | None = None, signal: Signal = None
    ) -> Coroutine[Any, Any, bool]:
        """Return whether ``fn(chunk)`` is true for all chunks: ``await r.every(fn)``.

        The first chunk for which it is false ends the reading and destroys the stream.

        Args:
            fn, concurrency, high_water_mark, signal: As for `map`.

        Returns:
            An awaitable of a bool. It raises the error of ``fn`` or of the stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
            AbortError: The signal was aborted.
        """
        return late_binding.operators.every(self, fn, concurrency, high_water_mark, signal)

    def find(
        self, fn: Fn, *, concurrency: int = 1, high_water_mark: int | None = None, signal: Signal = None
    ) -> Coroutine[Any, Any, Any]:
        """Return the first chunk for which ``fn(chunk)`` is true: ``await r.find(fn)``.

        That chunk ends the reading and destroys the stream.

        Args:
            fn, concurrency, high_water_mark, signal: As for `map`.

        Returns:
            An awaitable of the chunk; of None if there is no such chunk. It raises the error of ``fn`` or of the stream.

        Raises:
            InvalidArgTypeError, OutOfRangeError: As for `map`.
            AbortError: The signal was aborted.
        """
        return late_binding.operators.find(self, fn, concurrency, high_water_mark, signal)
