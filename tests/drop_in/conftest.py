"""Fixtures for the tests of forebay.asyncio: every event loop that there is, and certificates for TLS."""

import asyncio
import importlib.util
import inspect
import ssl
import subprocess

import pytest

LOOPS = ["asyncio"] + (["uvloop"] if importlib.util.find_spec("uvloop") else [])


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a coroutine, or a function that returns one, to its end; the result is its result."""
    factory = None
    if request.param == "uvloop":
        factory = importlib.import_module("uvloop").new_event_loop

    def runner(main):
        with asyncio.Runner(loop_factory=factory) as loop_runner:
            complaints = []
            loop_runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
            result = loop_runner.run(main if inspect.iscoroutine(main) else main())
            assert complaints == []
            return result

    return runner


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Paths of a self-signed certificate for localhost, and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    try:
        subprocess.run(
            [*command.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl command to make a certificate with")
    return cert, key


@pytest.fixture
def tls(certificate):
    """An SSLContext for a server, and one for its clients."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    return server, ssl.create_default_context(cafile=str(certificate[0]))
