"""A PostgreSQL server for tests: its own data, on a free port of this machine."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

__all__ = ["find_programs", "postgres_server"]

# Not for durability: nothing of it is read again.
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
    "log_min_messages=panic",
)


def find_programs():
    """The folder of PostgreSQL's programs, or None."""
    for folder in (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), None):
        path = None if folder is None else str(folder)
        found = shutil.which("initdb", path=path)
        if found and shutil.which("postgres", path=path):
            return Path(found).parent
    return None


def _account():
    """The account that the server runs under: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("no account to run PostgreSQL under")


@contextlib.contextmanager
def postgres_server(*settings):
    """Start a server, give its URL, and stop it."""
    programs = find_programs()
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="forebay-postgres-"))
    if account:
        os.chown(folder, account["user"], account["group"])
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    try:
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                folder / "data",
                "-U",
                "forebay",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            **account,
        )
        port = free_port()
        options = [word for setting in (*SETTINGS, *settings) for word in ("-c", setting)]
        server = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                folder / "data",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-k",
                str(folder),
                *options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            **account,
        )
        try:
            _wait(folder, port, server)
            yield f"postgresql://forebay@127.0.0.1:{port}/postgres"
        finally:
            # Immediate: it does not wait for connections.
            server.send_signal(signal.SIGQUIT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port():
    """A TCP port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait(folder, port, server):
    until = time.monotonic() + 60
    status = folder / "data" / "postmaster.pid"
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"postgres ended with {server.returncode}")
        with contextlib.suppress(OSError):
            lines = status.read_text().splitlines()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return
        time.sleep(0.05)
    raise TimeoutError("postgres did not start within a minute")
