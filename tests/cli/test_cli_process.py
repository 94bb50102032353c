"""``forebay copy`` as a process: standard input and output, pipes, signals, exit statuses."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from support.command import (
    bytes_in_work,
    digest,
    forebay,
    hear_of_signals,
    loaded_by,
    noise,
    started,
    temporary_files,
)
from support.loops import eventually

SIZES = [0, 1, 65535, 65536, 65537, 3_000_001]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(noise(3_000_000))
    return path


# ---- standard input and output


@pytest.mark.parametrize("size", SIZES)
def test_from_pipe_to_pipe(size):
    data = noise(size)
    done = forebay("copy", "-", "-", input=data)
    assert done.returncode == 0
    assert digest(done.stdout) == digest(data)
    assert done.stderr.startswith(b"copied ")


@pytest.mark.parametrize("append", [False, True])
def test_redirected_files(tmp_path, source, append):
    target = tmp_path / "target"
    target.write_bytes(b"before;")
    with open(source, "rb") as stdin, open(target, "ab" if append else "r+b") as stdout:
        stdin.seek(1000)
        if not append:
            stdout.seek(7)
        assert forebay("copy", "-", "-", stdin=stdin, stdout=stdout).returncode == 0
        # Who shares the descriptors goes on where the command stopped.
        assert os.lseek(stdin.fileno(), 0, os.SEEK_CUR) == 3_000_000
        os.write(stdout.fileno(), b";after")
    assert target.read_bytes() == b"before;" + source.read_bytes()[1000:] + b";after"


def test_standard_input_to_a_file(tmp_path):
    data = noise(200_000)
    done = forebay("copy", "-", tmp_path / "target", input=data)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "target").read_bytes() == data


def test_json_is_not_mixed_with_the_data(source):
    done = forebay("copy", source, "-", "--json")
    assert digest(done.stdout) == digest(source.read_bytes())
    data = json.loads(done.stderr)
    assert data["target"] == "standard output"
    assert data["atomic"] is False


def test_gzip_through_pipes():
    data = b"again and again " * 50_000
    packed = forebay("copy", "-", "-", "--gzip", input=data).stdout
    assert len(packed) < len(data) // 10
    assert forebay("copy", "-", "-", "--gunzip", input=packed).stdout == data


def test_standard_input_and_output_are_the_same_file(tmp_path, source):
    with open(source, "r+b") as file:
        done = forebay("copy", "-", "-", stdin=file, stdout=file)
    assert done.returncode == 1
    assert done.stderr == b"forebay: standard input and standard output are the same file\n"


@pytest.mark.parametrize("redirection", ["<&-", ">&-"])
def test_closed_standard_streams(redirection):
    command = f'"$0" -m forebay copy - - {redirection}'
    done = subprocess.run(["sh", "-c", command, sys.executable], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    name = b"input" if redirection[0] == "<" else b"output"
    assert done.stderr == b"forebay: standard %b: Bad file descriptor\n" % name


def test_closed_stdout_ends_the_copy_silently(source):
    for arguments in (["/dev/zero", "-"], [source, "-"], [source, "-", "--hash", "md5"]):
        process = started("copy", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.read(10_000)
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""
        process.stderr.close()


def test_closed_stdout_keeps_the_copy(tmp_path, source):
    reader, writer = os.pipe()
    os.close(reader)
    done = forebay("copy", source, tmp_path / "target", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_standard_output_is_full(tmp_path, source):
    with open("/dev/full", "wb") as full:
        for arguments in ([source, "-"], [source, tmp_path / "target"]):
            done = forebay("copy", *arguments, stdout=full)
            assert done.returncode == 1
            assert done.stderr == b"forebay: standard output: No space left on device\n"


def test_fifos(tmp_path, source):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = started("copy", source, fifo, "--quiet")
    done = forebay("copy", fifo, "-", "--quiet")
    assert writer.wait(60) == 0
    assert (done.returncode, done.stderr) == (0, b"")
    assert digest(done.stdout) == digest(source.read_bytes())


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout")
def test_dev_stdout(tmp_path, source):
    assert forebay("copy", source, "/dev/stdout", "--quiet").stdout == source.read_bytes()
    assert temporary_files(tmp_path) == []


def test_an_endless_device():
    process = started("copy", "/dev/zero", "-", "--quiet", stdout=subprocess.PIPE)
    assert process.stdout.read(1_000_000) == bytes(1_000_000)
    process.stdout.close()
    assert process.wait(60) == 141


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("old", [None, b"old content"])
@pytest.mark.parametrize("options", [(), ("--throttle", "100kB/s"), ("--gzip", "--hash", "sha256")], ids=str)
def test_signal_in_the_middle_of_a_copy(tmp_path, number, old, options):
    target = tmp_path / "target"
    if old is not None:
        target.write_bytes(old)
    # There must be something to clean up when the signal comes, and not too much of it.
    process = started(
        "copy",
        "/dev/urandom",
        target,
        *options,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert eventually(lambda: bytes_in_work(process, tmp_path))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert (out, err) == (b"", b"")
    assert temporary_files(tmp_path) == []
    assert os.listdir(tmp_path) == ([] if old is None else ["target"])
    assert old is None or target.read_bytes() == old


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs a large file at once")
def test_signal_during_a_kernel_copy(tmp_path):
    source = tmp_path / "source"
    with open(source, "wb") as file:
        # Longer than it takes to send a signal, and nothing is written for it. These are no holes.
        os.posix_fallocate(file.fileno(), 0, 8 << 30)
    try:
        process = started("copy", source, tmp_path / "target", stderr=subprocess.PIPE)
        assert eventually(lambda: bytes_in_work(process, tmp_path))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, b"")
        assert os.listdir(tmp_path) == ["source"]
    finally:
        source.unlink()


_SIGNAL_DURING = """
import os, sys, threading
from forebay._core.abort import AbortController
from forebay.cli import main
from forebay.cli.signals import Caught

call, number, *arguments = sys.argv[1:]
heard = threading.Event()
# With streams, the loop takes note of it; a plain copy, the handler.
owner, name = (AbortController, "abort") if "--hash" in arguments else (Caught, "_came")
noted = getattr(owner, name)
setattr(owner, name, lambda *args: (noted(*args), heard.set()))
real = getattr(os, call)

def under_a_signal(*args):
    os.kill(os.getpid(), int(number))
    # Not before the command has taken note of it.
    assert heard.wait(30)
    return real(*args)

setattr(os, call, under_a_signal)
sys.exit(main(arguments))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [(), ("--hash", "md5")], ids=str)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_signal_at_the_end_of_a_copy(tmp_path, source, call, number, options):
    target = tmp_path / "target"
    target.write_bytes(b"old content")
    done = subprocess.run(
        [sys.executable, "-c", _SIGNAL_DURING, call, str(int(number)), "copy", source, target, *options],
        capture_output=True,
        timeout=60,
    )
    assert done.stderr == b""
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]
    if call == "fsync":
        # The sync comes before the rename.
        assert (done.returncode, done.stdout) == (128 + number, b"")
        assert target.read_bytes() == b"old content"
    else:
        assert done.returncode == 0
        assert done.stdout.startswith(b"copied 2.86 MiB")
        assert target.read_bytes() == source.read_bytes()
        assert not options or digest(source.read_bytes(), "md5").encode() in done.stdout


_SIGNAL_AT = """
import asyncio, atexit, os, sys
from forebay.cli import main

moment, number = sys.argv.pop(1), int(sys.argv.pop(1))

def signalled(call=lambda: None):
    os.kill(os.getpid(), number)
    return call()

if moment == "interpreter ends":
    atexit.register(signalled)
else:
    # Before the loop is there, or when it is about to be closed.
    name = {"loop begins": "__enter__", "loop ends": "close"}[moment]
    real = getattr(asyncio.Runner, name)
    setattr(asyncio.Runner, name, lambda runner: signalled(lambda: real(runner)))
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["loop begins", "loop ends", "interpreter ends"])
def test_signal_before_and_after_a_copy(tmp_path, source, moment, number):
    (tmp_path / "target").write_bytes(b"old content")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _SIGNAL_AT,
            moment,
            str(int(number)),
            "copy",
            "--quiet",
            # Without an option there is no loop.
            *([] if moment == "interpreter ends" else ["--high-water-mark", "64KiB"]),
            source,
            tmp_path / "target",
        ],
        capture_output=True,
        preexec_fn=hear_of_signals,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    if moment == "loop begins":
        assert done.returncode == 128 + number
        assert (tmp_path / "target").read_bytes() == b"old content"
    else:
        assert done.returncode == 0
        assert (tmp_path / "target").read_bytes() == source.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signal_at_any_moment_leaves_a_whole_target(tmp_path, source, number):
    """The target is the old file or the new one, and the exit status says which; after a kill there is no status."""
    rounds = int(os.environ.get("FOREBAY_SIGNAL_ROUNDS", "8"))
    target = tmp_path / "target"
    for n in range(rounds):
        target.write_bytes(b"old content")
        process = started("copy", "--quiet", source, target, stderr=subprocess.PIPE)
        time.sleep(random.Random(n).uniform(0.05, 0.6))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        new = target.read_bytes() == source.read_bytes()
        assert new or target.read_bytes() == b"old content"
        if process.returncode in (0, 128 + number):
            assert new == (process.returncode == 0)
            assert err == b""
        else:
            # Of the interpreter itself, which had not begun with the command yet.
            assert process.returncode in (-number, 1)
            assert number == signal.SIGKILL or not new
        assert sorted(os.listdir(tmp_path)) == ["source", "target"]


@pytest.mark.parametrize("waits_for", ["input", "writer", "reader"])
def test_signal_while_the_source_is_silent(tmp_path, waits_for):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The bar's first lines say that the loop runs and the handlers are there.
    arguments = {
        "input": ["-", tmp_path / "target"],
        "writer": [fifo, tmp_path / "target"],
        "reader": ["/dev/zero", fifo],
    }[waits_for]
    process = started(
        "copy",
        *arguments,
        "--progress",
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    with process:
        assert b"0 B" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        # Standard input stays open until then: its end would be the end of a whole copy.
        assert process.wait(60) == 130
        assert b"Traceback" not in process.stderr.read()
    assert os.listdir(tmp_path) == ["fifo"]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path, source):
    command = 'trap "" INT HUP; exec "$0" -m forebay copy "$1" "$2" --throttle 2MB/s --quiet'
    process = subprocess.Popen(
        ["sh", "-c", command, sys.executable, source, tmp_path / "target"], stderr=subprocess.PIPE
    )
    assert eventually(lambda: bytes_in_work(process, tmp_path))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


# ---- starting


def test_unused_modules_are_not_imported(tmp_path, source):
    names = ("json", "gzip", "uvloop", "forebay.codecs", "forebay.throttle")
    names += tuple(f"forebay.cli.{name}" for name in ("commands.demo", "output.progress", "output.summary"))
    assert loaded_by("copy", source, tmp_path / "target", "--quiet", of=names) == []
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
