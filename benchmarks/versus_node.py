"""forebay beside Node's streams, on Node's own benchmarks: ``python -m benchmarks.versus_node``.

Every entry of the list runs in both runtimes by turns, each run a process of its own. Rates count the same operations on
both sides.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterable, Sequence

from benchmarks.comparison import Comparison, Measured, Skipped
from benchmarks.copying import MIB
from benchmarks.node_direct import measure_chunks, measure_copies, measure_memory
from benchmarks.node_list import GROUPS, Entry, node_list
from benchmarks.node_runner import TITLES, Runner
from benchmarks.pairing import ProgramFailed, geometric_mean
from benchmarks.peers import NODE
from benchmarks.report import figure, progress, table
from benchmarks.results import Row

# What is measured beside the list.
DIRECT = {
    "chunks: nanoseconds of a piped chunk": measure_chunks,
    "copies: a file piped to a file": measure_copies,
    "memory: bytes of each object": measure_memory,
}

# The ratio of an entry at one length.
Ratios = list[tuple[Entry, float]]


def find_node(given: str | None) -> str:
    node = shutil.which(given or "node")
    if node is None:
        raise Skipped(f"there is no program {given!r}; --node takes the path of a Node from {NODE.get}")
    return node


def measure_list(
    runner: Runner, entries: Iterable[Entry], lengths: Sequence[str]
) -> tuple[list[Row], dict[str, Ratios], list[str]]:
    """The rows, the ratios by length, and what was said by programs that failed; the others are measured all the same."""
    rows: list[Row] = []
    ratios: dict[str, Ratios] = {length: [] for length in lengths}
    failures: list[str] = []
    for each in entries:
        for length in lengths:
            if length == "long" and len(lengths) > 1 and each.is_long:
                # Node's own n is long: one measurement stands for both.
                ratios[length] += [pair for pair in ratios["node"] if pair[0] is each]
                continue
            try:
                measured = runner.measure(each, length)
            except ProgramFailed as error:
                failures.append(str(error))
                progress(f"failed  {each.name} ({TITLES[length]}): {error}")
                continue
            rows += measured
            ratio = next(row.ratio.median for row in measured if row.ratio is not None)
            ratios[length].append((each, ratio))
            progress(f"{figure(ratio):>6}  {each.name} ({TITLES[length]})")
    return rows, ratios, failures


def by_program(ratios: Ratios) -> list[float]:
    """One ratio for each of Node's programs: the geometric mean of its kinds."""
    programs: dict[str, list[float]] = {}
    for each, ratio in ratios:
        programs.setdefault(each.program, []).append(ratio)
    return [geometric_mean(kinds) for kinds in programs.values()]


def summary(title: str, ratios: Ratios) -> str:
    """The means, the weakest entry and the groups of one length."""
    programs = by_program(ratios)
    weakest, least = min(ratios, key=lambda pair: pair[1])
    lines = [
        (f"geometric mean of {len(ratios)} entries", geometric_mean(ratio for _, ratio in ratios)),
        (f"geometric mean of {len(programs)} programs, kinds put together", geometric_mean(programs)),
        (f"weakest: {weakest.name}", least),
    ]
    for group in GROUPS:
        if members := [ratio for each, ratio in ratios if each.group == group]:
            lines.append((group, geometric_mean(members)))
    return table([title, "ratio"], [[name, f"{ratio:.2f}"] for name, ratio in lines])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--n",
        choices=("node", "long", "both"),
        default="both",
        help="Node's own n, one with which its compiler is warm, or both (default)",
    )
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="forebay's loop")
    parser.add_argument("--node", metavar="PROGRAM", help="the Node to compare with (default: on the PATH)")
    parser.add_argument("--at-most", type=int, metavar="N", help="cut every n to this")
    parser.add_argument(
        "--copied", type=int, default=512 * MIB, metavar="BYTES", help="size of the copied file"
    )


def cases() -> list[str]:
    return [*(each.name for each in node_list()), *DIRECT]


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    node = find_node(options.node)
    lengths = ("node", "long") if options.n == "both" else (options.n,)
    entries = [each for each in node_list() if each.name in chosen]
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as directory:
        runner = Runner(node, options, directory)
        rows, ratios, failures = measure_list(runner, entries, lengths)
        for name, direct in DIRECT.items():
            if name in chosen:
                progress(name)
                rows += direct(runner)
    summaries = [summary(TITLES[length], pairs) for length, pairs in ratios.items() if pairs]
    return Measured(rows, failures, {"Node": runner.node_version}, "\n\n".join(summaries))


COMPARISON = Comparison(
    name="versus_node",
    about="Node's own stream and file benchmarks, chunks, copies and memory",
    takes="an hour",
    peers=(NODE,),
    needs=(NODE,),
    cases=cases,
    measure=measure,
    add_options=add_options,
    quick={"n": "node", "at_most": 1000, "copied": MIB},
)

if __name__ == "__main__":
    COMPARISON.main()
