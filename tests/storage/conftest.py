"""A server of S3 for these tests, and what is in it."""

import contextlib
import itertools

import pytest

obstore = pytest.importorskip("obstore")
pytest.importorskip("boto3")
pytest.importorskip("moto")
s3 = pytest.importorskip("support.s3")

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_server():
    """The URL of a server of S3."""
    with s3.s3_server() as endpoint:
        # The library starts its threads, which live as long as the process, with the first request.
        store = obstore.store.S3Store("none", **s3.Bucket(endpoint, "none").options)
        with contextlib.suppress(FileNotFoundError):
            obstore.head(store, "none")
        del store
        yield endpoint


@pytest.fixture
def bucket(s3_server):
    """An empty bucket."""
    made = s3.Bucket(s3_server, f"bucket-{next(NUMBERS)}")
    made.create()
    return made
