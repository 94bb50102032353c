"""Runs one random program on a loop of its own, and checks that it breaks no rule and leaves nothing."""

import asyncio
import gc
import os
import sys
import threading
import traceback
from typing import Any

from programs.choices import Choices
from support.loops import LOOPS, eventually, may_wait, open_fds

__all__ = ["Failure", "allowed", "run_program", "settled"]

SECONDS = float(os.environ.get("FOREBAY_PROGRAM_SECONDS", "30"))
# Never the right answer to anything that a program can do.
MISTAKES = (
    SystemError,
    AttributeError,
    IndexError,
    KeyError,
    NameError,
    TypeError,
    AssertionError,
    ReferenceError,
)


class Failure(Exception):
    """An error that a program makes."""


def allowed(error: BaseException | None) -> bool:
    """Whether a program that makes failures may see this error."""
    return not isinstance(error, MISTAKES)


async def settled(condition: Any, seconds: float = 20.0) -> bool:
    """Wait until the condition holds; return whether it does."""
    limit = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > limit:
            return False
        await asyncio.sleep(0 if limit - asyncio.get_running_loop().time() > seconds - 0.05 else 0.002)
    return True


def run_program(make: Any, choices: Choices, loop: str = "asyncio") -> list[str]:
    """Run a program to its end; return its trace. Raises what breaks the rules."""
    unheard: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: unheard.append(args.exc_value)
    threads = set(threading.enumerate())
    try:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(_prepared())
            before = open_fds()
            program = make(choices)
            runner.run(_guarded(program, unheard))
            left = runner.run(_tasks_left())
            assert not left, f"tasks are left: {left}"
            trace = list(program.trace)
            program = None
            gc.collect()
            runner.run(asyncio.sleep(0))
            if not eventually(lambda: open_fds() == before, 10):
                raise AssertionError(f"descriptors are left: {set(open_fds().items()) ^ set(before.items())}")
        assert eventually(lambda: all(may_wait(each) for each in set(threading.enumerate()) - threads), 20), (
            f"a thread is left: {set(threading.enumerate()) - threads}"
        )
    finally:
        sys.unraisablehook = hook
    wrong = [error for error in unheard if not (isinstance(error, Failure))]
    if wrong:
        raise AssertionError("nobody hears of: " + "".join(traceback.format_exception(wrong[0]))) from wrong[
            0
        ]
    return trace


async def _prepared() -> None:
    """Have the loop open what it opens once: uvloop keeps a descriptor from its first socket on."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    server.close()
    await server.wait_closed()


async def _guarded(program: Any, unheard: list[Any]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda _, context: unheard.append(context.get("exception") or AssertionError(str(context)))
    )
    async with asyncio.timeout(SECONDS):
        await program.run()


async def _tasks_left() -> list[str]:
    """The other tasks after a few turns, in which one that is about to end ends."""
    for _ in range(20):
        await asyncio.sleep(0)
        if len(asyncio.all_tasks()) == 1:
            return []
    return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
