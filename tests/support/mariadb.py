"""A MariaDB server for tests: its own data, on a free port of this machine."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.postgres import free_port

__all__ = ["mariadb_programs", "mariadb_server"]

SETTINGS = (
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=60",
    "--skip-name-resolve",
    "--local-infile=1",
)


def mariadb_programs():
    """The paths of the programs that make a data folder and serve it, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    found = shutil.which("mariadb-install-db", path=path), shutil.which("mariadbd", path=path)
    return found if all(found) else None


@contextlib.contextmanager
def mariadb_server():
    """Start a server, give its URL, and stop it. Its account ``forebay`` has the password ``secret``."""
    install, serve = mariadb_programs()
    folder = Path(tempfile.mkdtemp(prefix="forebay-mariadb-"))
    account = ["--user=root"] if os.getuid() == 0 else []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run(
            [
                install,
                "--no-defaults",
                f"--datadir={folder / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *account,
            ],
            check=True,
            **quiet,
        )
        port = free_port()
        start = folder / "start.sql"
        start.write_text(
            "CREATE DATABASE forebay CHARACTER SET utf8mb4;\n"
            "CREATE USER forebay@'%' IDENTIFIED BY 'secret';\n"
            "GRANT ALL ON *.* TO forebay@'%';\n"
        )
        server = subprocess.Popen(
            [
                serve,
                "--no-defaults",
                f"--datadir={folder / 'data'}",
                f"--socket={folder / 'socket'}",
                f"--pid-file={folder / 'pid'}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                f"--init-file={start}",
                *SETTINGS,
                *account,
            ],
            **quiet,
        )
        try:
            _wait(port, server)
            yield f"mysql://forebay:secret@127.0.0.1:{port}/forebay"
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port, server):
    # The greeting comes when the statements of the start have run.
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"mariadbd ended with {server.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            if connection.recv(1):
                return
        time.sleep(0.05)
    raise TimeoutError("mariadbd did not start within a minute")
