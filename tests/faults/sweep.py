"""Make system calls fail, one after the other, while the scenarios run, and report what breaks the rules.

    python -m faults.sweep --most 20                                    # every scenario, on both backends and both loops
    python -m faults.sweep --most 1000 --loop asyncio --backend c echo  # nearly every call of one scenario
    python -m faults.sweep --hours 8                                    # again and again, with other calls

For each scenario, each function and each error of it, calls are chosen: the first ones, the last one, and some in
between. `one_sweep` runs the scenario with each. See `rules` for what must hold.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.scenarios import OF_POSTGRES, SCENARIOS
from faults.shim import build
from support.certificates import make_certificate
from support.loops import LOOPS
from support.postgres import find_programs, postgres_server

__all__ = ["Sweeps"]

BACKENDS = ("c", "python")
TESTS = Path(__file__).parents[1]


@dataclass
class Sweeps:
    """The sweeps of many scenarios, and what came of them."""

    shim: Path
    certificate: Path
    key: Path
    postgres: str | None
    runs: int = 0
    faults: int = 0
    violations: list[str] = field(default_factory=list)

    def scenarios(
        self, names: Iterable[str], folder: Path, backend: str | None = None, **options: Any
    ) -> None:
        """Sweep scenarios. Each process that hangs or crashes is a violation, and another one goes on after it."""
        skip = 0
        while True:
            done = self._process(names, folder, backend, {**options, "skip": skip})
            if done.returncode == 0:
                outcome = json.loads((folder / "outcome").read_text())
                self._note(outcome["runs"], outcome["faults"], outcome["violations"])
                return
            now, runs, faults, what = self._current(folder)
            self._note(runs, faults, [f"{what} ends with {done.returncode}\n{done.stderr[-6000:]}"])
            if now <= skip:
                return
            skip = now

    def _process(
        self, names: Iterable[str], folder: Path, backend: str | None, options: dict[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "LD_PRELOAD": str(self.shim), "PYTHONPATH": path}
        if backend is not None:
            environment["FOREBAY_BACKEND"] = backend
        if self.postgres is not None:
            options["postgres"] = self.postgres
        options |= {"folder": folder, "certificate": self.certificate, "key": self.key}
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        command = [sys.executable, "-m", "faults.one_sweep", *names, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def _note(self, runs: int, faults: int, violations: list[str]) -> None:
        self.runs += runs
        self.faults += faults
        self.violations += violations

    @staticmethod
    def _current(folder: Path) -> tuple[int, int, int, str]:
        """The run of a process that has ended in the middle of it."""
        try:
            now, runs, faults, what = (folder / "current").read_text().strip().split(" ", 3)
        except (OSError, ValueError):
            return 0, 0, 0, "the start"
        return int(now), int(runs), int(faults), what


@contextlib.contextmanager
def prepared(needs_postgres: bool) -> Iterator[tuple[Sweeps, Path]]:
    """The shim, a certificate and a server of PostgreSQL, and a folder for all of it."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        postgres = None
        if needs_postgres and find_programs() is not None:
            postgres = stack.enter_context(postgres_server())
        yield Sweeps(build(folder), *make_certificate(folder), postgres), folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--loop", action="append", choices=LOOPS)
    parser.add_argument(
        "--most", type=int, default=6, help="calls of a function that are tried with each fault"
    )
    parser.add_argument(
        "--hours", type=float, default=0.0, help="how long to go on, with other calls each time"
    )
    parser.add_argument("--seed", type=int, default=0, help="which calls are chosen first")
    parser.add_argument("scenarios", nargs="*", default=[], choices=[*SCENARIOS, []])
    options = parser.parse_args()
    scenarios = options.scenarios or list(SCENARIOS)
    until = time.monotonic() + 3600 * options.hours
    with prepared(bool(OF_POSTGRES & set(scenarios))) as (sweeps, folder):
        for seed in itertools.count(options.seed):
            for name, loop, backend in itertools.product(
                scenarios, options.loop or LOOPS, options.backend or BACKENDS
            ):
                if name in OF_POSTGRES and sweeps.postgres is None:
                    continue
                known = len(sweeps.violations)
                place = folder / name
                sweeps.scenarios([name], place, backend, loop=loop, most=options.most, seed=seed)
                new = sweeps.violations[known:]
                print(
                    f"{name} on {loop}, {backend}: {sweeps.faults} faults, {len(new)} violations",
                    *new,
                    sep="\n",
                    flush=True,
                )
            if time.monotonic() >= until:
                break
    print(json.dumps({"runs": sweeps.runs, "faults": sweeps.faults, "violations": len(sweeps.violations)}))
    sys.exit(bool(sweeps.violations))


if __name__ == "__main__":
    main()
