"""What forebay is measured beside: which of it is installed, in which version, and how to get the rest."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

_NUMBER = re.compile(r"\d+(?:\.\d+)+\w*|\d+")


@dataclass(frozen=True)
class Peer:
    """A library or a program beside which forebay is measured."""

    name: str
    # Its version, or None where it is missing.
    version: Callable[[], str | None]
    get: str
    # The option of a comparison by which another one than that on the PATH can be named.
    option: str | None = None

    @property
    def is_there(self) -> bool:
        return self.version() is not None

    def __str__(self) -> str:
        version = self.version()
        return f"{self.name} {version}" if version else f"{self.name} (missing: {self.get})"


def package(name: str, get: str = "pip install '.[bench]'") -> Peer:
    """A package of Python that can be imported under its name."""

    def version() -> str | None:
        # A test hides a package by a module of its name that cannot be imported.
        if importlib.util.find_spec(name) is None:
            return None
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    return Peer(name, version, get)


@cache
def program_version(command: str, *arguments: str) -> str | None:
    """The first number that a program says of itself; 'unknown' if it says none, None if there is no such program."""
    found = shutil.which(command)
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    # What stands in brackets is the distribution's own numbering.
    said = re.sub(r"\([^)]*\)", "", done.stdout + done.stderr)
    number = _NUMBER.search(said)
    return number[0] if number else "unknown"


def program(name: str, command: str, argument: str, get: str) -> Peer:
    return Peer(name, lambda: program_version(command, argument), get)


ASYNCIO = Peer("asyncio", platform.python_version, "")
OPENSSL = Peer("OpenSSL", lambda: ssl.OPENSSL_VERSION.split()[1], "")
SQLITE = Peer("SQLite", lambda: sqlite3.sqlite_version, "")
CSV = Peer("csv", platform.python_version, "")

AIOFASTNET = package("aiofastnet")
AIOFILES = package("aiofiles")
AIOHTTP = package("aiohttp")
ANYIO = package("anyio")
ASYNCPG = package("asyncpg")
DUCKDB = package("duckdb")
GRANIAN = package("granian")
MSGSPEC = package("msgspec")
OBSTORE = package("obstore")
MOTO = package("moto")
PSYCOPG = package("psycopg")
PSYCOPG2 = Peer("psycopg2", lambda: _psycopg2_version(), "pip install '.[bench]'")
PYTEST_BENCHMARK = Peer(
    "pytest-benchmark",
    lambda: (
        importlib.metadata.version("pytest-benchmark")
        if importlib.util.find_spec("pytest_benchmark")
        else None
    ),
    "pip install '.[bench]'",
)
REDIS_CLIENT = package("redis", "pip install redis")
UVICORN = package("uvicorn")
UVLOOP = package("uvloop")

NODE = replace(program("Node", "node", "--version", "https://nodejs.org"), option="node")
NGINX = program("nginx", "nginx", "-v", "apt install nginx")
CP = program("cp", "cp", "--version", "a part of every Unix")
OPENSSL_COMMAND = program("openssl command", "openssl", "version", "apt install openssl")
PSQL = program("psql", "psql", "--version", "apt install postgresql-client")
REDIS_SERVER = program("redis-server", "redis-server", "--version", "apt install redis-server")
VALGRIND = program("valgrind", "valgrind", "--version", "apt install valgrind")
WRK = program("wrk", "wrk", "-v", "apt install wrk")


def _psycopg2_version() -> str | None:
    # It comes from packages of two names.
    if importlib.util.find_spec("psycopg2") is None:
        return None
    return str(importlib.import_module("psycopg2").__version__).split()[0]


def c_compiler() -> str | None:
    """The C compiler to use where none is named."""
    return next(filter(None, map(shutil.which, [os.environ.get("CC") or "cc", "gcc", "clang"])), None)


def _compiler_version() -> str | None:
    found = c_compiler()
    return found and program_version(found, "--version")


C_COMPILER = Peer("C compiler", _compiler_version, "apt install gcc, or name one by --cc or in CC", "cc")


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """The versions of those that are there."""
    return {peer.name: version for peer in peers if (version := peer.version()) is not None}


def missing(peers: Iterable[Peer]) -> dict[str, str]:
    """How to get each of those that are not there."""
    return {peer.name: peer.get for peer in peers if not peer.is_there}
