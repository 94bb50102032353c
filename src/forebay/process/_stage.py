"""ProcessStage: a program as a Duplex, for a pipeline."""

from __future__ import annotations

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.process._arguments import Plan, Wire
from forebay.process._execution import Execution
from forebay.process._feeding import Feeding
from forebay.process._intake import Intake
from forebay.process._outlet import Outlet
from forebay.process._streams import closed_when_over
from forebay.streams.duplex import Duplex

__all__ = ["ProcessStage"]


class ProcessStage(Feeding, Duplex[bytes, bytes]):
    """A program as a Duplex: what is written is its standard input, what is read is its standard output. `through` makes it.

    ``command`` is the program with its arguments. ``bytes_written`` and ``bytes_read`` count the bytes of both pipes.
    """

    _execution: Execution | None = None
    _intake: Intake | None = None
    _outlet: Outlet | None = None

    def __init__(
        self,
        plan: Plan,
        stderr: Wire,
        *,
        high_water_mark: int | None = None,
        readable_high_water_mark: int | None = None,
        writable_high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        self._plan = plan
        self._stderr = stderr
        self._judged = False
        super().__init__(
            high_water_mark=high_water_mark,
            readable_high_water_mark=readable_high_water_mark,
            writable_high_water_mark=writable_high_water_mark,
            signal=signal,
        )
        self._begin_feeding()

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments."""
        return self._plan.words

    @property
    def pid(self) -> int | None:
        """The number of the process; None before the start."""
        return None if self._execution is None else self._execution.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or the negative number of the signal that ended the program; None before its exit."""
        return None if self._execution is None else self._execution.returncode

    @property
    def bytes_written(self) -> int:
        """The bytes that the program's pipe has taken so far."""
        return 0 if self._outlet is None else self._outlet.nbytes

    @property
    def bytes_read(self) -> int:
        """The bytes that came from the program so far."""
        return 0 if self._intake is None else self._intake.nbytes

    def _s_label(self) -> object:
        return self._plan.words[0]

    # ---- hooks

    def _construct(self) -> None:
        if self.destroyed:
            return
        execution = self._execution = Execution(self._plan, "pipe", "pipe", self._stderr)
        self._outlet = Outlet(execution.loop, execution.stdin_fd, self._program_left)
        self._intake = Intake(self, execution.loop, execution.stdout_fd, self._pipe_ended)
        execution.when_over(self._program_over)

    def _read(self, size: int) -> None:
        assert self._intake is not None
        self._intake.read(size)

    def _write(self, chunk: bytes) -> Completion | None:
        assert self._outlet is not None
        return self._outlet.write(chunk)

    def _writev(self, chunks: list[bytes]) -> Completion | None:
        assert self._outlet is not None
        return self._outlet.writev(chunks)

    def _final(self) -> Completion | None:
        assert self._outlet is not None
        return self._outlet.final()

    def _destroy(self, error: BaseException | None) -> Completion | None:
        execution, outlet, intake = self._execution, self._outlet, self._intake
        if execution is None or outlet is None or intake is None:
            return None
        if not self._judged:
            execution.end(error, held=intake.fd >= 0)
        intake.close()
        execution.close_input(outlet)
        execution.when_over(execution.release)
        return closed_when_over(execution, error)

    # ---- the program

    def _program_over(self) -> None:
        execution = self._execution
        assert execution is not None
        assert self._intake is not None
        assert self._outlet is not None
        if execution.ended:
            return
        if execution.failure() is not None:
            self._intake.expect_no_more()
        self._outlet.look()

    def _pipe_ended(self) -> None:
        assert self._execution is not None
        self._execution.when_over(self._conclude)

    def _conclude(self) -> None:
        execution = self._execution
        assert execution is not None
        if self.destroyed:
            return
        self._judged = True
        execution.told = True
        error = execution.failure()
        if error is None:
            self.push(None)
        else:
            self._r_end_with(error)
