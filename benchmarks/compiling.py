"""The C programs of the comparisons, compiled on the spot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.comparison import Skipped
from benchmarks.pairing import ROOT
from benchmarks.peers import c_compiler, program_version

SOURCES = ROOT / "benchmarks" / "c"


def compile_c(source: str, given: str | None, directory: Path) -> tuple[str, dict[str, str]]:
    """Compile a program into ``directory``; return its path and the version of the compiler.

    Raises Skipped where there is no compiler or it fails.
    """
    compiler = shutil.which(given) if given else c_compiler()
    if compiler is None:
        raise Skipped(f"there is no C compiler {given!r}; --cc takes the name or the path of one")
    program = directory / Path(source).stem
    command = [compiler, "-O2", "-std=gnu11", "-o", str(program), str(SOURCES / source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"{compiler} cannot compile {source}:\n{done.stderr}")
    name = Path(compiler).resolve().name
    return str(program), {"C compiler": f"{name} {program_version(compiler, '--version')}"}
