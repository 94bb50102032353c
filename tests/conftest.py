"""The fixtures of all tests. The other shared helpers are in tests/support."""

import asyncio
import os
import shutil
import ssl
import subprocess

import pytest

# No test goes through a proxy of the machine.
for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

pytest.register_assert_rewrite(
    *(
        f"support.{name}"
        for name in ("command", "files", "http_peers", "loops", "queues", "sockets", "streams")
    )
)

from support.files import Events  # noqa: E402 - assertions in it are explained, too
from support.loops import LOOPS, Run  # noqa: E402

# ---- event loops


@pytest.fixture(params=list(LOOPS))
def run(request):
    """``run(main, *args)`` runs ``main`` to its end on one of the event loops and checks that nothing is left."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        # What a loop opens once for the whole process is there before anything is counted.
        runner.run(asyncio.sleep(0))
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
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ],
            *["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            *["-keyout", key, "-out", cert],
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


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
