"""``forebay copy -r``: a tree of folders from the command line."""

import io
import json
import os
import signal
import subprocess

import pytest

from forebay._system.tree_copy import Counts
from forebay.cli.output.tree_progress import TreeProgress
from support.command import forebay, loaded_by, noise, started, temporary_files
from support.loops import eventually
from support.trees import make_tree, tree_of

ENTRIES = {"one": b"1", "large": noise(1_500_000), "sub": {"two": b"22", "link": "two"}, "nothing": {}}


@pytest.fixture
def source(tmp_path):
    return make_tree(tmp_path / "source", ENTRIES)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


@pytest.mark.parametrize("option", ["-r", "--recursive"])
def test_a_tree_and_its_summary(copy, source, target, option):
    status, out, err = copy(option, source, target)
    assert (status, err) == (0, "")
    assert out.startswith("copied 3 files, 3 folders, 1 link, 1.43 MiB in ")
    assert out.count("\n") == 1
    assert tree_of(target) == ENTRIES


def test_json(copy, source, target):
    status, out, err = copy("-r", source, target, "--json", "--jobs", "3", "--no-atomic")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["seconds"] > 0
    assert found["bytes_per_second"] > 0
    assert found["peak_memory_bytes"] > 1_000_000
    rest = {"seconds", "bytes_per_second", "peak_memory_bytes", "backend"}
    assert {name: value for name, value in found.items() if name not in rest} == {
        "source": str(source),
        "target": str(target),
        "files": 3,
        "folders": 3,
        "links": 1,
        "bytes": 1_500_003,
        "failed": 0,
        "atomic": False,
        "jobs": 3,
    }
    assert tree_of(target) == ENTRIES


def test_quiet_synced_and_merged(copy, source, target):
    make_tree(target, {"kept": b"kept", "one": b"old"})
    assert copy("-r", "--quiet", "--sync", source, target) == (0, "", "")
    assert tree_of(target) == {**ENTRIES, "kept": b"kept"}


def test_what_fails_is_named_once_and_the_rest_is_copied(copy, source, target):
    os.mkfifo(source / "sub" / "fifo")
    make_tree(target, {"one": {}})
    status, out, err = copy("-r", source, target)
    assert status == 1
    assert sorted(err.splitlines()) == [
        f"forebay: {source}/sub/fifo: a FIFO is not copied; only files, folders and links are",
        f"forebay: {target}/one: Is a directory",
    ]
    assert out.splitlines()[1] == "not copied: 2, see above"
    assert tree_of(target) == {**ENTRIES, "one": {}}
    status, out, _ = copy("-r", source, target, "--json")
    assert (status, json.loads(out)["failed"]) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-r", "--gzip"], "--gzip is for the copy of one file, without -r"),
        (["-r", "--throttle", "1MB/s"], "--throttle is for the copy of one file"),
        (["-r", "--high-water-mark", "1MB"], "--high-water-mark is for"),
        (["-r", "--format", "csv"], "--format is for the copy of one file"),
        (["-r", "--jobs", "100"], "--jobs may be at most 64"),
        (["-r", "--jobs", "0"], "'0' is not a number of 1 or more"),
        (["--jobs", "2"], "--jobs is for a copy of a tree; use it with -r"),
        (["--sync"], "--sync is for a copy of a tree"),
    ],
)
def test_options_that_do_not_fit(copy, source, target, arguments, said):
    status, out, err = copy(*arguments, source, target)
    assert (status, out) == (2, "")
    assert said in err
    assert not target.exists()


@pytest.mark.parametrize("end", ["-", "http://localhost/x", "tcp://localhost:1", "sqlite://x"])
def test_only_folders_of_this_machine(copy, source, end):
    for ends in ([source, end], [end, source]):
        status, _, err = copy("-r", *ends)
        assert status == 2
        assert f"{end}: -r copies folders of this machine" in err


def test_wrong_ends(copy, tmp_path, source):
    (tmp_path / "file").write_bytes(b"")
    for ends, said in [
        ((tmp_path / "none", tmp_path / "new"), f"{tmp_path}/none: No such file or directory"),
        (
            (tmp_path / "file", tmp_path / "new"),
            f"{tmp_path}/file: this is not a folder; copy a file without -r",
        ),
        ((source, tmp_path / "file"), f"{tmp_path}/file: Not a directory"),
        ((source, source / "sub" / "new"), f"{source}/sub/new is inside {source}"),
        ((source, source), f"{source} and {source} are the same folder"),
    ]:
        status, out, err = copy("-r", *ends)
        assert (status, out) == (1, "")
        assert err.startswith(f"forebay: {said}")
        assert err.count("\n") == 1
    assert tree_of(source) == ENTRIES


def test_a_folder_without_the_option(copy, source, target):
    status, _, err = copy(source, target)
    assert status == 1
    assert err == f"forebay: {source}: Is a directory; -r copies it with all that is in it\n"


def test_neither_asyncio_nor_a_stream_is_loaded(source, target):
    names = ("asyncio", "forebay.fs", "forebay.streams", "json", "inspect", "shutil")
    assert loaded_by("copy", "-r", "--quiet", source, target, of=names) == []
    assert tree_of(target) == ENTRIES


def test_the_process(source, target):
    done = forebay("copy", "-r", source, target, "--progress")
    assert done.returncode == 0
    assert done.stdout.startswith(b"copied 3 files")
    assert tree_of(target) == ENTRIES


@pytest.mark.parametrize(
    ("number", "atomic"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGINT, False)]
)
def test_a_signal_ends_it_and_leaves_whole_files(tmp_path, target, number, atomic):
    entries = {f"{i}": {f"{j}": noise(10_000, j) for j in range(50)} for i in range(200)}
    source = make_tree(tmp_path / "source", entries)
    options = ["--quiet", "--jobs", "1", *([] if atomic else ["--no-atomic"])]
    process = started("copy", "-r", source, target, *options, stderr=subprocess.PIPE)
    assert eventually(target.exists)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) in [(128 + number, b""), (0, b"")]
    found = tree_of(target)
    assert (found == entries) == (process.returncode == 0)
    for name, files in found.items():
        assert all(entries[name][file] == content for file, content in files.items())
        assert temporary_files(target / name) == []


def test_progress_lines():
    """On a terminal, and elsewhere."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    counts = Counts()
    counts.files, counts.folders, counts.nbytes = 1234, 1, 3 * 1024 * 1024
    terminal, log = Terminal(), io.StringIO()
    with TreeProgress(terminal, counts) as live, TreeProgress(log, counts) as plain:
        live.look()
        plain.look()
    assert terminal.getvalue().startswith("\r1,234 files, 1 folder, 3 MiB, ")
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert log.getvalue() == ""
