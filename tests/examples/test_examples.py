"""The examples, each unchanged in its own process."""

import contextlib
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("httptools", reason="forebay.http needs httptools")

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COMMAND = [sys.executable, "-W", "error"]


@contextlib.contextmanager
def running(name, *args):
    """An example that serves; its first line, and the port in it. It is stopped by Ctrl-C, without a trace."""
    process = subprocess.Popen(
        [*COMMAND, EXAMPLES / name, *map(str, args), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        match = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert match, line + process.stderr.read()
        yield int(match[1])
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert said == ""
        assert process.returncode == 0


def fetch(url, **options):
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=30) as response:
        return response.status, response.read(), response.headers


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        name.removeprefix("test_")
        for name in globals()
        if (EXAMPLES / f"{name.removeprefix('test_')}.py").exists()
    }


def test_file_over_http(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(random.Random(1).randbytes(1_000_000))
    with running("file_over_http.py", path) as port:
        status, body, headers = fetch(f"http://127.0.0.1:{port}/")
        assert (status, body) == (200, path.read_bytes())
        assert headers["content-disposition"] == 'attachment; filename="data.bin"'
        status, body, _ = fetch(f"http://127.0.0.1:{port}/", headers={"Range": "bytes=-10"})
        assert (status, body) == (206, path.read_bytes()[-10:])
    with running("file_over_http.py") as port:
        assert fetch(f"http://127.0.0.1:{port}/")[1] == (EXAMPLES / "file_over_http.py").read_bytes()


def test_download_proxy(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(random.Random(1).randbytes(1_000_000))
    with running("file_over_http.py", path) as far, running("download_proxy.py") as near:
        url = f"http://127.0.0.1:{near}/?url=http://127.0.0.1:{far}/"
        for _ in range(2):
            status, body, headers = fetch(url)
            assert (status, body, headers["content-length"]) == (200, path.read_bytes(), "1000000")
        for wrong in ("", "nonsense", "http://127.0.0.1:1/"):
            with pytest.raises(urllib.error.HTTPError, match="502") as caught:
                fetch(f"http://127.0.0.1:{near}/?url={wrong}")
            caught.value.close()


def test_throttled_stream(tmp_path):
    target = tmp_path / "out"
    source = EXAMPLES / "line_chat.py"
    done = subprocess.run(
        [*COMMAND, EXAMPLES / "throttled_stream.py", source, "--rate", "20000", "--target", target],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert target.read_bytes() == source.read_bytes()
    assert done.stdout.startswith(f"{source.stat().st_size} bytes; ")
    done = subprocess.run(
        [*COMMAND, EXAMPLES / "throttled_stream.py"], capture_output=True, text=True, timeout=60, check=True
    )
    waited, waiting = re.search(r"times, ([\d.]+) s.*more than (\d+) bytes", done.stdout, re.DOTALL).groups()
    assert float(waited) > 0.3
    assert int(waiting) <= 65536
    assert done.stderr == ""


def test_upload_with_hash(tmp_path):
    data = random.Random(1).randbytes(3_000_000)
    with running("upload_with_hash.py", tmp_path) as port:
        status, body, _ = fetch(f"http://127.0.0.1:{port}/some.file", data=data, method="PUT")
        assert (status, body.decode()) == (201, f"{hashlib.sha256(data).hexdigest()}  some.file\n")
        assert (tmp_path / "some.file").read_bytes() == data
        with pytest.raises(urllib.error.HTTPError, match="400") as caught:
            fetch(f"http://127.0.0.1:{port}/..%2fx", data=data, method="PUT")
        caught.value.close()
        assert os.listdir(tmp_path) == ["some.file"]


class Guest:
    def __init__(self, port, name):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.lines = self.socket.makefile("r", encoding="utf8")
        assert self.hear() == "* what is your name?"
        self.say(name)

    def say(self, text):
        self.socket.sendall(f"{text}\n".encode())

    def hear(self):
        return self.lines.readline().rstrip("\n")

    def leave(self):
        self.lines.close()
        self.socket.close()


def test_line_chat():
    with running("line_chat.py") as port:
        ada = Guest(port, "Ada")
        assert ada.hear() == "* Ada is here"
        grace = Guest(port, "Grace")
        assert ada.hear() == grace.hear() == "* Grace is here"
        ada.say("hello\nthere")
        for guest in (ada, grace):
            assert [guest.hear(), guest.hear()] == ["Ada: hello", "Ada: there"]
        grace.leave()
        assert ada.hear() == "* Grace has left"
        ada.leave()
