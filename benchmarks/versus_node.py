"""penstock beside Node's streams, on Node's own benchmarks: ``python -m benchmarks.versus_node``.

Every entry of the list runs in both runtimes by turns, each run a process of its own. Rates count the same operations on
both sides, so a ratio above 1 says that penstock did more of them a second.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.node_list import GROUPS, Entry, entry, node_list
from benchmarks.pairing import ROOT, ProgramFailed, Sample, geometric_mean, run_in_turns, run_once
from benchmarks.report import (
    OURS,
    THEIRS,
    figure,
    load_pyplot,
    machine,
    plot_bars,
    progress,
    table,
    write_json,
)

NODE_MAIN = str(ROOT / "benchmarks" / "node" / "main.js")

MEMORY_SUBJECTS = [
    ("an idle Readable", "stream", "Readable"),
    ("an idle Writable", "stream", "Writable"),
    ("an idle Duplex", "stream", "Duplex"),
    ("an idle Transform", "stream", "Transform"),
    ("an idle PassThrough", "stream", "PassThrough"),
    ("a queued chunk, readable side", "readable-chunk", "Readable"),
    ("a queued chunk, writable side", "writable-chunk", "Writable"),
    ("the first listener of a stream", "first-listener", "Readable"),
    ("a further listener", "further-listener", "Readable"),
]


@dataclass(frozen=True)
class Row:
    """One entry measured at one length."""

    entry: Entry
    length: str
    penstock: Sample
    node: Sample

    @property
    def ratio(self) -> Sample:
        return self.penstock.over(self.node)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.entry.name,
            "program": self.entry.program,
            "parameters": self.entry.parameters(self.length),
            "length": self.length,
            "unit": self.entry.unit,
            "group": self.entry.group,
            "penstock": self.penstock.as_json(),
            "node": self.node.as_json(),
            "ratio": self.ratio.as_json(),
        }


class Runner:
    """Runs programs on both sides, with the options of the command line."""

    def __init__(self, node: str, options: argparse.Namespace, directory: str) -> None:
        self._node = node
        self._rounds = options.rounds
        self._timeout = options.timeout
        self._loop = options.loop
        self._at_most = options.at_most
        self._directory = directory
        about = run_once([node, NODE_MAIN], self._timeout)
        self.node_version: str = about["version"]
        # Node's default mark has changed between versions; both sides have that of the Node that is here.
        self.mark: int = about["mark"]

    def arguments(self, each: Entry, length: str) -> list[str]:
        parameters = each.parameters(length)
        if self._at_most and "n" in parameters:
            parameters["n"] = min(parameters["n"], self._at_most)
        if each.needs_directory:
            parameters["dir"] = self._directory
        return [each.program, *(f"{key}={value}" for key, value in parameters.items())]

    def penstock(self, arguments: Sequence[str]) -> list[str]:
        own = [f"loop={self._loop}", f"mark={self.mark}"]
        return [sys.executable, "-m", "benchmarks.programs", *arguments, *own]

    def node(self, arguments: Sequence[str]) -> list[str]:
        return [self._node, "--expose-gc", NODE_MAIN, *arguments]

    def measure(self, each: Entry, length: str) -> Row:
        arguments = self.arguments(each, length)
        commands = {"penstock": self.penstock(arguments), "node": self.node(arguments)}
        results = run_in_turns(commands, self._rounds, self._timeout)
        return Row(each, length, Sample.of(results["penstock"]), Sample.of(results["node"]))

    def memory(self, subject: str, kind: str) -> tuple[float, float]:
        """Bytes for each object; counted, not timed, so once is enough."""
        arguments = ["memory", f"subject={subject}", f"kind={kind}", "n=20000"]
        ours = run_once(self.penstock(arguments), self._timeout)
        theirs = run_once(self.node(arguments), self._timeout)
        return float(ours["rate"]), float(theirs["rate"])


def find_node(given: str | None) -> str:
    name = given or "node"
    node = shutil.which(name)
    if node is None:
        where = "there" if given else "on the PATH"
        raise SystemExit(
            f"the comparison needs Node, and no {name!r} is {where}. Install it from https://nodejs.org, "
            "or name the program by --node"
        )
    return node


def measure_rows(runner: Runner, entries: Iterable[Entry], lengths: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    for each in entries:
        for length in lengths:
            if length == "long" and "node" in lengths and each.long == each.node:
                # Node's own n is long: one measurement stands for both.
                rows.append(Row(each, "long", rows[-1].penstock, rows[-1].node))
                continue
            row = runner.measure(each, length)
            rows.append(row)
            progress(f"{figure(row.ratio.median):>6}  {each.name} ({length} n)")
    return rows


def by_program(rows: Iterable[Row]) -> dict[str, float]:
    """One ratio for each of Node's programs: the geometric mean of its kinds."""
    programs: dict[str, list[float]] = {}
    for row in rows:
        programs.setdefault(row.entry.program, []).append(row.ratio.median)
    return {program: geometric_mean(ratios) for program, ratios in programs.items()}


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The means, the weakest entry and the groups of the rows of one length."""
    weakest = min(rows, key=lambda row: row.ratio.median)
    groups = {
        group: geometric_mean(members)
        for group in GROUPS
        if (members := [row.ratio.median for row in rows if row.entry.group == group])
    }
    programs = by_program(rows)
    return {
        "entries": len(rows),
        "geometric_mean": geometric_mean(row.ratio.median for row in rows),
        "programs": len(programs),
        "geometric_mean_of_programs": geometric_mean(programs.values()),
        "weakest": {"name": weakest.entry.name, "ratio": weakest.ratio.median},
        "groups": groups,
    }


def nanoseconds(rates: Sample) -> Sample:
    return Sample(tuple(1e9 / rate for rate in rates.values))


def measure_direct(runner: Runner) -> dict[str, dict[str, Sample | None]]:
    """Nanoseconds per chunk of a hook to hook pipe, and of each PassThrough stage that is put between."""
    lengths = {stages: entry("pipe-passthrough", "chunks/s", 1e6, stages=stages) for stages in (0, 4)}
    rows = {stages: runner.measure(each, "node") for stages, each in lengths.items()}
    rounds = {
        side: {stages: nanoseconds(getattr(row, side)) for stages, row in rows.items()}
        for side in ("penstock", "node")
    }

    def stage(side: str) -> Sample:
        pairs = zip(rounds[side][4].values, rounds[side][0].values, strict=True)
        return Sample(tuple((four - none) / 4 for four, none in pairs))

    returning = run_in_turns(
        {"penstock": runner.penstock(["pipe-returned", f"n={rows[0].entry.node['n']}"])},
        len(rows[0].penstock.values),
        600,
    )
    return {
        "a pass-through stage in a chain": {"penstock": stage("penstock"), "node": stage("node")},
        "a read hook piped to a write hook": {"penstock": rounds["penstock"][0], "node": rounds["node"][0]},
        "the same, the read hook returning its bytes": {
            "penstock": nanoseconds(Sample.of(returning["penstock"])),
            "node": None,
        },
    }


def rows_text(rows: Sequence[Row]) -> str:
    def spread(sample: Sample) -> str:
        return f"{figure(min(sample.values))}-{figure(max(sample.values))}"

    lines = [
        [
            row.entry.name,
            row.entry.unit,
            figure(row.penstock.median),
            spread(row.penstock),
            figure(row.node.median),
            spread(row.node),
            f"{row.ratio.median:.2f}",
            f"{min(row.ratio.values):.2f}-{max(row.ratio.values):.2f}",
        ]
        for row in rows
    ]
    return table(["entry", "unit", "penstock", "min-max", "node", "min-max", "ratio", "min-max"], lines)


def summary_text(title: str, content: dict[str, Any]) -> str:
    lines = [
        [f"geometric mean of {content['entries']} entries", f"{content['geometric_mean']:.2f}"],
        [
            f"geometric mean of {content['programs']} programs, kinds put together",
            f"{content['geometric_mean_of_programs']:.2f}",
        ],
        [f"weakest: {content['weakest']['name']}", f"{content['weakest']['ratio']:.2f}"],
        *([group, f"{ratio:.2f}"] for group, ratio in content["groups"].items()),
    ]
    return table([title, "ratio"], lines)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_node", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program on each side (default 5)")
    parser.add_argument(
        "--n",
        choices=("node", "long", "both"),
        default="both",
        help="Node's own n, one with which its compiler is warm, or both (default)",
    )
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        help="entries whose name contains PATTERN, or matches it as a shell pattern; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the entries and end")
    parser.add_argument("--json", metavar="FILE", help="store all results")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios (.png or .svg; needs matplotlib)")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="penstock's loop")
    parser.add_argument("--dir", help="where files are made (default: the system's temporary directory)")
    parser.add_argument("--node", metavar="PROGRAM", help="the Node to compare with (default: on the PATH)")
    parser.add_argument("--at-most", type=int, metavar="N", help="cut every n to this, for a quick look")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def selected(patterns: Sequence[str] | None) -> list[Entry]:
    entries = node_list()
    if not patterns:
        return entries
    found = [
        each
        for each in entries
        if any(pattern in each.name or fnmatch.fnmatch(each.name, pattern) for pattern in patterns)
    ]
    if not found:
        raise SystemExit(f"no entry matches {' or '.join(patterns)}; --list names them")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    entries = selected(options.only)
    if options.list:
        print("\n".join(each.name for each in entries))
        return
    node = find_node(options.node)
    if options.plot:
        load_pyplot()
    lengths = ("node", "long") if options.n == "both" else (options.n,)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-", dir=options.dir) as directory:
        runner = Runner(node, options, directory)
        rows = measure_rows(runner, entries, lengths)
        direct = {} if options.only else measure_direct(runner)
        memory = (
            {}
            if options.only
            else {name: runner.memory(subject, kind) for name, subject, kind in MEMORY_SUBJECTS}
        )
    about = machine() | {"node": runner.node_version, "loop": options.loop, "mark": runner.mark}
    summaries = {length: summary([row for row in rows if row.length == length]) for length in lengths}

    print(
        f"penstock {about['penstock']} ({about['backend']} backend, {options.loop}), Python {about['python']}, "
        f"Node {runner.node_version}; medians of {options.rounds} rounds\n"
    )
    titles = {"node": "Node's n", "long": "long n"}
    for length in lengths:
        shown = [row for row in rows if row.length == length]
        if length == "long" and "node" in lengths:
            shown = [row for row in shown if row.entry.long != row.entry.node]
        if shown:
            print(f"{titles[length]}\n{rows_text(shown)}\n")
    for length in lengths:
        print(summary_text(titles[length], summaries[length]) + "\n")
    if direct:
        lines = [
            [name, *("" if sample is None else figure(sample.median) for sample in sides.values())]
            for name, sides in direct.items()
        ]
        print(table(["nanoseconds per chunk", "penstock", "node"], lines) + "\n")
    if memory:
        lines = [[name, f"{ours:.0f}", f"{theirs:.0f}"] for name, (ours, theirs) in memory.items()]
        print(table(["bytes", "penstock", "node"], lines))
    if options.json:
        write_json(
            options.json,
            {
                "machine": about,
                "rounds": options.rounds,
                "rows": [row.as_json() for row in rows],
                "summary": summaries,
                "nanoseconds_per_chunk": {
                    name: {side: sample and sample.as_json() for side, sample in sides.items()}
                    for name, sides in direct.items()
                },
                "bytes": {
                    name: {"penstock": ours, "node": theirs} for name, (ours, theirs) in memory.items()
                },
            },
        )
    if options.plot:
        drawn = [row for row in rows if row.length == lengths[0]]
        plot_bars(
            options.plot,
            f"penstock against Node {runner.node_version}, {titles[lengths[0]]}",
            "rate of penstock / rate of Node (medians; lines from least to greatest)",
            [(row.entry.name, row.ratio, OURS if row.ratio.median >= 1 else THEIRS) for row in drawn],
            log=True,
        )


if __name__ == "__main__":
    try:
        main()
    except ProgramFailed as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, subprocess.SubprocessError) as error:
        sys.exit(f"interrupted: {error!r}")
