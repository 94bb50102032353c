"""Programs as streams: `through` is a program as a stage of a pipeline, and `spawn` starts a program with its own streams.

A program that fails, fails the flow: the end of its output is passed on only when its exit status is known and accepted. So the
output of a failed ``pg_dump`` never looks whole. A program that stops reading early, such as ``head``, is no error.

**Memory.** Each pipe holds at most 1 MiB in the kernel, and each stream holds its high-water mark. Of the standard error the
last 8 KiB are kept. Between a plain file stream and a program the kernel moves the bytes by ``splice``.

**The end.** A program leads a session and a process group of its own. If its stream is destroyed, its signal is aborted or
the awaiting task is cancelled, the whole group gets SIGTERM, and SIGKILL after the grace period. No zombie is left, even if the
event loop is closed meanwhile. See docs/processes.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import IO, Any

from forebay._core.abort import AbortSignal, checked_signal
from forebay._core.scheduling.ticks import running_loop
from forebay._system.paths import StrPath
from forebay.errors import ProcessError
from forebay.process._arguments import check_plan, check_wire
from forebay.process._process import Process
from forebay.process._stage import ProcessStage
from forebay.process._streams import ProcessInput, ProcessOutput

__all__ = ["Process", "ProcessError", "ProcessInput", "ProcessOutput", "ProcessStage", "spawn", "through"]


def through(
    program: str | bytes | os.PathLike[str],
    *args: str | bytes | os.PathLike[str],
    stderr: str | int | IO[Any] = "tail",
    cwd: StrPath | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    ok_statuses: Iterable[int] = (0,),
    grace: float = 5.0,
    high_water_mark: int | None = None,
    readable_high_water_mark: int | None = None,
    writable_high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> ProcessStage:
    """Return a program as a stage: ``pipeline(source, through("sort", "-u"), sink)`` or ``source | through("sort")``.

    The program starts on the next tick. If it cannot be started, the stage fails with the OSError (FileNotFoundError,
    PermissionError, ...). The stage ends when the program has closed its output and exited with an accepted status; otherwise it
    fails with `ProcessError`. If the program stops reading its input, the stages before are given up without an error.

    Args:
        program: The name or the path of the program. No shell is involved.
        args: The arguments.
        stderr: Where the standard error leads: "tail" (the last 8 KiB are kept for the error), "inherit" (that of this process),
            "stdout" (into the output), "null", an open file or a descriptor. The constants of `subprocess` are accepted.
        cwd: The folder in which the program runs.
        env: The environment of the program. None is that of this process.
        check: Whether an exit status that is not in ``ok_statuses`` is an error.
        ok_statuses: The accepted exit statuses. For ``grep``, which exits with 1 if it finds nothing, use ``(0, 1)``.
        grace: Seconds between SIGTERM and SIGKILL when the stage is destroyed.
        high_water_mark: As for `Duplex`.
        readable_high_water_mark: As for `Duplex`.
        writable_high_water_mark: As for `Duplex`.
        signal: An `AbortSignal` that destroys the stage.

    Returns:
        The stage, a Duplex.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        OutOfRangeError: ``grace`` is negative.
        NoRunningLoopError: No event loop is running.
    """
    plan = check_plan((program, *args), cwd, env, check, ok_statuses, grace)
    wire = check_wire("stderr", stderr, "pipe")
    running_loop()
    return ProcessStage(
        plan,
        wire,
        high_water_mark=high_water_mark,
        readable_high_water_mark=readable_high_water_mark,
        writable_high_water_mark=writable_high_water_mark,
        signal=signal,
    )


def spawn(
    program: str | bytes | os.PathLike[str],
    *args: str | bytes | os.PathLike[str],
    stdin: str | bytes | int | IO[Any] | None = None,
    stdout: str | int | IO[Any] = "pipe",
    stderr: str | int | IO[Any] = "tail",
    cwd: StrPath | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    ok_statuses: Iterable[int] = (0,),
    grace: float = 5.0,
    stdin_high_water_mark: int | None = None,
    stdout_high_water_mark: int | None = None,
    stderr_high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Process:
    """Start a program, and return it with its streams.

    A file or a descriptor that is given for a standard stream is inherited by the program, which then reads or writes it
    directly, from the present position of the descriptor. It stays open here.

    Args:
        program: The name or the path of the program. No shell is involved.
        args: The arguments.
        stdin: The standard input: None or "null" (empty), "pipe" (`Process.stdin` is a Writable), bytes (they are the input),
            "inherit" (that of this process), an open file or a descriptor.
        stdout: The standard output: "pipe" (`Process.stdout` is a Readable), "null", "inherit", an open file or a descriptor.
        stderr: The standard error: "tail" (the last 8 KiB are kept for the error), "pipe" (`Process.stderr` is a Readable),
            "stdout" (into the output), "null", "inherit", an open file or a descriptor.
        cwd: As for `through`.
        env: As for `through`.
        check: As for `through`.
        ok_statuses: As for `through`.
        grace: As for `through`.
        stdin_high_water_mark: Bytes that `Process.stdin` queues, beside those in the pipe. None is 64 KiB.
        stdout_high_water_mark: Bytes that `Process.stdout` buffers. None is 64 KiB.
        stderr_high_water_mark: Bytes that `Process.stderr` buffers. None is 64 KiB.
        signal: An `AbortSignal` that ends the program.

    Returns:
        The running program.

    Raises:
        OSError: The program cannot be started: FileNotFoundError, PermissionError, NotADirectoryError (``cwd``), or too many
            descriptors are open.
        AbortError: ``signal`` is aborted already.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        OutOfRangeError: ``grace`` is negative.
        NoRunningLoopError: No event loop is running.
    """
    plan = check_plan((program, *args), cwd, env, check, ok_statuses, grace)
    data = bytes(stdin) if isinstance(stdin, (bytes, bytearray, memoryview)) else None
    wires = (
        "pipe" if data is not None else check_wire("stdin", stdin),
        check_wire("stdout", stdout),
        check_wire("stderr", stderr),
    )
    running_loop()
    marks = (stdin_high_water_mark, stdout_high_water_mark, stderr_high_water_mark)
    return Process(plan, *wires, data, marks, checked_signal(signal))
