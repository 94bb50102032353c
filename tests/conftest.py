"""The fixtures of all tests. The other shared helpers are in tests/support."""

import contextlib
import errno
import gc
import importlib
import os
import shutil
import ssl

import pytest

# No test goes through a proxy of the machine.
for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

pytest.register_assert_rewrite(
    *(
        f"support.{name}"
        for name in (
            "command",
            "files",
            "http_peers",
            "loops",
            "queues",
            "rings",
            "sockets",
            "streams",
            "threads",
        )
    )
)

from forebay._system.kernel_copy import Mover  # noqa: E402
from support.certificates import make_certificate  # noqa: E402
from support.databases import Postgres, Sqlite  # noqa: E402
from support.files import Events  # noqa: E402 - assertions in it are explained, too
from support.loops import LOOPS, Run  # noqa: E402
from support.mariadb import mariadb_programs, mariadb_server  # noqa: E402
from support.postgres import find_programs, postgres_server  # noqa: E402
from support.queues import BACKENDS, load_queue_class  # noqa: E402
from support.rings import LARGE, SMALL  # noqa: E402

# FOREBAY_GC_THRESHOLD=1: a collection at nearly every allocation, with whatever code its finalizers run.
GC_THRESHOLD = int(os.environ.get("FOREBAY_GC_THRESHOLD", "0"))


@pytest.fixture(autouse=GC_THRESHOLD > 0)
def collections_everywhere():
    """Collect the garbage of the youngest generation as often as FOREBAY_GC_THRESHOLD says."""
    before = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    yield
    gc.set_threshold(*before)


def pytest_collection_modifyitems(config, items):
    """Run each test on both loops, and its further cases on one of them in turn; FOREBAY_ALL_LOOPS=1 runs all on both."""
    if os.environ.get("FOREBAY_ALL_LOOPS"):
        return
    loops = list(LOOPS)
    kept, left_out = [], []
    cases: dict[tuple[object, ...], dict[object, int]] = {}
    for item in items:
        case = getattr(item, "callspec", None)
        if case is None or case.params.get("run") not in loops:
            kept.append(item)
            continue
        others = frozenset((name, at) for name, at in case.indices.items() if name != "run")
        of_test = cases.setdefault((item.path, item.cls, item.originalname), {})
        number = of_test.setdefault(others, len(of_test))
        # By the bits, so that no value of a parameter always meets the same loop.
        wanted = number == 0 or case.params["run"] == loops[number.bit_count() % len(loops)]
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_collection_finish(session):
    """Keep what collecting the tests has made out of the garbage collector's way: nearly every test runs it."""
    gc.collect()
    gc.freeze()


def pytest_runtest_teardown(item, nextitem):
    """Keep what the tests of a file have imported out of its way, too."""
    if nextitem is not None and nextitem.path != item.path:
        gc.collect()
        gc.freeze()


# ---- event loops


@pytest.fixture(params=list(LOOPS))
def run(request):
    """``run(main, *args)`` runs ``main`` to its end on one of the event loops and checks that nothing is left."""
    return Run(request.param)


@pytest.fixture
def events():
    """An empty record of events."""
    return Events()


# ---- files


@pytest.fixture(scope="session")
def content():
    """3,000,007 bytes that do not repeat."""
    return b"".join(n.to_bytes(4, "big") for n in range(750_001)) + b"END"


@pytest.fixture
def big(tmp_path, content):
    """A file of 3,000,007 bytes that do not repeat, and its content."""
    path = tmp_path / "big.bin"
    path.write_bytes(content)
    return path, content


@pytest.fixture
def small(tmp_path):
    """A file of ten digits, of a known time."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"0123456789")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


# ---- sockets


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The paths of a self-signed certificate for localhost, made for this run, and of its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is needed to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server_tls(certificate):
    """The SSLContext of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def client_tls(certificate):
    """The SSLContext of a client that trusts that certificate."""
    return ssl.create_default_context(cafile=certificate[0])


@pytest.fixture
def tls(server_tls, client_tls):
    """Both contexts: the server's and the client's."""
    return server_tls, client_tls


# ---- databases


@pytest.fixture(scope="session")
def postgres():
    """The URL of a server of PostgreSQL of this run."""
    if find_programs() is None:
        pytest.skip("PostgreSQL is needed: initdb and postgres")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb():
    """The URL of a MariaDB server."""
    if mariadb_programs() is None:
        pytest.skip("MariaDB is needed: its programs mariadb-install-db and mariadbd")
    with mariadb_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """A database with 5,000 rows in ``numbers`` and none in ``target``; both have an id and a name."""
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    return Postgres(request.getfixturevalue("postgres"), pytest.importorskip("asyncpg"))


# ---- buffers


@pytest.fixture(params=["c", "python"])
def ring_cls(request):
    """The RingBuffer of each backend."""
    if request.param == "python":
        return importlib.import_module("forebay._buffers.ring_py").RingBuffer
    if os.environ.get("FOREBAY_BACKEND") == "c":
        return importlib.import_module("forebay._buffers.ring").RingBuffer
    return pytest.importorskip("forebay._buffers.ring", reason="the compiled ring is not built").RingBuffer


@pytest.fixture(params=[SMALL, LARGE], ids=["slab", "mapped"])
def ring(ring_cls, request):
    """A ring of each of both sizes."""
    return ring_cls(request.param)


@pytest.fixture(params=BACKENDS)
def queue_cls(request):
    """The ChunkQueue of each backend."""
    return load_queue_class(request.param)


@pytest.fixture
def pipe():
    """Both ends of a kernel pipe."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        with contextlib.suppress(OSError):
            os.close(fd)


# ---- the direct path


def refused(*args):
    """In the place of ``os.copy_file_range``: as between two file systems."""
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


@pytest.fixture
def trips(monkeypatch):
    """What the direct path moved, trip by trip."""
    moved = []
    move = Mover.move

    def noted(self, *args):
        result = move(self, *args)
        moved.append(result.nbytes)
        return result

    monkeypatch.setattr(Mover, "move", noted)
    return moved


@pytest.fixture(params=["copy_file_range", "splice"])
def slow(request, monkeypatch):
    """Moves in steps of 50,000 bytes, one for each trip, so that there are many boundaries; in either way."""
    if request.param == "splice":
        monkeypatch.setattr(os, "copy_file_range", refused, raising=False)
    else:
        monkeypatch.setattr("forebay._system.kernel_copy.may_share_blocks", lambda *args: True)
    monkeypatch.setattr("forebay._system.kernel_copy._FIRST_CALL", 50_000)
    monkeypatch.setattr("forebay._system.kernel_copy._LARGEST_CALL", 50_000)
    monkeypatch.setattr("forebay._system.kernel_copy._SLICE_SECONDS", -1)
