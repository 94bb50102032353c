"""Kill a program at each of its system calls in turn, and report what it leaves of the files that it replaces.

    python -m faults.kills                 # at every call
    python -m faults.kills --most 50 copy  # at some of the calls of one program

Each file is the old one or the new one, whole. What else is left is removed by `fs.remove_leftovers`. Each run is a process of
its own.
"""

import argparse
import contextlib
import gc
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import forebay
from faults.shim import KILL, Fault, Shim, build, preloaded
from forebay import fs
from forebay.cli import main as command

OLD, NEW = b"old" * 50_000, b"new" * 120_000
# The sizes of the files of a tree: some are copied by one read and one write.
SIZES = (0, 1, 5000, 70_000, 300_000)
# Seconds after which a run hangs.
SECONDS = 60


class Place:
    """A source and a target, each a file or a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.target = folder / "from" / "source", folder / "to" / "target"

    def files(self) -> Iterator[tuple[Path, bytes, bytes]]:
        """The targets, and the old and the new content of each."""
        yield self.target, OLD, NEW

    def prepare(self) -> None:
        """Make the source and the old target."""
        for path, old, new in self.files():
            for where, content in ((self.source_of(path), new), (path, old)):
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_bytes(content)

    def source_of(self, path: Path) -> Path:
        return self.source / path.relative_to(self.target)

    def broken(self) -> Iterator[str]:
        """Remove what a killed program has left, and check the rest."""
        for folder in [self.target.parent, *self.folders()]:
            fs.remove_leftovers(folder)
        whole = {path: (old, new) for path, old, new in self.files()}
        for path in self.target.parent.rglob("*"):
            if path.is_file() and path not in whole:
                yield f"leaves {path.name!r}"
        for path, contents in whole.items():
            if not path.exists():
                yield f"leaves no {path.name!r}"
            elif path.read_bytes() not in contents:
                yield f"leaves a part of {path.name!r}"

    def folders(self) -> list[Path]:
        return []

    def is_new(self) -> bool:
        return all(path.read_bytes() == new for path, _, new in self.files())


class TreePlace(Place):
    def files(self) -> Iterator[tuple[Path, bytes, bytes]]:
        for name in ("one", "two"):
            for size in SIZES:
                yield self.target / name / f"file {size}", OLD[: size + 1], NEW[:size]

    def folders(self) -> list[Path]:
        return [self.target, self.target / "one", self.target / "two"]


def copy(place: Place) -> None:
    assert command(["copy", "--quiet", str(place.source), str(place.target)]) == 0


def copy_tree(place: Place) -> None:
    assert command(["copy", "--quiet", "-r", str(place.source), str(place.target)]) == 0


def write(place: Place) -> None:
    async def main() -> None:
        target = fs.create_write_stream(place.target, atomic=True)
        await forebay.pipeline([NEW[:100_000], NEW[100_000:]], target)

    forebay.run(main)


PROGRAMS: dict[str, tuple[Callable[[Place], None], type[Place]]] = {
    "copy": (copy, Place),
    "copy_tree": (copy_tree, TreePlace),
    "write": (write, Place),
}


class Kills:
    """The runs of the programs. ``most`` is how many calls of each are tried."""

    def __init__(self, most: int, seed: int) -> None:
        self.most = most
        self.shim = Shim()
        self.random = random.Random(seed)
        self.kills = 0
        self.violations: list[str] = []

    def program(self, name: str, folder: Path) -> None:
        program, kind = PROGRAMS[name]
        place = kind(folder / name)
        calls = self._once(name, program, place, -1)
        every = range(1, calls + 1)
        for number in every if calls <= self.most else sorted(self.random.sample(every, self.most)):
            self._once(name, program, place, number)

    def _once(self, name: str, program: Callable[[Place], None], place: Place, number: int) -> int:
        """Run the program in a process, which is killed at the call of this number. Return how many it made."""
        place.prepare()
        out, into = os.pipe()
        pid = os.fork()
        if not pid:
            code = 1
            try:
                signal.alarm(SECONDS)
                self.shim.arm(Fault("*", KILL, 0), number)
                program(place)
                self.shim.disarm()
                os.write(into, b"%d" % self.shim.all_calls())
                code = 0
            finally:
                os._exit(code)
        os.close(into)
        _, status = os.waitpid(pid, 0)
        said = os.read(out, 100)
        os.close(out)
        ended = os.waitstatus_to_exitcode(status)
        self.kills += ended == -signal.SIGKILL
        broken = list(place.broken())
        if ended not in (0, -signal.SIGKILL):
            broken.append(f"ends with {ended}")
        if ended == 0 and not place.is_new():
            broken.append("leaves the old file after success")
        self.violations += [f"{name}, killed at call {number}: {rule}" for rule in broken]
        return int(said or 0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=sys.maxsize, help="calls of each program that are tried")
    parser.add_argument("--seed", type=int, default=0, help="which calls are chosen")
    parser.add_argument("programs", nargs="*", default=[], choices=[*PROGRAMS, []])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not preloaded():
            environment = {**os.environ, "LD_PRELOAD": str(build(folder))}
            command_line = [sys.executable, "-m", "faults.kills", *sys.argv[1:]]
            sys.exit(os.spawnve(os.P_WAIT, sys.executable, command_line, environment))
        gc.freeze()
        kills = Kills(options.most, options.seed)
        with contextlib.chdir(folder):
            for program in options.programs or PROGRAMS:
                kills.program(program, folder)
    print(*kills.violations, sep="\n")
    print(json.dumps({"kills": kills.kills, "violations": len(kills.violations)}))
    sys.exit(bool(kills.violations))


if __name__ == "__main__":
    main()
