"""Run whole processes in turn, round after round, and report medians, spread and ratios.

The sides of a comparison run close to each other in time and in changing order, and a ratio is the median of the ratios
of the rounds: what else the machine does falls on both.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Side = TypeVar("Side")

ROOT = Path(__file__).resolve().parent.parent


class ProgramFailed(Exception):
    """A measured program ended with an error, or its output cannot be parsed."""


def child_environment() -> dict[str, str]:
    """Return the environment for a child that can import the same modules as this process."""
    path = [os.environ.get("PYTHONPATH"), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def run_once(command: Sequence[str], timeout: float) -> dict[str, Any]:
    """Run a program and return the JSON object of its last line.

    Raises ProgramFailed, with what the program wrote to stderr.
    """
    try:
        done = subprocess.run(
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"{' '.join(command)}: not done after {timeout:g} s") from None
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        said = done.stderr.strip()[-2000:] or "nothing on stderr"
        raise ProgramFailed(f"{' '.join(command)}: exit status {done.returncode}: {said}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def turns(sides: Iterable[Side], rounds: int) -> Iterator[Side]:
    """Yield every side once per round, in an order that changes from round to round."""
    order = list(sides)
    for _ in range(rounds):
        yield from order
        order.append(order.pop(0))


def run_in_turns(
    commands: Mapping[str, Sequence[str]], rounds: int, timeout: float
) -> dict[str, list[dict[str, Any]]]:
    """Return the results of every command by label. Each command runs once per round."""
    results: dict[str, list[dict[str, Any]]] = {label: [] for label in commands}
    for label in turns(commands, rounds):
        results[label].append(run_once(commands[label], timeout))
    return results


@dataclass(frozen=True)
class Sample:
    """The results of one side, one value for each round."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, results: Iterable[Mapping[str, Any]], field: str = "rate") -> Sample:
        return cls(tuple(float(result[field]) for result in results))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: Sample) -> Sample:
        """The ratios of the rounds."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def as_json(self) -> dict[str, Any]:
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "rounds": list(self.values),
        }


def geometric_mean(values: Iterable[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))
