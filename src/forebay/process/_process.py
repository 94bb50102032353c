"""Process: a running program and its streams."""

from __future__ import annotations

import asyncio
import signal as _signal
from typing import Any, Self, TypeVar

from forebay._core.abort import AbortSignal, abort_error
from forebay._core.representation import represent
from forebay._system.worker_pool import settle
from forebay.errors import InvalidStateError, ProcessError
from forebay.process._arguments import Plan, Wire
from forebay.process._execution import Execution
from forebay.process._streams import ProcessInput, ProcessOutput, note_heard

__all__ = ["Process"]

_Stream = TypeVar("_Stream")


class Process:
    """A running program; `spawn` starts it.

    ``stdin`` is a Writable, ``stdout`` and ``stderr`` are Readables, each only if `spawn` was asked for a pipe. ``stdout`` ends
    when the program has exited with an accepted status; otherwise it fails with `ProcessError`. A Process is also an async
    context manager: leaving the block ends a program that still runs.
    """

    def __init__(
        self,
        plan: Plan,
        stdin: Wire,
        stdout: Wire,
        stderr: Wire,
        data: bytes | None,
        marks: tuple[int | None, int | None, int | None],
        signal: AbortSignal | None,
    ) -> None:
        if signal is not None and signal.aborted:
            raise abort_error(signal)
        #: The program and its arguments.
        self.command: tuple[str, ...] = plan.words
        self._signal = signal
        self._execution = execution = Execution(plan, stdin, stdout, stderr)
        self._stdin: ProcessInput | None = None
        self._stdout: ProcessOutput | None = None
        self._stderr: ProcessOutput | None = None
        self._streams: list[Any] = []
        self._killed = False
        self._error: BaseException | None = None
        if execution.stdin_fd >= 0:
            self._stdin = self._add(ProcessInput(execution, execution.stdin_fd, marks[0]))
        if execution.stdout_fd >= 0:
            self._stdout = self._add(ProcessOutput(execution, execution.stdout_fd, True, marks[1]))
        if execution.stderr_fd >= 0:
            self._stderr = self._add(ProcessOutput(execution, execution.stderr_fd, False, marks[2]))
        execution.when_over(self._release)
        if signal is not None:
            signal.add_listener(self._abort)
        if data is not None:
            self.stdin.end(data)
            self._stdin = None

    def __repr__(self) -> str:
        return represent(self, lambda: f"{self.command[0]!r}, pid {self.pid}, {self._state()}")

    def _state(self) -> str:
        if not self._execution.over:
            return "running"
        return f"returncode {self.returncode}"

    def _add(self, stream: Any) -> Any:
        self._streams.append(stream)
        stream.on("close", self._release)
        return stream

    def _release(self) -> None:
        """Close what is open when the program has exited and the streams are closed."""
        if not self._execution.over:
            return
        if self._signal is not None:
            self._signal.remove_listener(self._abort)
        if all(stream.closed for stream in self._streams):
            self._execution.release()

    # ---- public state

    @property
    def pid(self) -> int:
        """The number of the process, which is also that of its group and session."""
        return self._execution.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or the negative number of the signal that ended the program; None before its exit."""
        return self._execution.returncode

    @property
    def stdin(self) -> ProcessInput:
        """The program's input. Raises InvalidStateError without ``stdin="pipe"``."""
        return _checked(self._stdin, "stdin")

    @property
    def stdout(self) -> ProcessOutput:
        """The program's output. Raises InvalidStateError without ``stdout="pipe"``."""
        return _checked(self._stdout, "stdout")

    @property
    def stderr(self) -> ProcessOutput:
        """The program's error output. Raises InvalidStateError without ``stderr="pipe"``."""
        return _checked(self._stderr, "stderr")

    # ---- the end

    async def wait(self) -> int:
        """Wait for the exit of the program.

        Read ``stdout`` and ``stderr`` before or meanwhile: a program whose pipe is full waits, and does not exit. Cancelling the
        call leaves the program running.

        Returns:
            The exit status, or the negative number of the signal that ended the program.

        Raises:
            ProcessError: The status is not accepted, and neither `kill`, `send_signal` nor `destroy` ended the program.
            AbortError: The signal that `spawn` got has ended the program. The error of `destroy` is raised as well.
        """
        execution = self._execution
        for stream in self._streams:
            if note_heard not in stream.listeners("error"):
                stream.on("error", note_heard)
        await execution.until_over()
        execution.told = True
        error = execution.failure()
        code = execution.returncode
        if self._error is not None:
            raise self._error
        if error is not None and (code is None or not (self._killed or execution.ended)):
            raise error
        if code is None:
            raise ProcessError(self.command, None)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the program and its descendants in its group. After the exit this does nothing.

        Args:
            number: The signal, such as ``signal.SIGINT``.

        Raises:
            PermissionError: The program belongs to another user.
        """
        if not self._execution.over:
            self._killed = True
            self._execution.send_signal(number)

    def kill(self) -> None:
        """Kill the program and its descendants in its group at once (SIGKILL)."""
        self.send_signal(_signal.SIGKILL)

    def destroy(self, error: BaseException | None = None) -> Self:
        """End the program and its group (SIGTERM, and SIGKILL after the grace period), and destroy the streams.

        Args:
            error: The exception that the streams report, or None.

        Returns:
            The process.
        """
        if not self._execution.over and self._error is None:
            self._error = error
        self._execution.end(error)
        for stream in self._streams:
            # Only a reader or a writer has to hear of it. The caller of wait() does in any case.
            stream.destroy(error if stream.listener_count("error") else None)
        return self

    async def aclose(self) -> None:
        """Destroy the process, and wait until it is gone."""
        self.destroy()
        await self._execution.until_over()
        for stream in self._streams:
            await _until_closed(stream)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _abort(self) -> None:
        assert self._signal is not None
        self.destroy(abort_error(self._signal))


async def _until_closed(stream: Any) -> None:
    if not stream.closed:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream.on("close", lambda: settle(waiter, None, None))
        await waiter


def _checked(stream: _Stream | None, name: str) -> _Stream:
    if stream is None:
        raise InvalidStateError(f"the Process has no {name} stream; give spawn() the argument {name}='pipe'")
    return stream
