"""Loads that go on and on: ``python -m benchmarks.soak [NAME...] [--scale 0.01] [--check] [--picture FILE.svg]``.

Each load runs in a process of its own. After a warm-up, nothing may grow with the work: memory, descriptors, tasks, threads.
The report has the growth for 1,000 operations with what can be told from noise, the longest hold of the loop and, for many
clients, how the slowest of those that ask again and again fares against the median.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.machine import caption, machine
from benchmarks.report import figure, progress, table

LOADS = {"requests": 200_000, "connections": 100_000, "copies": 50_000, "clients": 10_000}
#: What may grow, for 1,000 operations: two bytes and a tenth of an object for each operation.
LIMITS = {"bytes": 2000.0, "blocks": 100.0, "descriptors": 1.0, "tasks": 1.0, "threads": 1.0}
#: The least growth in a run that counts: memory comes in pieces, and pools and caches fill.
LEAST = {"bytes": 2**21, "blocks": 1000, "descriptors": 32, "tasks": 32, "threads": 64}
#: The slowest of many clients gets at least a third of what the median gets.
FAIR = 3.0


def run_load(name: str, count: int, loop: str, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.soaks", name, str(count), loop, str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def fairness(result: dict[str, Any]) -> float | None:
    """How many times as many answers the median client got as the slowest one."""
    served = result.get("served")
    return median(served) / max(1, min(served)) if served else None


def broken(name: str, result: dict[str, Any]) -> Iterator[str]:
    """What a soak must not show."""
    for what, limit in LIMITS.items():
        grown = result["growth"][what]
        surely = grown["slope"] - grown["sure"]
        if surely * 1000 > limit and surely * result["operations"] > LEAST[what]:
            yield f"{name}: {what} grow by {grown['slope'] * 1000:.3g} for 1,000 operations"
    fair = fairness(result)
    if fair is not None and fair > FAIR:
        yield f"{name}: the median client gets {fair:.1f} times as many answers as the slowest"
    for error in result["errors"][:3]:
        yield f"{name}: an error nobody expects: {error}"


def row(name: str, loop: str, result: dict[str, Any]) -> list[str]:
    def growing(what: str) -> str:
        grown = result["growth"][what]
        slope = grown["slope"] * 1000
        return f"{slope:+.2g} ±{grown['sure'] * 1000:.1g}"

    fair = fairness(result)
    return [
        f"{name} ({loop})",
        f"{result['operations']:,}",
        growing("bytes"),
        growing("blocks"),
        growing("descriptors"),
        growing("tasks"),
        figure(result["growth"]["bytes"]["last"] / 2**20),
        figure(result["holds"]["longest"]),
        figure(result["holds"]["cpu_longest"]),
        "" if fair is None else f"{fair:.2f}",
    ]


HEAD = [
    "load",
    "operations",
    "bytes/1,000",
    "blocks/1,000",
    "fds/1,000",
    "tasks/1,000",
    "MiB at the end",
    "longest hold, ms",
    "CPU ms",
    "median/slowest",
]


def draw(results: dict[str, dict[str, Any]], path: str) -> None:
    """A panel for each load: memory and descriptors over the work."""
    from benchmarks.pictures import OURS, THEIRS, load_pyplot

    pyplot = load_pyplot()
    figure_, axes = pyplot.subplots(len(results), 1, figsize=(8, 2.4 * len(results)), squeeze=False)
    for (name, result), (panel,) in zip(results.items(), axes, strict=True):
        samples = result["samples"]
        places = [place - samples["place"][0] for place in samples["place"]]
        panel.plot(places, [each / 2**20 for each in samples["bytes"]], color=OURS)
        panel.set_ylim(bottom=0)
        panel.set_ylabel("MiB", color=OURS)
        panel.set_title(name, fontsize=9)
        right = panel.twinx()
        right.plot(places, samples["descriptors"], color=THEIRS, linewidth=0.8)
        right.set_ylim(bottom=0)
        right.set_ylabel("descriptors", color=THEIRS)
    figure_.tight_layout()
    figure_.savefig(path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="the loads; all of them by default")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the work: 0.01 is a look")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the many clients ask")
    parser.add_argument(
        "--check", action="store_true", help="end with status 1 if something grows or is unfair"
    )
    parser.add_argument("--picture", metavar="FILE", help="draw the samples")
    options = parser.parse_args(arguments)
    results: dict[str, dict[str, Any]] = {}
    for name in options.names or LOADS:
        count = max(10, round(LOADS[name] * options.scale))
        progress(f"{name}: {count:,}")
        results[name] = run_load(name, count, options.loop, options.seconds)
    print(caption(machine(), {}))
    print(table(HEAD, [row(name, options.loop, result) for name, result in results.items()]))
    if options.picture:
        draw(results, options.picture)
    complaints = [line for name, result in results.items() for line in broken(name, result)]
    print("\n".join(complaints), file=sys.stderr)
    return 1 if options.check and complaints else 0


if __name__ == "__main__":
    sys.exit(main())
