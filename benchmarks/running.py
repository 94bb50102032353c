"""Run several comparisons, one after the other, into one run."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Iterable

from benchmarks.comparison import Comparison, Skipped, every_comparison
from benchmarks.machine import machine
from benchmarks.pairing import ProgramFailed
from benchmarks.report import progress
from benchmarks.results import Measurement, Run


class NoSuchComparison(Exception):
    """A name is not that of a comparison."""


def named(names: Iterable[str]) -> list[Comparison]:
    """The comparisons of these names, with or without ``versus_``; 'all' stands for every one.

    Raises NoSuchComparison.
    """
    every = every_comparison()
    found: dict[str, Comparison] = {}
    for name in names:
        if name == "all":
            return list(every.values())
        comparison = every.get(name) or every.get(f"versus_{name}")
        if comparison is None:
            raise NoSuchComparison(f"there is no comparison {name!r}; there are {', '.join(every)}, or all")
        found[comparison.name] = comparison
    return list(found.values())


def run_each(chosen: Iterable[tuple[Comparison, argparse.Namespace]]) -> tuple[Run, list[str]]:
    """Run and print each; return the run, and what failed or was skipped, with the reason."""
    about = machine()
    measurements: list[Measurement] = []
    said: list[str] = []
    for comparison, options in chosen:
        progress(f"== {comparison.name}")
        try:
            measurement, text = comparison.run(options)
        except Skipped as error:
            said.append(f"{comparison.name} skipped: {error}")
            continue
        except KeyboardInterrupt:
            said.append(f"{comparison.name} interrupted; what was measured before is kept")
            break
        except Exception as error:
            # Hours of other measurements must not be lost by it.
            if not isinstance(error, ProgramFailed):
                traceback.print_exc()
            said.append(f"{comparison.name} failed: {str(error) or type(error).__name__}")
            continue
        measurements.append(measurement)
        said += [f"{comparison.name} failed in part: {failure}" for failure in measurement.failures]
        print(f"{text}\n\n", flush=True)
    return Run(about, measurements), said


def run_again(old: Run) -> tuple[Run, list[str]]:
    """Run what a saved run has, with its options."""
    every = every_comparison()
    chosen = [
        (every[each.comparison], every[each.comparison].options_from(each.options))
        for each in old.measurements
        if each.comparison in every
    ]
    run, said = run_each(chosen)
    said += [
        f"{each.comparison} skipped: this version has no such comparison"
        for each in old.measurements
        if each.comparison not in every
    ]
    return run, said
