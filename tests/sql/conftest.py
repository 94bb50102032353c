"""The database servers of the tests in this room: one of each kind for each process that runs tests."""

import pytest

from support.mariadb import mariadb_programs, mariadb_server
from support.postgres import find_programs, postgres_server


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is needed: its programs initdb and postgres")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb():
    """The URL of a MariaDB server."""
    if mariadb_programs() is None:
        pytest.skip("MariaDB is needed: its programs mariadb-install-db and mariadbd")
    with mariadb_server() as url:
        yield url
