"""Run programs in both runtimes in turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.node_list import Entry
from benchmarks.pairing import ROOT, Sample, run_in_turns, run_once

NODE_MAIN = str(ROOT / "benchmarks" / "node" / "main.js")


@dataclass(frozen=True)
class Row:
    """One entry measured at one length."""

    entry: Entry
    length: str
    forebay: Sample
    node: Sample

    @property
    def ratio(self) -> Sample:
        return self.forebay.over(self.node)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.entry.name,
            "program": self.entry.program,
            "parameters": self.entry.parameters(self.length),
            "length": self.length,
            "unit": self.entry.unit,
            "group": self.entry.group,
            "forebay": self.forebay.as_json(),
            "node": self.node.as_json(),
            "ratio": self.ratio.as_json(),
        }


class Runner:
    """Runs programs on both sides, with the options of the command line."""

    def __init__(self, node: str, options: argparse.Namespace, directory: str) -> None:
        self._node = node
        self.rounds: int = options.rounds
        self.timeout: float = options.timeout
        self._loop = options.loop
        self._at_most = options.at_most
        self.directory = directory
        about = run_once([node, NODE_MAIN], self.timeout)
        self.node_version: str = about["version"]
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

    def measure(self, each: Entry, length: str) -> Row:
        arguments = self.arguments(each, length)
        commands = {"forebay": self.forebay(arguments), "node": self.node(arguments)}
        results = run_in_turns(commands, self.rounds, self.timeout)
        return Row(each, length, Sample.of(results["forebay"]), Sample.of(results["node"]))
