"""http.serve(): a script that serves until it is told to stop."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from forebay import InvalidArgTypeError, OutOfRangeError, http
from support.loops import LOOPS

PROGRAM = """
import asyncio, sys
from forebay import http

async def handler(request, response):
    response.write("begun\\n")
    print("begun", flush=True)
    await asyncio.sleep(float(request.query_string or 0))
    response.end("done\\n")

http.serve(handler, 0, grace={grace}, uvloop={uvloop}, ready=lambda server: print(server.port, flush=True))
print("over")
"""


class Script:
    def __init__(self, loop, grace):
        code = textwrap.dedent(PROGRAM).format(grace=grace, uvloop=loop == "uvloop")
        # A shell's "&" would have it ignore SIGINT.
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.port = int(self.process.stdout.readline())

    def ask(self, seconds):
        """The answer of the server, as far as it comes, in a list that a thread fills."""
        got = []

        async def main():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET /?{seconds} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            try:
                got.append(await reader.read())
            except ConnectionError:
                got.append(b"")
            writer.close()

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        assert self.process.stdout.readline() == b"begun\n"
        return thread, got

    def over(self):
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@pytest.mark.parametrize("loop", list(LOOPS))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_waits_for_responses_in_progress(loop, number):
    script = Script(loop, 10)
    thread, got = script.ask(0.5)
    script.process.send_signal(number)
    assert script.over() == (0, b"over\n", b"")
    thread.join()
    assert got[0].endswith(b"done\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("way", ["grace", "second signal"])
def test_slow_response_is_cut_off_after_the_grace_time(way):
    script = Script("asyncio", 0.3 if way == "grace" else 1000)
    thread, got = script.ask(1000)
    script.process.send_signal(signal.SIGINT)
    if way != "grace":
        time.sleep(0.3)
        assert script.process.poll() is None
        script.process.send_signal(signal.SIGTERM)
    status, out, _ = script.over()
    assert (status, out) == (0, b"over\n")
    thread.join()
    assert b"done" not in got[0]


def test_in_a_thread_it_ends_with_its_server():
    servers = []
    ready = threading.Event()

    def note(server):
        servers.append((server, asyncio.get_running_loop()))
        ready.set()

    thread = threading.Thread(target=http.serve, args=(lambda *_: None, 0), kwargs={"ready": note})
    thread.start()
    assert ready.wait(10)
    server, loop = servers[0]
    loop.call_soon_threadsafe(server.close)
    thread.join(10)
    assert not thread.is_alive()


def test_unavailable_address_raises():
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        http.serve(lambda *_: None, 0, host="192.0.2.1")


def test_exception_of_ready_is_raised():
    with pytest.raises(ZeroDivisionError):
        http.serve(lambda *_: None, 0, ready=lambda server: 1 / 0)


def test_wrong_arguments():
    def handler(request, response):
        response.end()

    for error, name, arguments, options in (
        (InvalidArgTypeError, "handler", ("no", 0), {}),
        (InvalidArgTypeError, "port", (handler, None), {}),
        (InvalidArgTypeError, "grace", (handler, 0), {"grace": "long"}),
        (OutOfRangeError, "grace", (handler, 0), {"grace": -1}),
        (InvalidArgTypeError, "ready", (handler, 0), {"ready": 1}),
    ):
        with pytest.raises(error, match=name):
            http.serve(*arguments, **options)


def test_serve_inside_a_loop_raises():
    async def main():
        with pytest.raises(RuntimeError, match="running event loop"):
            http.serve(lambda *_: None, 0)

    asyncio.run(main())
