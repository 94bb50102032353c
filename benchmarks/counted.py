"""Run programs in one process under callgrind, which writes its counters to a file before each call of ``getppid()``.

``python -m benchmarks.counted RUNS``: RUNS is a JSON list of [program, parameters].
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import forebay
from benchmarks.programs._bench import run_program
from benchmarks.programs.catalogue import find_program
from forebay._core.scheduling import ticks

#: The function of the C library that marks the beginning and the end of each run. No other code calls it.
MARK = "getppid"


def main(runs: list[tuple[str, dict[str, Any]]]) -> None:
    # Under valgrind the clock of the process runs far ahead of the work, and flows would give way all the time.
    ticks.thread_time = lambda: 0.0  # type: ignore[attr-defined]
    # Programs are imported before the first run, so that no run pays for the imports of the next.
    found = [(find_program(program), parameters) for program, parameters in runs]
    for function, parameters in found:
        # A collection that falls into a run must not walk what imports and earlier runs left.
        gc.collect()
        gc.freeze()
        os.getppid()
        forebay.run(run_program(function, **parameters))
        os.getppid()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
