"""Press Ctrl-C at a step of the interpreter, while a program runs under `forebay.run`, and report what breaks the rules.

    python -m faults.interrupts --count 500              # steps of each program, on both loops and in both ways
    python -m faults.interrupts --hours 8 copy spawned   # again and again, at other steps

A step is an instruction of Python code in the main thread; compiled code has none. SIGINT comes there ``once``: asyncio cancels
the main task. Or it comes ``twice``, the second time some steps later: then Python raises KeyboardInterrupt where the program is.

The program ends, KeyboardInterrupt comes out of `forebay.run`, and no thread or process is left. After one signal, no descriptor
or temporary file is left either, and nothing is printed. Each run is a process of its own.
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import os
import random
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import forebay
from faults.place import Place
from faults.rules import CLEAR, OWN_FILES, children
from faults.scenarios import SCENARIOS
from support.certificates import make_certificate
from support.loops import LOOPS, eventually, may_wait, open_fds

__all__ = ["PROGRAMS", "WAYS", "Interrupts", "prepared"]

PROGRAMS = (
    "copy",
    "atomic_copy",
    "gzip_file",
    "transformed",
    "echo",
    "http_download",
    "http_upload",
    "read_and_written_in_a_thread",
    "file_of_a_thread",
    "through_a_program",
    "spawned",
)
WAYS = ("once", "twice")
# Steps between two signals.
MOST_BETWEEN = 3000
# Seconds after which a run hangs.
SECONDS = 10.0
# More steps than a program has.
NEVER = 10**9
RUNNERS = asyncio.runners.__file__
# The functions of asyncio.Runner that make or close the loop. Meanwhile asyncio does not listen for Ctrl-C: KeyboardInterrupt is
# raised in the middle of the code of the loop, which then keeps its descriptors.
NOT_LISTENING = {"_lazy_init", "close", "__enter__", "__exit__"}
TESTS = str(Path(__file__).parents[1])
FOREBAY = str(Path(forebay.__file__).parent)


class Steps:
    """Counts the steps of the main thread, and sends SIGINT at some of them."""

    def __init__(self, numbers: list[int]) -> None:
        self.count = 0
        #: Where the last signal came.
        self.where = ""
        #: Whether asyncio listened for each of the signals.
        self.listened = True
        self._numbers = numbers

    def begin(self) -> None:
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode":
            self.count += 1
            if self._numbers and self.count == self._numbers[0]:
                self._interrupt(frame)
        return self._trace

    def _interrupt(self, frame: FrameType) -> None:
        stack = traceback.extract_stack(frame)
        self.where = " < ".join(
            f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in stack[:-7:-1]
        )
        self.listened = self.listened and _listens(stack) and not _is_over(frame)
        del self._numbers[0]
        if not self._numbers:
            sys.settrace(None)
        signal.raise_signal(signal.SIGINT)


def _listens(stack: traceback.StackSummary) -> bool:
    """Return whether asyncio listens for Ctrl-C."""
    names = {each.name for each in stack if each.filename == RUNNERS}
    if "run" not in names or names & NOT_LISTENING:
        return False
    # What Runner.run calls before and after it listens; and uvloop's own functions, which it does not survive.
    at = next(index for index, each in enumerate(stack) if each.filename == RUNNERS and each.name == "run")
    called = stack[min(at + 1, len(stack) - 1)]
    return called.name == "run_until_complete" or called.filename.startswith((FOREBAY, TESTS))


def _is_over(frame: FrameType | None) -> bool:
    """Return whether the main task is done, so that there is nothing for asyncio to cancel."""
    while frame is not None:
        if frame.f_code.co_filename == RUNNERS and frame.f_code.co_name == "run":
            return frame.f_locals["task"].done()
        frame = frame.f_back
    return True


async def transformed(place: Place) -> Any:
    """A pipeline with a generator in the middle."""

    async def upper(source: Any) -> Any:
        async for chunk in source:
            yield bytes(chunk).swapcase()

    source = forebay.fs.create_read_stream(place.source)
    await forebay.pipeline(source, upper, forebay.fs.create_write_stream(place.target, atomic=True))


@dataclass
class Interrupts:
    """The runs, and what came of them."""

    place: Place
    runs: int = 0
    #: Runs that broke a rule after a signal for which asyncio did not listen.
    elsewhere: int = 0
    #: How many ended in each way.
    ends: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def steps(self, name: str, loop: str) -> int:
        """Return how many steps a program has."""
        return int(self._forked(name, loop, [NEVER])["count"])

    def once(self, name: str, loop: str, numbers: list[int]) -> None:
        """Interrupt a program at the steps of these numbers."""
        said = self._forked(name, loop, numbers)
        self.runs += 1
        self.ends[said["end"]] += 1
        if not said["listened"] and said["end"] not in ("hangs", "lost"):
            self.elsewhere += bool(said["broken"])
            return
        for rule in said["broken"]:
            self.violations.append(f"{name} on {loop}, at {numbers}: {rule}\n  at {said['where']}")

    def _forked(self, name: str, loop: str, numbers: list[int]) -> dict[str, Any]:
        self.place.clear()
        out, into = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.close(out)
                said = _observed(self.place, name, loop, numbers)
                os.write(into, json.dumps(said).encode())
            finally:
                os._exit(0)
        os.close(into)
        try:
            if not select.select([out], [], [], SECONDS)[0]:
                os.kill(pid, signal.SIGTERM)
                if not select.select([out], [], [], SECONDS)[0]:
                    os.kill(pid, signal.SIGKILL)
            said = os.read(out, 1 << 20)
            lost = {"end": "lost", "listened": True, "where": "", "broken": [_errors(self.place)]}
            return json.loads(said) if said else lost
        finally:
            os.close(out)
            os.waitpid(pid, 0)


def _errors(place: Place) -> str:
    return (place.folder / "errors").read_text(errors="replace")[-3000:]


class Stuck(BaseException):
    """Raised into a run that does not end."""


def _stuck(*_: Any) -> None:
    raise Stuck


def _waiting() -> tuple[bool, str]:
    """Return whether asyncio has lost the wake-up of a task, whose code was interrupted, and what all tasks wait for."""
    tasks = [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]
    waits = [each._fut_waiter for each in tasks]
    return any(each is None or each.done() for each in waits), "\n".join(map(repr, tasks))


def _observed(place: Place, name: str, loop: str, numbers: list[int]) -> dict[str, Any]:
    """Run a program in this process, and say what it left."""
    errors = os.open(place.folder / "errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(errors, 2)
    os.close(errors)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _stuck)
    program = transformed if name == "transformed" else SCENARIOS[name]
    threads, before = set(threading.enumerate()), open_fds()
    steps = Steps(list(numbers))
    broken = []
    try:
        try:
            steps.begin()
            forebay.run(lambda: program(place), uvloop=loop == "uvloop")
        finally:
            sys.settrace(None)
        end = "finished"
    except KeyboardInterrupt:
        end = "interrupted"
    except Stuck:
        lost, text = _waiting()
        end = "hangs in asyncio" if lost else "hangs"
        steps.listened = steps.listened and not lost
        broken.append(f"hangs\n{text}")
    except BaseException as error:
        end = repr(error)
        # asyncio cannot close a loop that Ctrl-C has left, or Python has wrapped the exception of an __await__().
        hidden = isinstance(error.__context__ or error.__cause__, KeyboardInterrupt)
        steps.listened = steps.listened and not (hidden and isinstance(error, (RuntimeError, TypeError)))
        if not isinstance(error, CLEAR):
            broken.append(f"fails with {error!r}\n{traceback.format_exc()}")
    if end != "interrupted" and steps.where:
        broken.append(f"is not interrupted, but {end}")
    for _ in range(2):
        gc.collect()
    more = set(threading.enumerate()) - threads
    if not eventually(lambda: all(may_wait(each) or not each.is_alive() for each in more), 4):
        broken.append(f"leaves threads: {more}")
    if not eventually(lambda: not children(), 4):
        broken.append("leaves a process")
    if len(numbers) == 1:
        if not eventually(lambda: open_fds().items() <= before.items(), 4):
            broken.append(f"leaves descriptors: {open_fds().items() - before.items()}")
        if not eventually(lambda: set(os.listdir(place.folder / "work")) <= OWN_FILES, 4):
            broken.append(f"leaves files: {os.listdir(place.folder / 'work')}")
        said = _errors(place)
        if said:
            broken.append(f"says\n{said}")
    listened = steps.listened
    return {"count": steps.count, "where": steps.where, "listened": listened, "end": end, "broken": broken}


@contextlib.contextmanager
def prepared() -> Iterator[Interrupts]:
    """A folder with what the programs need."""
    for loop in LOOPS.values():
        # uvloop opens a pipe for the whole process.
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(asyncio.sleep(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = Place(folder, *map(str, make_certificate(folder)))
        place.prepare()
        gc.collect()
        gc.freeze()
        yield Interrupts(place)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loop", action="append", choices=LOOPS)
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--count", type=int, default=100, help="steps of each program that are tried")
    parser.add_argument(
        "--hours", type=float, default=0.0, help="how long to go on, at other steps each time"
    )
    parser.add_argument("--seed", type=int, default=0, help="which steps are chosen first")
    parser.add_argument("programs", nargs="*", default=[], choices=[*PROGRAMS, []])
    options = parser.parse_args()
    until = time.monotonic() + 3600 * options.hours
    with prepared() as interrupts:
        for seed in itertools.count(options.seed):
            chosen = random.Random(seed)
            for name, loop in itertools.product(options.programs or PROGRAMS, options.loop or LOOPS):
                known = len(interrupts.violations)
                steps = interrupts.steps(name, loop)
                for way in options.way or WAYS:
                    for _ in range(options.count):
                        number = chosen.randint(1, steps)
                        second = [number + chosen.randint(1, MOST_BETWEEN)] if way == "twice" else []
                        interrupts.once(name, loop, [number, *second])
                new = interrupts.violations[known:]
                print(f"{name} on {loop}, {steps} steps: {len(new)} violations", *new, sep="\n", flush=True)
            if time.monotonic() >= until:
                break
    outcome = {"runs": interrupts.runs, "ends": interrupts.ends, "elsewhere": interrupts.elsewhere}
    print(json.dumps({**outcome, "violations": len(interrupts.violations)}))
    sys.exit(bool(interrupts.violations))


if __name__ == "__main__":
    main()
