"""Runs random programs in processes of their own, and shrinks those that fail, crash, hang, or differ between the backends."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from programs.kinds import STEADY
from programs.shrinking import Case, shrink

__all__ = ["Finding", "Search", "Workers"]

DIFFERENT = "the backends differ"
TESTS = Path(__file__).resolve().parents[1]


class Finding(NamedTuple):
    """A program that breaks a rule, after it was shrunk."""

    kind: str
    loop: str
    draws: list[int]
    why: str

    def __str__(self) -> str:
        return (
            f"{self.why}\n{self.kind}, the smallest program found; from the folder tests run\n"
            f"    python -m programs --kind {self.kind} --loop {self.loop} --draws '{json.dumps(self.draws)}'"
        )


class Workers:
    """The processes that run programs, one for each backend."""

    def __init__(self, loop: str) -> None:
        self.loop = loop
        self._running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *args: object) -> None:
        for worker in self._running.values():
            _end(worker)
        self._running.clear()

    def run(self, backend: str, kind: str, **request: Any) -> dict[str, Any]:
        """Run one program. A worker that dies is an answer as well: one with ``died``."""
        worker = self._running.get(backend)
        if worker is None:
            worker = self._running[backend] = _start(backend)
        assert worker.stdin is not None
        assert worker.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(json.dumps({"kind": kind, "loop": self.loop, **request}) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        del self._running[backend]
        _end(worker)
        return {"error": f"the process ended with status {worker.returncode}", "died": True}


def _start(backend: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(TESTS)]))
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "programs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FOREBAY_BACKEND": backend, "PYTHONPATH": path},
    )


def _end(worker: "subprocess.Popen[str]") -> None:
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


class Search:
    """Programs of one kind on one loop: each on ``backends``, and a steady one has the same trace on all of them."""

    def __init__(self, workers: Workers, kind: str, backends: Sequence[str]) -> None:
        self._workers = workers
        self._kind = kind
        self._backends = backends if kind in STEADY else backends[:1]

    def seed(self, seed: str) -> Finding | None:
        """Run the program of a seed; return it, shrunk, if it breaks a rule."""
        first = self._broken(seed=seed)
        if first is None:
            return None
        why, case = self._case(seed=seed)
        if why is None:
            differed = first == DIFFERENT
            return (
                None
                if differed
                else Finding(self._kind, self._workers.loop, case[0], f"once, not again: {first}")
            )
        smaller = shrink(case, self._fails)
        return Finding(self._kind, self._workers.loop, smaller, self._case(draws=smaller)[0] or why)

    def again(self, draws: list[int] | None = None, seed: str = "") -> str | None:
        """Run the program of these draws, or of this seed; return what rule it breaks, or None."""
        return self._case(draws=draws, seed=seed)[0]

    def _fails(self, draws: list[int]) -> Case | None:
        """What the program drew, if it fails."""
        why, case = self._case(draws=draws)
        return None if why is None else case

    def _broken(self, **request: Any) -> str | None:
        """What rule the program breaks."""
        first = None
        for backend in self._backends:
            answer = self._workers.run(backend, self._kind, **request)
            if "error" in answer:
                return f"backend {backend}: {answer['error']}"
            if first is None:
                first = answer["trace"]
            elif first != answer["trace"]:
                return DIFFERENT
        return None

    def _case(self, **request: Any) -> tuple[str | None, Case]:
        """Run a program, and tell also what it drew, be it that it crashed."""
        answers = {}
        for backend in self._backends:
            with tempfile.TemporaryDirectory() as folder:
                told = Path(folder, "draws")
                answer = self._workers.run(backend, self._kind, tell=str(told), whole=True, **request)
                if "draws" not in answer:
                    answer["draws"] = [int(line) for line in told.read_text().splitlines()]
                    answer["parts"] = []
            case = (answer["draws"], [(start, end) for start, end in answer["parts"]])
            if "error" in answer:
                return f"backend {backend}: {answer['error']}", case
            answers[backend] = answer["trace"]
        first, *others = answers.values()
        if all(first == other for other in others) or self._depends_on_time(request):
            return None, case
        return f"{DIFFERENT}:\n" + "\n".join(_difference(first, others[0])), case

    def _depends_on_time(self, request: dict[str, Any]) -> bool:
        """Whether the backends agree sometimes: a flow that has kept the loop for long gives it its turn."""
        traces = [
            {self._workers.run(backend, self._kind, **request).get("trace") for _ in range(5)}
            for backend in self._backends
        ]
        return bool(set.intersection(*traces))


def _difference(one: list[str], other: list[str]) -> Iterator[str]:
    """The lines before the first difference, and the lines there."""
    at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        at = min(len(one), len(other))
    yield from (f"  {line}" for line in one[max(0, at - 15) : at])
    yield f"- {one[at : at + 5]}"
    yield f"+ {other[at : at + 5]}"
