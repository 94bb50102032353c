"""`map`, `filter`, `tap` and `flat_map` in the workers of an executor: threads, processes or interpreters."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError
from typing import TYPE_CHECKING, Any

from forebay._core.abort import checked_signal
from forebay._core.state.many import read_many
from forebay._system.worker_calls import call_each
from forebay.errors import AbortError, InvalidArgTypeError
from forebay.streams.operators import constants as k
from forebay.streams.operators.operator_stream import checked_int, null_result
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal

_NAMES = {k.MAP: "map", k.FILTER: "filter", k.TAP: "tap", k.FLAT_MAP: "flat_map"}


class RemoteTraceback(Exception):
    """The cause of an exception that was raised in another process: its traceback there, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return f"\n{self._text}"


class ExecutorStream(Readable[Any]):
    """What an operator returns that has an ``executor``. It submits items once it is read, and as long as there is room."""

    def __init__(
        self,
        source: Readable[Any],
        kind: int,
        fn: Callable[[Any], Any],
        executor: Any,
        *,
        concurrency: int | None,
        ordered: bool,
        window: int | None,
        chunk: int,
        signal: AbortSignal | None,
    ) -> None:
        self._name = _NAMES[kind]
        self._kind = kind
        self._fn = _checked_function(self._name, fn)
        self._submit = _checked_executor(executor)
        if concurrency is None:
            concurrency = 2 * _workers(executor)
        self._concurrency = checked_int("concurrency", concurrency, 1)
        self._window = checked_int("window", 2 * concurrency if window is None else window, 1)
        self._chunk = checked_int("chunk", chunk, 1)
        self._ordered = ordered
        self._abort_signal = checked_signal(signal)
        self._source = source
        # A source that holds many gives all that it has in one call.
        self._many = chunk > 1 and source.readable_object_mode and source.readable_high_water_mark > 1
        self._puller: Puller | None = None
        self._loop: asyncio.AbstractEventLoop
        # Items that are not submitted yet, and how many items there were before.
        self._gathered: list[Any] = []
        self._count = 0
        # Submissions that have not been delivered: all of them if the order counts, else those that are done.
        self._queue: deque[_Submission] = deque()
        self._running: dict[_Submission, None] = {}
        # How many in the queue are done.
        self._waiting = 0
        # Those that are done, from other threads, and whether the loop was told so.
        self._landed: deque[_Submission] = deque()
        self._told = False
        self._wanted = False
        self._pumping = False
        super().__init__(object_mode=True, high_water_mark=chunk)

    def _read(self, size: int) -> None:
        self._wanted = True
        if self._puller is None:
            self._loop = asyncio.get_running_loop()
            self._puller = Puller(self._source, self._pump, self._abort_signal)
        self._pump()

    def _pump(self) -> None:
        """Deliver what is done, and submit what there is room for."""
        puller = self._puller
        if puller is None or self._pumping or self.destroyed:
            return
        if self._abort_signal is not None and self._abort_signal.aborted:
            self.destroy(puller.error)
            return
        self._pumping = True
        try:
            self._work(puller)
        except (Exception, asyncio.CancelledError) as error:
            self.destroy(error)
        finally:
            self._pumping = False

    def _work(self, puller: Puller) -> None:
        while not self.destroyed:
            if self._wanted and self._queue and self._queue[0].done:
                submission = self._queue.popleft()
                self._waiting -= 1
                self._deliver(submission)
            elif len(self._running) >= self._concurrency or self._waiting >= self._window:
                return
            elif not self._submit_next(puller):
                break
        if self.destroyed or self._running or self._queue:
            return
        if puller.error is not None:
            raise puller.error
        if puller.ended:
            self.push(None)

    # ---- to the executor

    def _submit_next(self, puller: Puller) -> bool:
        """Submit the next items of the source. Return whether there were enough."""
        gathered = self._gathered
        source = self._source
        while len(gathered) < self._chunk:
            item = None if source.destroyed else puller.read()
            if item is None:
                break
            gathered.append(item)
            if self._many:
                read_many(source, gathered)
        if not gathered or self.destroyed:
            return False
        over = puller.ended or puller.error is not None
        # Fewer than a chunk go while the workers have nothing else to do, so that a slow source is not held up.
        if len(gathered) < self._chunk and self._running and not over:
            return False
        self._gathered = gathered[self._chunk :]
        del gathered[self._chunk :]
        submission = _Submission(self, gathered, self._count)
        self._count += len(gathered)
        self._running[submission] = None
        if self._ordered:
            self._queue.append(submission)
        try:
            if self._chunk == 1 and self._kind != k.FLAT_MAP:
                future = self._submit(self._fn, gathered[0])
            else:
                future = self._submit(call_each, self._fn, gathered, self._kind == k.FLAT_MAP)
        except Exception as error:
            if isinstance(error, BrokenExecutor):
                self._forget_calls()
            error.add_note(self._note(submission.first))
            raise
        submission.future = future
        future.add_done_callback(submission.land)
        return True

    def _land(self, submission: _Submission) -> None:
        """Take the news that a submission is done. Called in any thread."""
        self._landed.append(submission)
        if not self._told:
            self._told = True
            # The loop may be closed.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        self._told = False
        landed = self._landed
        while landed:
            submission = landed.popleft()
            if self._running.pop(submission, submission) is None:
                submission.done = True
                self._waiting += 1
                if isinstance(submission.error, BrokenExecutor):
                    # The others fail for the same reason, and no result of them will come.
                    self._fail(submission, submission.error)
                    return
                if not self._ordered:
                    self._queue.append(submission)
        self._pump()

    # ---- from the executor

    def _deliver(self, submission: _Submission) -> None:
        results, error, text = submission.results(self._chunk == 1 and self._kind != k.FLAT_MAP)
        if results:
            output = self._output(submission.items, results)
            if output:
                self._wanted = self.push_many(output)
        if error is not None:
            self._fail(submission, error, len(results), text)

    def _output(self, items: list[Any], results: list[Any]) -> list[Any]:
        if self._kind == k.TAP:
            return items[: len(results)]
        if self._kind == k.FILTER:
            return [item for item, result in zip(items, results, strict=False) if result]
        output = results if self._kind == k.MAP else [item for each in results for item in each]
        for at, result in enumerate(output):
            if result is None:
                self.push_many(output[:at])
                raise null_result(self._name)
        return output

    def _fail(self, submission: _Submission, error: BaseException, position: int = 0, text: str = "") -> None:
        if isinstance(error, CancelledError | asyncio.CancelledError):
            cause, error = error, AbortError(f"{self._name}(): the executor cancelled a call")
            error.__cause__ = cause
        elif text and error.__traceback__ is None and error.__cause__ is None:
            error.__cause__ = RemoteTraceback(text)
        if isinstance(error, BrokenExecutor):
            self._forget_calls()
            error.add_note(
                f"in {self._name}() with an executor; the items from {submission.first} on, counted from 0, are lost"
            )
        else:
            error.add_note(self._note(submission.first + position))
        self.destroy(error)

    def _forget_calls(self) -> None:
        """Leave the calls to an executor that broke: it fails them in its own thread, which a cancelled call would stop."""
        self._running.clear()

    def _note(self, index: int) -> str:
        return f"in {self._name}() with an executor, at item {index}, counted from 0"

    def _destroy(self, error: BaseException | None) -> None:
        puller, self._puller = self._puller, None
        running, self._running = self._running, {}
        self._queue.clear()
        self._gathered = []
        for submission in running:
            submission.cancel()
        # Without a puller it was destroyed before it was read: only this stream would have read the source.
        (puller or Puller(self._source)).leave()


class _Submission:
    """Items that went to the executor in one call, and what came of them."""

    __slots__ = ("_stream", "done", "error", "first", "future", "items", "value")

    def __init__(self, stream: ExecutorStream, items: list[Any], first: int) -> None:
        self._stream: ExecutorStream | None = stream
        self.items = items
        #: The index of the first item in the source.
        self.first = first
        self.future: Any = None
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def land(self, future: Any) -> None:
        """Keep the result. The executor calls this, in any thread."""
        stream = self._stream
        if stream is None:
            return
        try:
            self.value = future.result()
        except BaseException as error:
            self.error = error
        stream._land(self)

    def cancel(self) -> None:
        """Have the call not begun, if it has not. One that runs goes on, and its result is dropped."""
        self._stream = None
        if self.future is not None:
            self.future.cancel()

    def results(self, single: bool) -> tuple[list[Any], BaseException | None, str]:
        """The results up to the first exception, that exception, and the text of its traceback in the worker."""
        if self.error is not None:
            return [], self.error, ""
        if single:
            return [self.value], None, ""
        results, error, text = self.value
        return results, error, text


def _checked_function(name: str, fn: Any) -> Callable[[Any], Any]:
    if not callable(fn):
        raise InvalidArgTypeError(f"{name}() needs a function, got {fn!r}")
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidArgTypeError(
            f"{name}() with an executor needs a plain function, and {fn!r} is async; an async function needs no executor"
        )
    function: Callable[[Any], Any] = fn
    return function


def _checked_executor(executor: Any) -> Callable[..., Any]:
    submit = getattr(executor, "submit", None)
    if not callable(submit) or isinstance(executor, type):
        raise InvalidArgTypeError(
            f"executor must be an executor of concurrent.futures, or have a submit() like it, got {executor!r}"
        )
    found: Callable[..., Any] = submit
    return found


def _workers(executor: Any) -> int:
    workers = getattr(executor, "_max_workers", None)
    return workers if isinstance(workers, int) and workers > 0 else os.cpu_count() or 1
