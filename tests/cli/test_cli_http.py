"""forebay serve, forebay proxy --http, and URLs as the ends of forebay copy, each in its own process."""

import contextlib
import http.client
import http.server
import os
import re
import signal
import subprocess
import threading

import pytest

from support.command import forebay, noise, started

pytest.importorskip("httptools", reason="forebay.http needs httptools")


@contextlib.contextmanager
def running(*args):
    """A command that serves; its port, and its process, which is stopped in the end."""
    process = started(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = process.stderr.readline().decode()
        match = re.search(r"on http://127\.0\.0\.1:(\d+)/", line)
        assert match, line + process.stderr.read().decode()
        process.port = int(match[1])
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.said, process.complained = (data.decode() for data in process.communicate(timeout=20))


def fetch(port, path, method="GET", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "with index").mkdir()
    (root / "with index" / "index.html").write_text("<p>index")
    (root / "note.txt").write_text("note")
    (root / "<b>&:.txt").write_text("odd")
    (root / "big.bin").write_bytes(noise(2_000_000))
    (tmp_path / "secret").write_text("secret")
    return root


def test_serve_sends_files(folder):
    with running("serve", folder, "-l", "0", "--log") as process:
        port = process.port
        assert fetch(port, "/note.txt")[:2] == (200, b"note")
        assert fetch(port, "/big.bin", headers={"Range": "bytes=5-9"})[:2] == (206, noise(2_000_000)[5:10])
        status, body, headers = fetch(port, "/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'<a href="./%3Cb%3E%26%3A.txt">&lt;b&gt;&amp;:.txt</a>' in body
        assert body.index(b"sub/") < body.index(b"note.txt")
        assert fetch(port, "/%3Cb%3E%26%3A.txt")[1] == b"odd"
        status, _, headers = fetch(port, "/sub?x")
        assert (status, headers["location"]) == (301, "/sub/?x")
        assert b"../" in fetch(port, "/sub/")[1]
        assert fetch(port, "/with%20index/")[1] == b"<p>index"
        for path in ("/missing", "/../secret", "/%2e%2e/secret", "/note.txt/"):
            assert fetch(port, path)[0] == 404
        status, _, headers = fetch(port, "/note.txt", method="DELETE")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert process.returncode == 128 + signal.SIGTERM
    assert re.search(r"^127\.0\.0\.1 GET /note\.txt 200, 4 B in [\d.]+ s$", process.said, re.MULTILINE)
    assert process.complained == ""


def test_serve_without_listing_and_throttled(folder):
    with running("serve", folder, "-l", "127.0.0.1:0", "--no-listing", "--throttle", "100MB/s") as process:
        assert fetch(process.port, "/")[0] == 404
        assert fetch(process.port, "/big.bin")[1] == noise(2_000_000)
    assert process.said == ""


def test_serve_with_wrong_arguments(tmp_path, folder):
    for args, said in (
        (("serve", tmp_path / "missing"), b"not a folder"),
        (("serve", folder, "-l", "nonsense"), b"is not a PORT"),
        (("serve", folder, "-l", "99999"), b"is not a PORT"),
    ):
        done = forebay(*args)
        assert done.returncode in (1, 2)
        assert said in done.stderr
    with running("serve", folder, "-l", "0") as process:
        done = forebay("serve", folder, "-l", process.port)
        assert done.returncode == 1
        assert b"in use" in done.stderr


def test_http_proxy_forwards_requests(folder):
    with (
        running("serve", folder, "-l", "0") as far,
        running("proxy", "--http", "0", f"127.0.0.1:{far.port}", "--log") as near,
    ):
        for _ in range(2):
            assert fetch(near.port, "/big.bin")[1] == noise(2_000_000)
        assert fetch(near.port, "/big.bin", headers={"Range": "bytes=-4"})[0] == 206
        assert fetch(near.port, "/missing")[0] == 404
        assert fetch(near.port, "/note.txt", method="HEAD")[:2] == (200, b"")
        far.send_signal(signal.SIGTERM)
        far.wait(20)
        assert fetch(near.port, "/note.txt")[0] == 502
    assert "GET /note.txt 502" in near.said


def test_http_proxy_to_an_unreachable_target():
    done = forebay("proxy", "--http", "0", "ftp://somewhere")
    assert done.returncode == 2
    assert b"http://" in done.stderr


class Store(http.server.BaseHTTPRequestHandler):
    """A server of the standard library's that keeps what is PUT."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        parts = []
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            parts.append(self.rfile.read(int(self.headers["content-length"])))
        self.server.got = b"".join(parts)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def store():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        server.status = 201
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_copy_from_a_url(folder, tmp_path):
    target = tmp_path / "copy"
    with running("serve", folder, "-l", "0") as process:
        base = f"http://127.0.0.1:{process.port}"
        done = forebay("copy", f"{base}/big.bin", target, "--hash", "sha256")
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == noise(2_000_000)
        assert forebay("copy", "--quiet", f"{base}/note.txt", "-").stdout == b"note"
        done = forebay("copy", f"{base}/missing", target)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"/missing: download: the server answered 404" in done.stderr
        assert target.read_bytes() == noise(2_000_000)
    done = forebay("copy", f"{base}/note.txt", target)
    assert done.returncode == 1
    assert b"refused" in done.stderr


def test_copy_to_a_url(folder, store):
    url = f"http://127.0.0.1:{store.server_port}/x"
    done = forebay("copy", folder / "big.bin", url)
    assert (done.returncode, done.stderr) == (0, b"")
    assert store.got == noise(2_000_000)
    store.status = 507
    done = forebay("copy", folder / "big.bin", url)
    assert done.returncode == 1
    assert b"answered 507" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("serve", ".", "-l", "0"),
        ("proxy", "--http", "0", "127.0.0.1:1"),
        ("copy", "http://127.0.0.1:1/x", "-"),
    ],
    ids=["serve", "proxy", "copy"],
)
def test_without_the_parser(tmp_path, args):
    (tmp_path / "httptools.py").write_text("raise ImportError('not installed')")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = forebay(*args, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("forebay: ")
    assert line.endswith("forebay.http needs httptools; pip install httptools")
