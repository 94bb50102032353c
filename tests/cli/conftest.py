"""The fixtures of the tests of the command with databases."""

import pytest

from forebay.cli import main
from support.copied_databases import KINDS, Server


@pytest.fixture
def copy(capfd):
    """``copy(*args)`` runs the command; it returns the status, standard output and standard error."""

    def run(*args):
        status = main(["copy", *map(str, args)])
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A function that returns the file of a kind of database with the tables."""
    files = {}

    def file_of(kind):
        if kind not in files:
            files[kind] = tmp_path_factory.mktemp("prepared") / f"rows{kind.suffix}"
            kind.prepare(files[kind])
        return files[kind]

    return file_of


@pytest.fixture
def make(request, tmp_path_factory, prepared):
    """``make(kind)``: a database with the tables ``source``, with rows, and ``target``, without."""
    taken = []

    def made(name):
        kind = KINDS[name]
        if not issubclass(kind, Server):
            return kind(tmp_path_factory.mktemp("data"), prepared(kind))
        database = kind(request.getfixturevalue({"mysql": "mariadb"}.get(name, name)))
        taken.append(database)
        return database

    yield made
    for database in taken:
        database.free.append(database.url)
