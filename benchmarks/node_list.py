"""The list of the comparison with Node: its stream and file benchmarks, each with the n that Node runs it with.

An entry may have a second, long n, where Node's own is over before its compiler is warm. Where there is none, Node's n
is long already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024

# Groups that are reported separately.
ITERATION = "async iteration"
OPERATORS = "operators"
FROM = "from_"
CHAINS = "pass-through chains"
DESTROY = "destroy"
FINISHED = "finished"
GROUPS = (ITERATION, OPERATORS, FROM, CHAINS, DESTROY, FINISHED)


@dataclass(frozen=True)
class Entry:
    """A program that both runtimes have, with its parameters."""

    program: str
    unit: str
    # The parameters for the amount of work: that of Node, and a longer one.
    node: Mapping[str, Any]
    long: Mapping[str, Any]
    # The parameters for the kind of work.
    kind: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    needs_directory: bool = False

    @property
    def name(self) -> str:
        return " ".join([self.program, *(f"{key}={value}" for key, value in self.kind.items())])

    @property
    def is_long(self) -> bool:
        """Return whether Node's own n is long enough."""
        return self.long == self.node

    def parameters(self, length: str) -> dict[str, Any]:
        """Return the arguments of the program; ``length`` is 'node' or 'long'."""
        return {**(self.node if length == "node" else self.long), **self.kind}


def entry(
    program: str,
    unit: str,
    n: float,
    *,
    long: float | None = None,
    group: str | None = None,
    needs_directory: bool = False,
    **kind: Any,
) -> Entry:
    node = {"n": int(n)}
    return Entry(
        program, unit, node, node if long is None else {"n": int(long)}, kind, group, needs_directory
    )


def pipes() -> Iterator[Entry]:
    yield entry("pipe", "chunks/s", 5e6)
    yield entry("pipe-object-mode", "objects/s", 5e6)
    yield entry("pipe-backpressure", "chunks/s", 5e6)
    for stages in (1, 4):
        yield entry("pipe-passthrough", "chunks/s", 1e6, group=CHAINS, stages=stages)


def reads() -> Iterator[Entry]:
    yield entry("readable-bigread", "iterations/s", 1000)
    yield entry("readable-bigunevenread", "iterations/s", 1000)
    for type_ in ("buffer", "string"):
        yield entry("readable-boundaryread", "iterations/s", 2000, type=type_)
    yield entry("readable-unevenread", "iterations/s", 1000)
    yield entry("readable-readall", "iterations/s", 5000)
    for kind in ("read", "encoding"):
        yield entry("readable-uint8array", "pushes/s", 1e6, kind=kind)
    for encoding in ("utf-8", "latin1"):
        for op in ("push", "unshift"):
            yield entry("readable-encoding", "pushes/s", 1000, long=50_000, encoding=encoding, len=256, op=op)


def sources() -> Iterator[Entry]:
    kinds = (
        "array",
        "sync-generator-with-sync-values",
        "sync-generator-with-async-values",
        "async-generator",
    )
    for type_ in kinds:
        yield entry("readable-from", "items/s", 1e7, group=FROM, type=type_)
    for sync in ("yes", "no"):
        yield entry("readable-async-iterator", "items/s", 1e5, long=2e6, group=ITERATION, sync=sync)


def writes() -> Iterator[Entry]:
    for sync in ("yes", "no"):
        for writev in ("no", "yes"):
            for callback in ("no", "yes"):
                yield entry(
                    "writable-manywrites",
                    "writes/s",
                    1e5,
                    long=5e6,
                    sync=sync,
                    writev=writev,
                    callback=callback,
                    len=1024,
                    hwm=16384,
                )
    for kind in ("write", "object-mode", "writev"):
        yield entry("writable-uint8array", "writes/s", 5e7, kind=kind)
    yield entry("writable-simple", "writes/s", 5e4, long=5e6, input="buffer", encoding="utf-8")
    yield entry("writable-simple", "writes/s", 5e4, long=5e6, input="string", encoding="utf-8")
    yield entry("writable-simple", "writes/s", 5e4, long=5e6, input="string", encoding="utf-16le")
    yield entry("writable-buffered-drain", "iterations/s", 100, long=5000, count=1024)
    for type_ in ("string", "buffer", "mixed"):
        yield entry(
            "writable-writev-string",
            "iterations/s",
            1e4,
            long=3e5,
            chunks=16,
            encoding="utf-8",
            type=type_,
        )


def transforms() -> Iterator[Entry]:
    for sync in ("yes", "no"):
        for callback in ("no", "yes"):
            yield entry("transform-manytransforms", "writes/s", 2e6, sync=sync, callback=callback)
    yield entry("transform-creation", "objects/s", 1e6)


def lifecycles() -> Iterator[Entry]:
    kinds = ("readable", "writable", "duplex", "transform")
    for kind in kinds:
        yield entry("creation", "objects/s", 5e7, kind=kind)
    for kind in kinds:
        yield entry("destroy", "objects/s", 1e6, group=DESTROY, kind=kind)
    for kind in ("readable", "writable"):
        yield entry("finished", "streams/s", 1e6, group=FINISHED, kind=kind)
    for kind in ("readable", "writable", "duplex"):
        yield entry("finished-callback", "streams/s", 1e5, long=3e5, group=FINISHED, kind=kind)


def operators() -> Iterator[Entry]:
    over_readable = (
        "reduce",
        "reduce-async",
        "map-sync-1",
        "map-sync-8",
        "map-async-1",
        "map-async-8",
        "find-sync-1",
        "find-async-1",
        "filter",
        "forEach",
        "toArray",
    )
    pairs = [(operation, "readable") for operation in over_readable]
    pairs += [("reduce", "iterator"), ("reduce", "array")]
    for operation, source in pairs:
        yield entry(
            "operator-throughput",
            "items/s",
            2e5,
            long=2e6,
            group=OPERATORS,
            operation=operation,
            source=source,
        )


def composition() -> Iterator[Entry]:
    yield entry("compose-creation", "compositions/s", 1000, streams=100)
    chunks = {"chunks": 10_000}
    yield Entry(
        "compose-throughput", "chunks/s", {"n": 1, **chunks}, {"n": 10, **chunks}, kind={"streams": 100}
    )


def files() -> Iterator[Entry]:
    for type_, hwm, n in (("buf", 4096, 128), ("buf", 65535, 1024), ("buf", MIB, 1024), ("utf", 65535, 256)):
        yield entry(
            "fs-read-stream-throughput",
            "MiB/s",
            n,
            needs_directory=True,
            type=type_,
            hwm=hwm,
            size=1000 * 1024,
        )
    for size in (1024, 65535, MIB):
        seconds = {"seconds": 2}
        # The mark is that of a file write stream in Node 20.
        kind = {"type": "buf", "size": size, "hwm": 16384}
        yield Entry("fs-write-stream-throughput", "MiB/s", seconds, seconds, kind, needs_directory=True)
    for size in (1024, MIB):
        yield entry("fs-bench-stream-via-pipeline", "files/s", 100, needs_directory=True, size=size)


def node_list() -> list[Entry]:
    """Return all entries in the order of the report."""
    parts = (pipes, reads, sources, writes, transforms, lifecycles, operators, composition, files)
    return [each for part in parts for each in part()]
