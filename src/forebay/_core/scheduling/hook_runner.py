"""The task that runs the ``async`` calls of one hook."""

from __future__ import annotations

from asyncio import CancelledError, Future, current_task, get_running_loop
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextvars import copy_context
from functools import partial
from types import CoroutineType
from typing import Any, Protocol

from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.scheduling.awaits import Suspended, first_step
from forebay._core.scheduling.exit import heed


def is_awaitable(value: object) -> bool:
    return calls.has_await(value)


def is_coroutine_of(function: object, value: object) -> bool:
    """Return whether ``value`` comes from a call of ``function``, an ``async def``: no line of the call has run."""
    return type(value) is CoroutineType and getattr(function, "__code__", None) is value.cr_code


class Settleable(Protocol):
    """The receiver of the outcome of a call: a `Completion`, or the place of an item in an operator."""

    def resolve(self, value: Any = None) -> None: ...

    def reject(self, error: BaseException) -> None: ...

    def _abandon(self) -> None: ...

    def _cancel(self) -> None: ...


class Unfinished:
    """A call of a hook that has to wait: its awaitable, or the rest of it."""

    awaitable: Any

    def __init__(self, awaitable: Any) -> None:
        self.awaitable = awaitable


class HookRunner:
    """Await the results of a hook, one call after the other, and settle each call's Completion.

    A call that never suspends is done before `run` returns, without a turn of the loop: its first step runs at once, as a
    step of the runner's task.
    """

    _jobs: Any
    _busy: bool
    _idle: Any
    _stopped: bool
    _begun: bool
    _task: Any
    _context: Any

    def __init__(self) -> None:
        self._jobs = deque()
        self._busy = False
        self._idle = None
        self._stopped = False
        self._begun = False
        self._task = None
        self._context = copy_context()

    def submit(self, awaitable: Any, completion: Settleable) -> None:
        """Run a call, and settle ``completion`` with its outcome."""
        outcome = self.run(awaitable)
        if type(outcome) is Unfinished:
            self.queue(outcome, completion)
        elif type(outcome) is calls.Raised:
            raised = outcome
            completion.reject(raised.error)
        else:
            completion.resolve(outcome)

    def run(self, awaitable: Any) -> Any:
        """Run a call as far as it goes without waiting.

        Returns:
            The value of the call, a `Raised`, or an `Unfinished` for `queue`.
        """
        loop = get_running_loop()
        if self._task is None:
            task: Any = loop.create_task(self._serve(), context=self._context)
            # If the program drops an unused stream, its idle task goes with it; that is not an error.
            task._log_destroy_pending = False
            task.add_done_callback(self._served)
            self._task = task
        kind = type(awaitable)
        if kind is not CoroutineType and kind is not _COMPILED_COROUTINE:
            return Unfinished(awaitable)
        if self._busy or self._stopped or self._jobs:
            return Unfinished(awaitable)
        self._busy = True
        try:
            outcome = first_step(awaitable, self._context, loop, self._task)
        finally:
            self._busy = False
        if type(outcome) is Suspended:
            suspended = outcome
            return Unfinished(_Resumed(awaitable, suspended.yielded))
        return outcome

    def queue(self, unfinished: Unfinished, completion: Settleable) -> None:
        """Have the task await the rest of a call, and settle ``completion``."""
        self._jobs.append((unfinished.awaitable, completion))
        if self._idle is not None and not self._idle.done():
            try:
                self._idle.set_result(None)
            except BaseException:
                # There is no memory to wake the task, and it will never run again.
                self._jobs.pop()
                self._task = self._idle = None
                raise

    def stop(self) -> None:
        """End the task. Cancel a call in progress, unless it has called this method."""
        if self._stopped or self._task is None:
            return
        self._stopped = True
        if not self._is_running():
            if not (self._begun and (self._busy or not self._jobs)):
                # The task has not taken over this hook yet: only its first step has run. The hook has to get the cancellation.
                try:
                    get_running_loop().call_soon(self._task.cancel)
                except MemoryError:
                    self._task.cancel()
            else:
                self._task.cancel()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _is_running(self) -> bool:
        """Return whether the task itself makes this call."""
        try:
            return self._task is current_task()
        except MemoryError:
            return False

    async def _serve(self) -> None:
        loop = get_running_loop()
        self._begun = True
        try:
            while True:
                while self._jobs:
                    awaitable, completion = self._jobs.popleft()
                    try:
                        await self._one(awaitable, completion, loop)
                    except MemoryError as error:
                        # The call has not gone on, or its outcome could not be reported.
                        if not getattr(completion, "settled", False):
                            completion.reject(error)
                if self._stopped:
                    break
                self._idle = loop.create_future()
                await self._idle
        except CancelledError:
            if not self._stopped:
                raise
        finally:
            self._task = self._idle = None
            while self._jobs:
                awaitable, completion = self._jobs.popleft()
                close = getattr(awaitable, "close", None)
                if close is not None:
                    close()
                completion._cancel()

    def _served(self, _: Any) -> None:
        """Handle the end of the task. If the loop cancelled it before its first step, jobs remain."""
        if self._begun:
            return
        self._task = None
        self._stopped = True
        while self._jobs:
            awaitable, completion = self._jobs.popleft()
            if hasattr(awaitable, "cancel"):
                awaitable.cancel()
            elif hasattr(awaitable, "close"):
                awaitable.close()
            completion._abandon()

    async def _one(self, awaitable: Any, completion: Settleable, loop: Any) -> None:
        self._busy = True
        settle: Callable[[Any], None]
        try:
            outcome = await awaitable
            settle = completion.resolve
        except CancelledError as error:
            if self._stopped:
                completion._cancel()
                raise
            if self._task is not None and self._task.cancelling() > 0:
                # The cancellation comes from the end of the loop, not from the hook.
                self._stopped = True
                completion._abandon()
                raise
            settle, outcome = completion.reject, error
        except GeneratorExit:
            # The task itself was destroyed.
            raise
        except BaseException as error:
            heed(error)
            settle, outcome = completion.reject, error
        finally:
            self._busy = False
        try:
            settle(outcome)
        except Exception as error:
            # An exception of a listener that ran when the stream continued. The loop reports it, as for its own callbacks.
            loop.call_exception_handler({"message": "Exception in a forebay callback", "exception": error})


class _Resumed:
    """The rest of a coroutine whose first step has yielded."""

    def __init__(self, started: Any, yielded: Any) -> None:
        self._started = started
        self._yielded = yielded

    def __await__(self) -> Any:
        return _go_on(self._started, self._yielded)

    def close(self) -> None:
        self._started.close()

    def cancel(self) -> None:
        """Raise a CancelledError in the coroutine. If it still awaits something, a separate task runs the rest."""
        try:
            yielded = self._started.throw(CancelledError())
        except (StopIteration, Exception, CancelledError):
            return
        get_running_loop().create_task(_rest(_Resumed(self._started, yielded)))


async def _rest(awaitable: Any) -> None:
    try:
        await awaitable
    except Exception:
        # The call was cancelled before.
        return


def _go_on(started: Any, yielded: Any) -> Any:
    while True:
        try:
            sent = yield yielded
        except GeneratorExit:
            started.close()
            raise
        except BaseException as error:
            try:
                yielded = started.throw(error)
            except StopIteration as stop:
                return stop.value
        else:
            try:
                yielded = started.send(sent)
            except StopIteration as stop:
                return stop.value


def _type_of(coroutine: Any) -> type:
    coroutine.close()
    return type(coroutine)


# The same as CoroutineType where this module is not compiled.
_COMPILED_COROUTINE = _type_of(_rest(None))


async def pump_outputs(outputs: AsyncGenerator[Any], stream: Any) -> None:
    """Push the output of an async generator hook, and wait for room between the chunks."""
    try:
        async for value in outputs:
            if stream.destroyed:
                raise CancelledError
            if not stream._t_push_output(value):
                room = get_running_loop().create_future()
                stream._t_wait_for_room(partial(_settle, room))
                await room
    finally:
        await outputs.aclose()


def _settle(room: Future[None]) -> None:
    if not room.done():
        room.set_result(None)


give_defaults(Unfinished, HookRunner)
