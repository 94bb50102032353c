"""The streams of a Process: its standard input, output and error."""

from __future__ import annotations

from typing import Any

from forebay._core.state.completion import Completion
from forebay.process._execution import Execution
from forebay.process._feeding import Feeding
from forebay.process._intake import Intake
from forebay.process._outlet import Outlet
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["ProcessInput", "ProcessOutput", "closed_when_over"]


def closed_when_over(execution: Execution, error: BaseException | None) -> Completion | None:
    """Return the Completion of a ``_destroy`` that waits for the program, which is being ended."""
    if execution.over or not execution.ended:
        return None
    done = Completion()

    def settle() -> None:
        failure = error if error is not None else execution.denied()
        if failure is None:
            done.resolve()
        else:
            done.reject(failure)

    execution.when_over(settle)
    return done


class ProcessInput(Feeding, Writable[bytes]):
    """The standard input of a `Process`, as a Writable.

    ``end()`` gives the program the end of its input. If the stream is destroyed before, the program is ended: it must not take
    what it got for the whole. When the program stops reading, the stream finishes without an error; a later ``write`` fails
    with BrokenPipeError. ``bytes_written`` counts the bytes that the pipe has taken.
    """

    def __init__(self, execution: Execution, fd: int, high_water_mark: int | None) -> None:
        self._execution = execution
        self._outlet = outlet = Outlet(execution.loop, fd, self._program_left)
        super().__init__(
            write=outlet.write, writev=outlet.writev, final=outlet.final, high_water_mark=high_water_mark
        )
        self._begin_feeding()
        execution.when_over(outlet.look)

    @property
    def bytes_written(self) -> int:
        """The bytes that the program's pipe has taken so far."""
        return 0 if self._outlet is None else self._outlet.nbytes

    def _destroy(self, error: BaseException | None) -> Completion | None:
        outlet = self._outlet
        assert outlet is not None
        execution = self._execution
        if not self.writable_finished and not outlet.gone:
            execution.end(error)
        execution.close_input(outlet)
        return closed_when_over(execution, error)


class ProcessOutput(Readable[bytes]):
    """The standard output or error of a `Process`, as a Readable.

    With ``judges`` the stream ends only when the program has exited with an accepted status. Otherwise it fails with
    `ProcessError`. ``bytes_read`` counts the bytes that came.
    """

    def __init__(self, execution: Execution, fd: int, judges: bool, high_water_mark: int | None) -> None:
        self._execution = execution
        self._judges = judges
        self._intake = intake = Intake(self, execution.loop, fd, self._pipe_ended)
        super().__init__(read=intake.read, high_water_mark=high_water_mark)
        execution.when_over(self._program_over)

    @property
    def bytes_read(self) -> int:
        """The bytes that came from the program so far."""
        return self._intake.nbytes

    def _program_over(self) -> None:
        if self._execution.failure() is not None or self._execution.ended:
            self._intake.expect_no_more()

    def _pipe_ended(self) -> None:
        if self._judges:
            self._execution.when_over(self._conclude)
        else:
            self.push(None)

    def _conclude(self) -> None:
        error = self._execution.failure()
        if error is None:
            self.push(None)
        elif not self.destroyed:
            self._execution.told = True
            self._r_end_with(error)

    def _destroy(self, error: BaseException | None) -> Completion | None:
        intake = self._intake
        if self._judges and not self.readable_ended and not self._execution.told:
            self._execution.end(error, held=intake.fd >= 0)
        intake.close()
        return closed_when_over(self._execution, error)


def note_heard(_: Any) -> None:
    """Nothing: the caller of wait() has the error."""
