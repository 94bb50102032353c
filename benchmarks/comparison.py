"""A comparison: what it measures, beside whom, and its command line, which all of them share."""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import peers as known
from benchmarks.machine import machine
from benchmarks.pairing import ProgramFailed
from benchmarks.peers import Peer
from benchmarks.pictures import load_pyplot, plot
from benchmarks.report import progress
from benchmarks.results import Measurement, Row, Run
from benchmarks.tables import measurement_text

HERE = Path(__file__).parent

# Options that are not stored: what to do with the results, and what may hold a password.
_NOT_STORED = ("list", "json", "plot", "postgres")


# The comparisons that are about forebay alone, or first of all.
ALONE = ("hooks", "fairness", "operations", "instructions")


class Skipped(Exception):
    """A comparison cannot run; the text says why."""


@dataclass(frozen=True)
class Measured:
    """What a comparison hands over."""

    rows: Sequence[Row]
    failures: Sequence[str] = ()
    # Versions that only the measured programs know.
    versions: Mapping[str, str] = field(default_factory=dict)
    # Text below the tables.
    summary: str = ""


@dataclass(frozen=True)
class Comparison:
    """One comparison with its peers."""

    name: str
    about: str
    # How long it takes with the options as they are.
    takes: str
    peers: Sequence[Peer]
    cases: Callable[[], Sequence[str]]
    measure: Callable[[argparse.Namespace, Sequence[str]], Measured]
    # Those of the peers without which nothing can be measured.
    needs: Sequence[Peer] = ()
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    # The options that ``--quick`` sets, besides ``rounds``.
    quick: Mapping[str, Any] = field(default_factory=dict)
    rounds: int = 5

    def parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{self.name}", description=self.about)
        add = parser.add_argument
        add("--rounds", type=positive, default=self.rounds, help=f"runs of each side (default {self.rounds})")
        add(
            "--only",
            metavar="PATTERN",
            action="append",
            help="cases whose name contains PATTERN, or matches it as a shell pattern; may be repeated",
        )
        add("--list", action="store_true", help="print the names of the cases and end")
        add("--json", metavar="FILE", help="store all results")
        add("--plot", metavar="FILE", help="draw the ratios (.png or .svg; needs matplotlib)")
        add("--quick", action="store_true", help="one short round of each case, to see that it works")
        add("--dir", help="where files are made (default: the system's temporary directory)")
        add("--timeout", type=float, default=600, help="seconds that one run may take (default 600)")
        self.add_options(parser)
        return parser

    def parse(self, arguments: Sequence[str] | None = None) -> argparse.Namespace:
        """Parse the options; what ``--quick`` sets can be set otherwise beside it."""
        parser = self.parser()
        if parser.parse_args(arguments).quick:
            parser.set_defaults(rounds=1, **self.quick)
        return parser.parse_args(arguments)

    def options_from(self, stored: Mapping[str, Any]) -> argparse.Namespace:
        """The options of a saved run."""
        options = self.parse([])
        vars(options).update({name: value for name, value in stored.items() if name in vars(options)})
        return options

    def selected(self, patterns: Sequence[str] | None) -> list[str]:
        """The cases that a pattern names, or all.

        Raises Skipped where there is none.
        """
        found = [case for case in self.cases() if not patterns or matches(case, patterns)]
        if not found:
            raise Skipped(f"no case matches {' or '.join(patterns or ())}; --list names them")
        return found

    def without(self, options: argparse.Namespace) -> list[str]:
        """What is needed, missing and not named by an option, with the way to get it."""
        return [
            f"{peer.name} ({peer.get})"
            for peer in self.needs
            if not peer.is_there and not (peer.option and getattr(options, peer.option, None))
        ]

    def run(self, options: argparse.Namespace) -> tuple[Measurement, str]:
        """Measure, and return what was measured and its text.

        Raises Skipped or ProgramFailed.
        """
        cases = getattr(options, "exactly", None) or self.selected(options.only)
        if lacking := self.without(options):
            raise Skipped(f"it needs {', '.join(lacking)}")
        missing = known.missing(self.peers)
        if missing:
            progress(f"{self.name}: not installed, and left out: {listed(missing)}")
        measured = self.measure(options, cases)
        if not measured.rows and not measured.failures:
            raise Skipped("none of the chosen cases can be measured with what is installed")
        measurement = Measurement(
            self.name,
            measured.rows,
            known.versions(self.peers) | dict(measured.versions),
            missing,
            {name: value for name, value in vars(options).items() if name not in _NOT_STORED},
            measured.failures,
        )
        text = measurement_text(measurement)
        return measurement, f"{text}\n\n{measured.summary}" if measured.summary else text

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """The command line of this comparison alone."""
        options = self.parse(arguments)
        try:
            if options.list:
                print("\n".join(self.selected(options.only)))
                return
            if options.plot:
                load_pyplot()
            measurement, text = self.run(options)
        except (Skipped, ProgramFailed) as error:
            sys.exit(f"{self.name}: {error}")
        run = Run(machine(), [measurement])
        print(text)
        if options.json:
            run.save(options.json)
        if options.plot:
            plot(run, options.plot)
        if measurement.failures:
            sys.exit("\n".join(["failed:", *measurement.failures]))


def positive(text: str) -> int:
    """The type of an option that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be 1 or more, not {number}")
    return number


def listed(missing: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({get})" if get else name for name, get in missing.items())


def matches(case: str, patterns: Sequence[str]) -> bool:
    return any(pattern in case or fnmatch.fnmatch(case, pattern) for pattern in patterns)


def every_comparison() -> dict[str, Comparison]:
    """All comparisons by name: those of the modules ``versus_*``, and those that are about forebay alone."""
    names = sorted(path.stem for path in HERE.glob("versus_*.py"))
    found = {}
    for name in [*names, *ALONE]:
        comparison: Comparison = importlib.import_module(f"benchmarks.{name}").COMPARISON
        found[comparison.name] = comparison
    return found
