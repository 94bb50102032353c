"""What the scenarios share: known bytes and rows, and a folder with them."""

import asyncio
import gzip
import hashlib
import sqlite3
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DATA", "ROWS", "Later", "Place", "heard"]

# Not a multiple of any buffer's size, and larger than each.
DATA = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(9000)) + b"end"
ROWS = [(number, f"row {number}") for number in range(3000)]


@dataclass
class Place:
    """What the scenarios share: a folder with the source file, and the certificate of the server."""

    folder: Path
    certificate: str
    key: str
    #: The URL of a server of PostgreSQL, if there is one.
    postgres: str | None = None
    #: Called when system calls may fail from now on, by a scenario that makes something beforehand.
    begin: Callable[[], object] = lambda: None
    #: Errors that reached a server or another far end.
    errors: list[BaseException] = field(default_factory=list)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def target(self) -> Path:
        return self.folder / "work" / "target"

    def prepare(self) -> None:
        self.source.write_bytes(DATA)
        (self.folder / "source.gz").write_bytes(gzip.compress(DATA, 1))
        with closing(sqlite3.connect(self.folder / "source.db")) as connection:
            connection.execute("create table source (id int, name text)")
            connection.executemany("insert into source values (?, ?)", ROWS)
            connection.commit()
        tree = self.folder / "tree"
        for number in range(5):
            inner = tree / f"folder {number}"
            inner.mkdir(parents=True)
            (inner / "file").write_bytes(DATA[: number * 40_000])

    def clear(self) -> None:
        """Leave an empty folder for the next run."""
        work = self.folder / "work"
        remove(work)
        work.mkdir()
        self.errors.clear()

    def arrived(self) -> bytes:
        return self.target.read_bytes()

    def server_tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificate)
        context.check_hostname = False
        return context


#: Reads what has arrived, when no system call fails any more.
Later = Callable[[], bytes]


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, by few calls."""
    if not path.exists():
        return
    for inner in sorted(path.rglob("*"), reverse=True):
        if inner.is_dir() and not inner.is_symlink():
            inner.rmdir()
        else:
            inner.unlink()
    path.rmdir()


def heard(task: asyncio.Task) -> None:
    """Take the error of a task, which the scenario does not await any more."""
    if not task.cancelled():
        task.exception()
