"""Run each benchmark program that needs only this package for a moment; each reports a rate."""

import tempfile
from pathlib import Path

from benchmarks.node_list import node_list
from benchmarks.programs._bench import run_program
from benchmarks.programs.catalogue import find_program
from benchmarks.python_list import TASKS
from benchmarks.tasks import LINE

import forebay

SMALL = {"n": 5, "chunks": 50, "seconds": 0.01, "inner": 50, "lines_of_chunk": 20}


def run(name, **parameters):
    result = forebay.run(run_program(find_program(name), **parameters))
    assert result["rate"] > 0, (name, parameters, result)
    return 1


def run_small(name, parameters, may_have=()):
    """Run a program with little to do; ``may_have`` are amounts with a default, which are not in its parameters."""
    less = {key: SMALL[key] for key in SMALL if key in parameters or key in may_have}
    return run(name, **{**parameters, **less})


def run_node_list(directory):
    count = 0
    for entry in node_list():
        parameters = entry.parameters("node")
        if entry.needs_directory:
            parameters["dir"] = directory
        pushes_and_reads = entry.program in (
            "readable-bigread",
            "readable-bigunevenread",
            "readable-boundaryread",
            "readable-unevenread",
            "readable-readall",
        )
        count += run_small(entry.program, parameters, ["inner"] if pushes_and_reads else [])
    return count


def run_tasks(directory):
    source, dest = Path(directory, "source"), Path(directory, "dest")
    source.write_bytes(LINE * 1000)
    paths = {"source": str(source), "dest": str(dest)}
    count = 0
    for task in TASKS:
        for library in {side.library for side in task.sides} & {"forebay", "asyncio"}:
            files = {"source" if name == "text" else name: None for name in task.files}
            parameters = {**task.parameters, **{name: paths[name] for name in files}}
            count += run_small(f"{library}:{task.name}", parameters)
            if dest.exists():
                assert dest.read_bytes() == source.read_bytes()
                dest.unlink()
    return count


def run_the_rest(directory):
    source, dest = Path(directory, "source"), Path(directory, "dest")
    count = run("pipe-returned", n=5)
    for look in ("no", "yes"):
        count += run("file-copy", source=str(source), dest=str(dest), look=look)
    for subject in ("stream", "readable-chunk", "writable-chunk", "first-listener", "further-listener"):
        count += run("memory", n=500, subject=subject, kind="Readable")
    return count


with tempfile.TemporaryDirectory() as place:
    assert run_node_list(place) == len(node_list()) > 80
    assert run_tasks(place) > len(TASKS)
    assert run_the_rest(place) == 8
    assert sorted(path.name for path in Path(place).iterdir()) == ["dest", "source"]
