"""Further measurements: nanoseconds per chunk, the rate of a file copy, bytes of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.copying import check_and_remove, make_source
from benchmarks.node_list import entry
from benchmarks.node_runner import Runner
from benchmarks.pairing import Sample, run_in_turns, run_once, turns
from benchmarks.results import Row, rows_of

# Number of stages in the chain that gives the cost of one stage.
STAGES = 4

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


def nanoseconds(rates: Sample) -> Sample:
    return Sample(tuple(1e9 / rate for rate in rates.values))


def beside_node(
    case: str, unit: str, samples: dict[str, Sample], *, lower_is_better: bool = False
) -> list[Row]:
    """The rows of a case that was measured in forebay and, where it has the same, in Node."""
    return rows_of(case, unit, samples, lower_is_better=lower_is_better, beside={"Node": "forebay"})


def measure_chunks(runner: Runner) -> list[Row]:
    """Return the nanoseconds per chunk of a pipe between two hooks, and of each PassThrough stage between them."""
    direct, chain = (entry("pipe-passthrough", "chunks/s", 1e6, stages=stages) for stages in (0, STAGES))
    returned = entry("pipe-returned", "chunks/s", 1e6)
    ours = {each.name: runner.forebay(runner.arguments(each, "node")) for each in (direct, chain, returned)}
    theirs = {each.name: runner.node(runner.arguments(each, "node")) for each in (direct, chain)}
    commands = {f"forebay {name}": command for name, command in ours.items()}
    commands |= {f"Node {name}": command for name, command in theirs.items()}
    results = run_in_turns(commands, runner.rounds, runner.timeout)
    times = {label: nanoseconds(Sample.of(result)) for label, result in results.items()}

    def stage(side: str) -> Sample:
        pairs = zip(times[f"{side} {chain.name}"].values, times[f"{side} {direct.name}"].values, strict=True)
        return Sample(tuple((long - short) / STAGES for long, short in pairs))

    sides = ("forebay", "Node")
    cases = {
        "a pass-through stage in a chain": {side: stage(side) for side in sides},
        "a read hook piped to a write hook": {side: times[f"{side} {direct.name}"] for side in sides},
        "the same, the read hook returning its bytes": {"forebay": times[f"forebay {returned.name}"]},
    }
    return [
        row
        for name, samples in cases.items()
        for row in beside_node(name, "ns/chunk", samples, lower_is_better=True)
    ]


def measure_copies(runner: Runner) -> list[Row]:
    """Return the MB/s of a file that is piped to a new file, with marks of 64 KiB and with the default marks."""
    directory = Path(runner.directory)
    source, dest = directory / "source", directory / "dest"
    make_source(source, runner.copied)
    rows: list[Row] = []
    for name, mark in (("marks of 64 KiB", 65536), ("the default marks of each", 0)):
        arguments = ["file-copy", f"source={source}", f"dest={dest}", f"hwm={mark}"]
        commands = {"forebay": runner.forebay(arguments), "Node": runner.node(arguments)}
        results: dict[str, list[dict[str, Any]]] = {side: [] for side in commands}
        for side in turns(commands, runner.rounds):
            results[side].append(run_once(commands[side], runner.timeout))
            check_and_remove(source, dest, f"{side}: file-copy")
        samples = {side: Sample.of(results[side]) for side in commands}
        rows += beside_node(f"a file piped to a file, {name}", "MB/s", samples)
    source.unlink()
    return rows


def measure_memory(runner: Runner) -> list[Row]:
    """Return the bytes for each object. They are counted and not timed, so one run is enough."""
    rows: list[Row] = []
    for name, subject, kind in MEMORY_SUBJECTS:
        arguments = ["memory", f"subject={subject}", f"kind={kind}", "n=20000"]
        commands = {"forebay": runner.forebay(arguments), "Node": runner.node(arguments)}
        results = run_in_turns(commands, 1, runner.timeout)
        samples = {side: Sample.of(result) for side, result in results.items()}
        rows += beside_node(f"memory of {name}", "bytes", samples, lower_is_better=True)
    return rows
