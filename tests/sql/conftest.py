"""The database servers of the tests in this room: one of each kind for each process that runs tests."""

import pytest

from support.postgres import find_programs, postgres_server


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is needed: its programs initdb and postgres")
    with postgres_server() as url:
        yield url
