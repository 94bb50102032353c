"""pipeline(): join streams, iterables and functions to one flow that fails, ends and is cleaned up as one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, overload

from forebay._core.abort import LEFT_EVENT, AbortSignal, Left, abort_error, checked_signal
from forebay._core.names import stream_name
from forebay._core.representation import represent
from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.scheduling.ticks import current_queue, next_tick
from forebay._core.unfinished import Flow, give_up, shutting_down
from forebay._core.waiting.finished import Finished, finished
from forebay._core.waiting.until_closed import ClosingOperation
from forebay._system.direct_transfer import DirectTarget
from forebay.errors import (
    AbortError,
    MissingArgsError,
    PrematureCloseError,
    UnableToPipeError,
    WriteAfterEndError,
)
from forebay.stats import StreamStats, bottleneck, drawing, flow_stats
from forebay.streams.blocking.file_objects import with_files
from forebay.streams.generics import Result_co
from forebay.streams.joining.async_iterable import (
    PlainItems,
    async_iterable,
    items_of,
    writable_again,
    write_each,
)
from forebay.streams.joining.destroyer import Destroyer
from forebay.streams.joining.stage_checks import (
    FunctionResult,
    call_stage,
    can_read,
    check_stages,
    first_stage,
    placed,
    wrong_return,
)
from forebay.streams.readable import Readable
from forebay.streams.transform import PassThrough
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from forebay.streams.generics import Middle, Sink, Source, TypeVar

    _A = TypeVar("_A")
    _B = TypeVar("_B")
    _C = TypeVar("_C")
    _D = TypeVar("_D")
    _E = TypeVar("_E")
    _F = TypeVar("_F")
    _G = TypeVar("_G")
    # None if the last stage is a stream.
    _R = TypeVar("_R", default=None)

# Attributes with the error of a stage that was left, or that needs no more input.
_LEFT_NAMES = ("_left", "_left_input")
_CLOSED = "a stage was closed before its source had ended"


class Pipeline(ClosingOperation[Result_co], Flow):
    """A running pipeline, and the awaitable of its end; made by `pipeline`.

    Awaiting it returns the value of the last stage if that is a function, otherwise None.
    """

    def __init__(self, stages: tuple[Any, ...], signal: AbortSignal | None, end: bool) -> None:
        super().__init__()
        self._ticks = current_queue()
        #: The stages, in order: streams, iterables and functions as they were given, and streams over the file objects.
        self.stages: tuple[Any, ...] = stages
        self._outer = signal
        self._end = end
        self._first_error: BaseException | None = None
        self._outcome: Any = None
        self._open = 0
        self._destroyers: deque[Destroyer] = deque()
        self._last_cleanup: list[Callable[[], object]] = []
        # Those that are at work.
        self._tasks: set[asyncio.Task[None]] = set()
        # Those whose stream needs no more input.
        self._leaving: set[asyncio.Task[None]] = set()
        # The sources of the functions after the last stream; all streams that are read by functions.
        self._feeds: list[Any] = []
        self._read_by_functions: list[Any] = []
        self._last: Any = None
        # Those that have not taken their first step.
        self._unbegun: set[asyncio.Task[None]] = set()
        #: Whether it is a part of a stream, which has its errors.
        self._inner = False

    def __repr__(self) -> str:
        return represent(self, lambda: " | ".join(map(stream_name, self.stages)), self._state_text)

    @property
    def stream(self) -> Any:
        """The last stage as a stream. For a function it is a PassThrough with the function's output."""
        return self._last

    def stats(self) -> list[StreamStats]:
        """Return the counters of the stages that are streams, in order."""
        return flow_stats(self.stages)

    @property
    def bottleneck(self) -> Any:
        """Return the stage that the others wait for; the source if no stage waits."""
        return bottleneck(self.stages)

    def draw(self) -> str:
        """Return a drawing of the pipeline: each stage, how full it is, and the stage that the others wait for."""
        return drawing(self.stages)

    # ---- building

    def _start(self) -> None:
        if self._outer is not None:
            self._outer.add_listener(self._abort)
        current: Any = None
        watched = index = 0
        try:
            if isinstance(self.stages[-1], DirectTarget):
                self.stages[-1]._fed_by(self.stages[0])
            for index in range(len(self.stages)):
                self._watch(index)
                watched += 1
                current = self._connect(current, index)
        except BaseException as error:
            self._place(error, index)
            # A function failed, or returned something that is not a stage. Raise that, and destroy the stages.
            for index in range(watched, len(self.stages)):
                self._watch(index)
            self.mark_handled()
            self._conclude(error, False)
            raise
        self._last = current
        if self._outer is not None and self._outer.aborted:
            next_tick(self._abort)

    def _connect(self, current: Any, index: int) -> Any:
        """Join a stage to the stages before it. Return what the next stage reads."""
        stage = self.stages[index]
        if isinstance(stage, (Readable, Writable)):
            if index > 0:
                self._join(current, stage, index)
            self._feeds = []
            return stage
        return first_stage(stage) if index == 0 else self._call(stage, current, index)

    def _call(self, stage: Callable[..., Any], current: Any, index: int) -> Any:
        source = async_iterable(current)
        self._feeds.append(source)
        if isinstance(source, Readable):
            self._read_by_functions.append(source)
        made = call_stage(stage, source)
        if index < len(self.stages) - 1:
            if not isinstance(made, AsyncIterable):
                raise wrong_return(index, "an async iterable", made)
            return made
        # A last stage that is a function has a stream for its outcome all the same.
        end = FunctionResult(object_mode=True) if is_awaitable(made) else PassThrough(object_mode=True)
        if is_awaitable(made):
            self._open += 1
            task = self._spawn(self._await_last(made, end, self._feeds))
            if isinstance(made, CoroutineType):
                # A flow that fails before its last stage has begun never awaits it.
                task.add_done_callback(lambda _: made.close())
        elif isinstance(made, AsyncIterable):
            self._open += 1
            self._spawn(self._pump(made, end, self._feeds, index))
        else:
            raise wrong_return(index, "an awaitable or async iterable", made)
        destroyer = Destroyer(end, False, True)
        self._destroyers.append(destroyer)
        self._last_cleanup.append(destroyer.forget)
        return end

    def _watch(self, index: int) -> None:
        """Destroy a stage that is a stream when the pipeline fails, and take its errors as the pipeline's."""
        stream = self.stages[index]
        if not isinstance(stream, (Readable, Writable)):
            return
        reading = index < len(self.stages) - 1
        if reading or self._end:
            destroyer = Destroyer(stream, reading, index > 0)
            self._destroyers.append(destroyer)
            if self._goes_on(index):
                self._last_cleanup.append(destroyer.forget)

        def failed(error: BaseException) -> None:
            self._place(error, index)
            if not isinstance(error, (AbortError, PrematureCloseError)):
                self._finish(error)

        stream.on("error", failed)
        if self._goes_on(index):
            self._last_cleanup.append(lambda: stream.off("error", failed))

    def _goes_on(self, index: int) -> bool:
        """Return whether the program uses this stage when the pipeline is done: it gets the errors from then on."""
        last = self.stages[-1]
        used = not self._end or (isinstance(last, Readable) and can_read(last))
        return used and index == len(self.stages) - 1

    def _join(self, current: Any, stream: Any, index: int) -> None:
        if isinstance(current, Readable):
            self._open += 2
            self._pipe(current, stream, index)
        else:
            self._open += 1
            self._spawn(self._pump(items_of(current), stream, self._feeds, index))

    def _pipe(self, source: Any, dest: Any, index: int) -> None:
        is_last = index == len(self.stages) - 1
        end = self._end or not is_last
        ended = False

        def closed() -> None:
            if not ended and not self._was_left(dest):
                self._finish(self._place(PrematureCloseError(_CLOSED), index))

        def end_dest(*_: Any) -> None:
            nonlocal ended
            ended = True
            dest.end()

        def read(watch: Finished) -> None:
            error = watch.exception()
            if error is None and end and not ended:
                # All data had come when it was destroyed, and there is no 'end' any more.
                end_dest()
            self._finish(None if self._has_left(error) else self._place(error, index - 1))

        def written(watch: Finished) -> None:
            error = watch.exception()
            if self._has_left(error):
                source.destroy(error)
                error = None
            self._finish(self._place(error, index))

        if dest.closed and dest._s_write_side_done():
            # It will neither take anything nor say so.
            done = UnableToPipeError(f"{stream_name(dest)} has finished and is closed")
            next_tick(self._finish, self._place(done, index))
        dest.on("close", closed)
        if hasattr(dest, "_left_input"):
            dest.on(LEFT_EVENT, source.destroy)
        source.pipe(dest, end=False)
        if not end:
            self._finish(None)
        elif source._s_read_side_done():
            next_tick(end_dest)
        else:
            source.once("end", end_dest)
        finished(source, writable=False).add_done_callback(read)
        watch = finished(dest, readable=False)
        watch.add_done_callback(written)
        if self._goes_on(index):
            self._last_cleanup += [watch.cancel, watch.mark_handled]
        if is_last and not self._end:
            self._last_cleanup += [lambda: dest.off("close", closed), lambda: source.unpipe(dest)]
            self._last_cleanup.append(lambda: dest.off(LEFT_EVENT, source.destroy))

    async def _await_last(self, awaitable: Any, end: Any, feeds: list[Any]) -> None:
        error, value = await self._run(lambda: awaitable, feeds)
        self._place(error, len(self.stages) - 1)
        if error is not None:
            end.destroy(error)
        else:
            self._outcome = value
            if value is not None:
                end.write(value)
            end.end()
        next_tick(self._finish, error)

    async def _pump(self, items: Any, stream: Any, feeds: list[Any], index: int) -> None:
        """Write ``items`` to ``stream``: stage ``index``, or the stream that stands for a function."""
        feeds = [*feeds, items]
        error, _ = await self._run(lambda: self._write_all(items, stream, feeds, index), feeds)
        self._place(error, index - 1 if stream is self.stages[index] else index)
        if self._was_left(stream) and isinstance(error, (Left, asyncio.CancelledError)):
            error = None
        self._finish(error)

    async def _run(
        self, work: Callable[[], Awaitable[Any]], feeds: list[Any]
    ) -> tuple[BaseException | None, Any]:
        """Run the work of a task, then destroy its source. Return the error, if any, and the value."""
        error: BaseException | None = None
        value = None
        task = asyncio.current_task()
        assert task is not None
        self._unbegun.discard(task)
        self._tasks.add(task)
        try:
            if self._first_error is not None:
                raise self._first_error
            value = await work()
        except asyncio.CancelledError as caught:
            error = self._first_error or caught
            if task in self._leaving and task.uncancel() == 0:
                error = None
            elif error is caught and task.cancelling():
                self._give_up_all()
        except Exception as caught:
            error = caught
        finally:
            self._tasks.discard(task)
        # Leaving ``async for`` does not close its iterator.
        for feed in reversed(feeds):
            try:
                if isinstance(feed, Readable):
                    if error is None or isinstance(error, Left):
                        self._give_up(feed)
                elif hasattr(feed, "aclose") and not getattr(feed, "ag_running", False):
                    await feed.aclose()
            except (Exception, asyncio.CancelledError) as caught:
                error = error or self._first_error or caught
        return error, value

    def _give_up(self, stream: Any) -> None:
        """Give up the stream that a finished function read, and the stages before it."""
        if stream is not self.stages[0] and not stream.destroyed and not stream.readable_ended:
            stream.destroy(Left())

    def _has_left(self, error: BaseException | None) -> bool:
        """Return whether a stream was destroyed because its reading function stopped. The pipeline does not fail then."""
        return isinstance(error, Left) and (
            any(stream.errored is error for stream in self._read_by_functions)
            or any(getattr(stage, name, None) is error for stage in self.stages for name in _LEFT_NAMES)
        )

    def _was_left(self, stream: Any) -> bool:
        """Return whether a stream needs no more input."""
        return getattr(stream, "_left_input", None) is not None or self._has_left(stream.errored)

    async def _write_all(self, items: Any, stream: Any, feeds: list[Any], index: int) -> None:
        """Write an async iterable or `PlainItems`, and wait when `write` returns False."""
        watch = finished(stream, readable=False)
        task = asyncio.current_task()
        assert task is not None

        def leave(_: Any = None) -> None:
            if task not in self._leaving:
                self._leaving.add(task)
                task.cancel()

        watch.add_done_callback(lambda done: leave() if self._has_left(done.exception()) else None)
        if hasattr(stream, "_left_input"):
            stream.on(LEFT_EVENT, leave)
        try:
            iterator = items if isinstance(items, PlainItems) else aiter(items)
            feeds.append(iterator)
            if stream.writable_need_drain:
                await stream.drain()
            failed, again = partial(self._place, index=index), partial(writable_again, stream, watch)
            await write_each(iterator, stream, partial(self._write, stream, index), failed, again)
            if self._end or stream is not self.stages[-1]:
                stream.end()
                await watch
        finally:
            stream.off(LEFT_EVENT, leave)
            watch.cancel()
            watch.mark_handled()

    def _write(self, stream: Any, index: int, chunk: Any) -> bool:
        if stream.writable_ended:
            if self._was_left(stream):
                raise Left
            error = WriteAfterEndError(f"{stream_name(stream)} was ended before all was written to it")
            self._place(error, index)
            raise error
        try:
            return bool(stream.write(chunk)) and not self._ticks.late()
        except Exception as error:
            self._place(error, index)
            raise

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._unbegun.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        if task in self._unbegun:
            # Cancelled before its first step, by the loop at its end.
            self._unbegun.discard(task)
            self._give_up_all()
            self._finish(self._first_error or asyncio.CancelledError())

    # ---- the end

    def _place(self, error: Any, index: int) -> Any:
        return placed(error, self.stages, index)

    def _finish(self, error: BaseException | None = None) -> None:
        """Note that one of the awaited parts is done."""
        self._open -= 1
        try:
            self._conclude(error, self._open == 0)
        except MemoryError as failure:
            # Destroy the rest, and wake the program.
            self._conclude(failure, self._open == 0)

    def _abort(self) -> None:
        assert self._outer is not None
        self._conclude(abort_error(self._outer), False)

    def _conclude(self, error: BaseException | None, final: bool) -> None:
        """X3: the first error wins, but any other error replaces a premature close."""
        if error is not None and (
            self._first_error is None or isinstance(self._first_error, PrematureCloseError)
        ):
            self._first_error = error
        if self._first_error is None and not final:
            return
        while self._destroyers:
            self._destroyers.popleft().destroy(self._first_error)
        if self._outer is not None:
            self._outer.remove_listener(self._abort)
        if self._first_error is not None:
            for task in list(self._tasks):
                if task is not asyncio.current_task():
                    task.cancel()
        if final:
            if self._first_error is None or not self._end:
                for cleanup in self._last_cleanup:
                    cleanup()
            next_tick(self._settle, self._first_error, self._outcome)

    def _give_up_all(self) -> None:
        """Destroy everything, because the loop is cancelling its tasks. A warning names the dropped data."""
        give_up(self, self._loop)
        self.mark_handled()

    def _abandoned(self) -> None:
        # A caller of cancel() expects this. A task that the loop cancels at its end has no caller.
        if shutting_down():
            self._give_up_all()
        self.mark_handled()
        self._conclude(AbortError(), False)


@overload
def pipeline(
    source: Source[_A],
    sink: Sink[_A, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    sink: Sink[_B, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    two: Middle[_B, _C],
    sink: Sink[_C, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    sink: Sink[_D, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    sink: Sink[_E, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    five: Middle[_E, _F],
    sink: Sink[_F, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: Source[_A],
    one: Middle[_A, _B],
    two: Middle[_B, _C],
    three: Middle[_C, _D],
    four: Middle[_D, _E],
    five: Middle[_E, _F],
    six: Middle[_F, _G],
    sink: Sink[_G, _R],
    /,
    *,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[_R]: ...
@overload
def pipeline(
    source: bytes | bytearray | memoryview,
    stage: Middle[bytes, Any] | Sink[bytes, Any],
    /,
    *stages: Any,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[Any]: ...
@overload
def pipeline(
    source: Source[Any],
    one: Middle[Any, Any],
    two: Middle[Any, Any],
    three: Middle[Any, Any],
    four: Middle[Any, Any],
    five: Middle[Any, Any],
    six: Middle[Any, Any],
    seven: Middle[Any, Any],
    eight: Middle[Any, Any] | Sink[Any, Any],
    /,
    *stages: Any,
    signal: AbortSignal | None = None,
    end: bool = True,
) -> Pipeline[Any]: ...
@overload
def pipeline(
    stages: list[Any] | tuple[Any, ...], /, *, signal: AbortSignal | None = None, end: bool = True
) -> Pipeline[Any]: ...
def pipeline(*stages: Any, signal: AbortSignal | None = None, end: bool = True) -> Pipeline[Any]:
    """Join ``stages`` and let the data flow: ``await pipeline(source, *stages, sink)``.

    The pipeline starts at once. A function is called once, with its whole source; if it stops reading before the end, the
    stages before it are given up. An error of any stage destroys every stage and is raised once. Cancelling the awaiting
    task, and ``signal``, destroy every stage with AbortError. As Node's ``stream.pipeline``; see docs/node-differences.md.

    Args:
        stages: The source, the stages and the sink, or one list of them. The source is a Readable, an iterable, an async
            iterable or a function that returns one. A stage in the middle is a Duplex, or a function from an async
            iterable to an async iterable (an async generator function). The sink is a Writable, or a function from an
            async iterable to an awaitable. Both may be file objects: a thread reads or writes them, and leaves them open.
        signal: An `AbortSignal` that ends the pipeline.
        end: False leaves the sink open.

    Returns:
        An awaitable `Pipeline`. Its result is the value of the last stage if that is a function, otherwise None.

    Raises:
        MissingArgsError: There are fewer than two stages.
        InvalidArgTypeError: An argument is not a stage.
        InvalidReturnValueError: A function returns nothing that can be read.
    """
    if len(stages) == 1 and isinstance(stages[0], (list, tuple)):
        stages = tuple(stages[0])
    if len(stages) < 2:
        raise MissingArgsError(f"pipeline() needs a source and a sink, got {len(stages)} stage(s)")
    check_stages(stages)
    flow: Pipeline[Any] = Pipeline(with_files(stages), checked_signal(signal), end)
    flow._start()
    return flow
