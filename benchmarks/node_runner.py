"""Run programs in both runtimes in turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.node_list import Entry
from benchmarks.pairing import ROOT, Sample, run_in_turns, run_once
from benchmarks.results import Row, rows_of

TITLES = {"node": "Node's n", "long": "long n"}

NODE_MAIN = str(ROOT / "benchmarks" / "node" / "main.js")


class Runner:
    """Runs programs on both sides, with the options of the command line."""

    def __init__(self, node: str, options: argparse.Namespace, directory: str) -> None:
        self._node = node
        self.rounds: int = options.rounds
        self.timeout: float = options.timeout
        self._loop = options.loop
        self._at_most = options.at_most
        self.copied: int = options.copied
        self.directory = directory
        about = run_once([node, NODE_MAIN], self.timeout)
        self.node_version: str = about["version"].lstrip("v")
        # Node's default mark differs between versions; both sides use that of the installed Node.
        self.mark: int = about["mark"]

    def arguments(self, each: Entry, length: str) -> list[str]:
        parameters = each.parameters(length)
        if self._at_most and "n" in parameters:
            parameters["n"] = min(parameters["n"], self._at_most)
        if each.needs_directory:
            parameters["dir"] = self.directory
        return [each.program, *(f"{key}={value}" for key, value in parameters.items())]

    def forebay(self, arguments: Sequence[str]) -> list[str]:
        own = [f"loop={self._loop}", f"mark={self.mark}"]
        return [sys.executable, "-m", "benchmarks.programs", *arguments, *own]

    def node(self, arguments: Sequence[str]) -> list[str]:
        return [self._node, "--expose-gc", NODE_MAIN, *arguments]

    def measure(self, each: Entry, length: str) -> list[Row]:
        arguments = self.arguments(each, length)
        commands = {"forebay": self.forebay(arguments), "node": self.node(arguments)}
        results = run_in_turns(commands, self.rounds, self.timeout)
        samples = {"forebay": Sample.of(results["forebay"]), "Node": Sample.of(results["node"])}
        return rows_of(f"{each.name}, {TITLES[length]}", each.unit, samples, beside={"Node": "forebay"})
