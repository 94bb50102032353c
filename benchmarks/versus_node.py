"""forebay beside Node's streams, on Node's own benchmarks: ``python -m benchmarks.versus_node``.

Every entry of the list runs in both runtimes by turns, each run a process of its own. Rates count the same operations on
both sides, so a ratio above 1 says that forebay did more of them a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.node_direct import Sides, measure_chunks, measure_copies, measure_memory
from benchmarks.node_list import GROUPS, Entry, node_list
from benchmarks.node_runner import Row, Runner
from benchmarks.pairing import ProgramFailed, geometric_mean
from benchmarks.report import (
    OURS,
    THEIRS,
    figure,
    load_pyplot,
    machine,
    plot_bars,
    progress,
    spread,
    table,
    write_json,
)

TITLES = {"node": "Node's n", "long": "long n"}

# What is measured beside the list: the key in the stored results, the head of its table, and who measures it.
DIRECT = {
    "chunks": ("nanoseconds per chunk", measure_chunks),
    "copies": ("a file piped to a file, MB/s", measure_copies),
    "memory": ("bytes", measure_memory),
}
PARTS = ("list", *DIRECT)


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


def measure_rows(
    runner: Runner, entries: Iterable[Entry], lengths: Sequence[str]
) -> tuple[list[Row], list[str]]:
    """The rows, and what was said by programs that failed; the others are measured all the same."""
    rows: list[Row] = []
    failures: list[str] = []
    for each in entries:
        measured: dict[str, Row] = {}
        for length in lengths:
            if length == "long" and "node" in measured and each.is_long:
                # Node's own n is long: one measurement stands for both.
                measured[length] = dataclasses.replace(measured["node"], length=length)
                continue
            try:
                row = measured[length] = runner.measure(each, length)
            except ProgramFailed as error:
                failures.append(str(error))
                progress(f"failed  {each.name} ({TITLES[length]}): {error}")
            else:
                progress(f"{figure(row.ratio.median):>6}  {each.name} ({TITLES[length]})")
        rows += measured.values()
    return rows, failures


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


def rows_text(rows: Sequence[Row]) -> str:
    lines = [
        [
            row.entry.name,
            row.entry.unit,
            figure(row.forebay.median),
            spread(row.forebay),
            figure(row.node.median),
            spread(row.node),
            f"{row.ratio.median:.2f}",
            spread(row.ratio),
        ]
        for row in rows
    ]
    return table(["entry", "unit", "forebay", "min-max", "node", "min-max", "ratio", "min-max"], lines)


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
    parser.add_argument(
        "--part",
        choices=PARTS,
        action="append",
        help="measure only this part; may be repeated (default: all, or the list where there is --only)",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the entries and end")
    parser.add_argument("--json", metavar="FILE", help="store all results")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios (.png or .svg; needs matplotlib)")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="forebay's loop")
    parser.add_argument("--dir", help="where files are made (default: the system's temporary directory)")
    parser.add_argument("--node", metavar="PROGRAM", help="the Node to compare with (default: on the PATH)")
    parser.add_argument("--at-most", type=int, metavar="N", help="cut every n to this, for a quick look")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    options.part = options.part or (["list"] if options.only else PARTS)
    if options.plot and "list" not in options.part:
        parser.error("--plot draws the list; add --part list")
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


def list_text(by_length: dict[str, list[Row]], summaries: dict[str, Any]) -> str:
    blocks = []
    for length, rows in by_length.items():
        # With both lengths asked for, those whose only length is Node's have been shown.
        shown = [row for row in rows if len(by_length) == 1 or length == "node" or not row.entry.is_long]
        if shown:
            blocks.append(f"{TITLES[length]}\n{rows_text(shown)}")
    blocks += [summary_text(TITLES[length], content) for length, content in summaries.items()]
    return "\n\n".join(blocks)


def direct_text(head: str, rows: dict[str, Sides]) -> str:
    lines = [
        [
            name,
            *(
                cell
                for sample in sides.values()
                for cell in (("", "") if sample is None else (figure(sample.median), spread(sample)))
            ),
        ]
        for name, sides in rows.items()
    ]
    return table([head, "forebay", "min-max", "node", "min-max"], lines)


def plot(path: str, title: str, rows: Iterable[Row]) -> None:
    plot_bars(
        path,
        title,
        "rate of forebay / rate of Node (medians; lines from least to greatest)",
        [(row.entry.name, row.ratio, OURS if row.ratio.median >= 1 else THEIRS) for row in rows],
        log=True,
    )


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
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as directory:
        runner = Runner(node, options, directory)
        rows, failures = measure_rows(runner, entries, lengths) if "list" in options.part else ([], [])
        direct = {part: measure(runner) for part, (_, measure) in DIRECT.items() if part in options.part}
    about = machine() | {"node": runner.node_version, "loop": options.loop, "mark": runner.mark}
    by_length = {length: [row for row in rows if row.length == length] for length in lengths}
    summaries = {length: summary(members) for length, members in by_length.items() if members}

    print(
        f"forebay {about['forebay']} ({about['backend']} backend, {options.loop}), Python {about['python']}, "
        f"Node {runner.node_version}; medians of {options.rounds} rounds"
    )
    if rows:
        print("\n" + list_text(by_length, summaries))
    for part, measured in direct.items():
        print("\n" + direct_text(DIRECT[part][0], measured))
    if options.json:
        content: dict[str, Any] = {
            "machine": about,
            "rounds": options.rounds,
            "rows": [row.as_json() for row in rows],
            "failures": failures,
            "summary": summaries,
        }
        for part, measured in direct.items():
            content[part] = {
                name: {side: sample and sample.as_json() for side, sample in sides.items()}
                for name, sides in measured.items()
            }
        write_json(options.json, content)
    if options.plot:
        title = f"forebay against Node {runner.node_version}, {TITLES[lengths[0]]}"
        plot(options.plot, title, by_length[lengths[0]])
    if failures:
        raise SystemExit("\n".join(["failed:", *failures]))


if __name__ == "__main__":
    try:
        main()
    except ProgramFailed as error:
        sys.exit(str(error))
