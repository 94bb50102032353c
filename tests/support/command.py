"""Helpers for the tests of the command: run it in this process or in its own process."""

import hashlib
import os
import random
import signal
import subprocess
import sys

import forebay as package

COMMAND = [sys.executable, "-m", "forebay"]


def forebay(*args, **options):
    """Run the command to its end in a process of its own; what it said is bytes."""
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if options["stdin"] is None:
        del options["stdin"]
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run([*COMMAND, *map(str, args)], timeout=60, **options)


def loaded_by(*args, of):
    """Run the command; return which of these modules it has loaded."""
    code = (
        "import sys; from forebay.cli import main; assert main(sys.argv[2:]) == 0;"
        "print(*sorted({*sys.argv[1].split()} & {*sys.modules}))"
    )
    # Without site, which loads what other packages of this environment ask for.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, " ".join(of), *map(str, args)],
        env=os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(package.__file__))},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
    )
    return done.stdout.split()


def started(*args, **options):
    """Start the command; the caller waits for its end."""
    return subprocess.Popen([*COMMAND, *map(str, args)], preexec_fn=hear_of_signals, **options)


def hear_of_signals():
    # Tests that run under nohup, or behind a shell's "&", would hand on that these are ignored.
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def digest(data, name="sha256"):
    return hashlib.new(name, data).hexdigest()


def temporary_files(folder):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def bytes_in_work(process, folder):
    """Return the size of the temporary file in ``folder`` that ``process`` writes; 0 if there is none."""
    try:
        size = sum(os.stat(os.path.join(folder, name)).st_size for name in temporary_files(folder))
    except FileNotFoundError:
        # It has got its place meanwhile.
        size = 0
    try:
        links = [f"/proc/{process.pid}/fd/{fd}" for fd in os.listdir(f"/proc/{process.pid}/fd")]
        # Files without a name.
        nameless = [link for link in links if os.readlink(link).startswith(f"{folder}/#")]
        return size + sum(os.stat(link).st_size for link in nameless)
    except OSError:
        return size
