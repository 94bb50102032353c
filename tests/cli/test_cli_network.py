"""Connections as ends of a copy, and the TCP proxy; each command is a separate process."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support.command import forebay, noise, started
from support.loops import eventually

DATA = noise(3_000_000)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def listener():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.settimeout(30)
        yield sock, sock.getsockname()[1]


def connected(port):
    """A connection to a command that may still be on its way."""
    sockets = []

    def attempt():
        with contextlib.suppress(OSError):
            sockets.append(socket.create_connection(("127.0.0.1", port), 30))
        return bool(sockets)

    assert eventually(attempt)
    return sockets[0]


def rest(sock):
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)


@contextlib.contextmanager
def command(*args, **options):
    process = started(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_copy_to_a_port(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(DATA)
    with listener() as (sock, port), command("copy", path, f"tcp://127.0.0.1:{port}") as process:
        peer, _ = sock.accept()
        with peer:
            assert rest(peer) == DATA
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"copied" in out


def test_bytes_from_the_peer_are_ignored(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(DATA)
    with listener() as (sock, port), command("copy", "--quiet", path, f"tcp://:{port}") as process:
        peer, _ = sock.accept()
        with peer:
            peer.sendall(b"hello, who is there?")
            assert rest(peer) == DATA
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_copy_from_a_port(tmp_path):
    path = tmp_path / "out"
    with listener() as (sock, port), command("copy", "--quiet", f"tcp://127.0.0.1:{port}", path) as process:
        peer, _ = sock.accept()
        with peer:
            peer.sendall(DATA)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert path.read_bytes() == DATA


def test_copy_waits_for_a_connection(tmp_path):
    path = tmp_path / "out"
    port = free_port()
    with command("copy", "--quiet", f"tcp-listen://:{port}", path) as process:
        with connected(port) as peer:
            peer.sendall(DATA)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert path.read_bytes() == DATA


def test_copy_over_a_unix_socket(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(DATA)
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        sock.settimeout(30)
        with command("copy", "--quiet", source, f"unix://{path}") as process:
            peer, _ = sock.accept()
            with peer:
                assert rest(peer) == DATA
            process.communicate(timeout=30)
    assert process.returncode == 0


def test_connection_refused_is_reported(tmp_path):
    done = forebay("copy", "-", f"tcp://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert b"Connection refused" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("end", ["tcp://nowhere", "tcp://host:99999", "tcp-listen://x:y", "tcp://"])
def test_invalid_address_is_a_usage_error(end):
    done = forebay("copy", end, "-")
    assert done.returncode == 2
    assert end.encode() in done.stderr


def test_reset_source_leaves_no_file(tmp_path):
    path = tmp_path / "out"
    with listener() as (sock, port), command("copy", f"tcp://127.0.0.1:{port}", path) as process:
        peer, _ = sock.accept()
        peer.sendall(b"the first half")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"reset" in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_wait_for_a_connection(tmp_path, number):
    port = free_port()
    with command("copy", f"tcp-listen://:{port}", tmp_path / "out") as process:
        assert eventually(lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text())
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert os.listdir(tmp_path) == []


# ---- forebay proxy


@contextlib.contextmanager
def proxy(target, *options):
    """A proxy on a free port of this machine; the port, and the process."""
    with command("proxy", *options, "0", target) as process:
        said = process.stderr.readline().decode()
        found = re.search(r"from 127\.0\.0\.1:(\d+) to ", said)
        assert found, said
        yield int(found[1]), process


def echo(sock):
    with contextlib.suppress(OSError):
        while True:
            peer, _ = sock.accept()
            threading.Thread(target=echo_one, args=(peer,), daemon=True).start()


def echo_one(peer):
    with peer, contextlib.suppress(OSError):
        while data := peer.recv(65536):
            peer.sendall(data)


def test_proxy_both_ways():
    with listener() as (sock, port):
        serving = threading.Thread(target=echo, args=(sock,), daemon=True)
        serving.start()
        with proxy(port, "--log") as (front, process):
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", front), 30) as client:
                    sending = threading.Thread(
                        target=lambda: (client.sendall(DATA), client.shutdown(socket.SHUT_WR))
                    )
                    sending.start()
                    assert rest(client) == DATA
                    sending.join()
                line = process.stdout.readline().decode()
                assert "sent 2.86 MiB, got 2.86 MiB" in line
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
            assert process.returncode == 128 + signal.SIGTERM


def test_proxy_to_an_unreachable_target():
    with proxy(free_port(), "--log") as (front, process):
        with socket.create_connection(("127.0.0.1", front), 30) as client:
            assert rest(client) == b""
        assert b"refused" in process.stdout.readline()


def test_proxy_whose_client_leaves_before_there_is_a_connection():
    with contextlib.ExitStack() as stack:
        # Nobody takes connections from it, and its queue is full: the next one is neither refused nor there.
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        front, process = stack.enter_context(proxy(port, "--log"))
        with socket.create_connection(("127.0.0.1", front), 30) as client:
            descriptors = f"/proc/{process.pid}/fd"
            if os.path.isdir(descriptors):
                # Both its sockets are there.
                assert eventually(
                    lambda: (
                        sum("socket" in os.readlink(f"{descriptors}/{fd}") for fd in os.listdir(descriptors))
                        >= 3
                    )
                )
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert b"broken off: Connection reset by peer" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == (b"", b"")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_proxy_to_a_slow_client_costs_no_memory():
    """The proxy reads no more from its upstream than the buffers of the kernel and the client take."""

    def resident():
        with open(f"/proc/{process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def send():
        peer, _ = sock.accept()
        with peer, contextlib.suppress(OSError):
            while True:
                sent.append(peer.send(bytes(100_000)))

    sent = []
    with listener() as (sock, port), proxy(port) as (front, process):
        idle = resident()
        sending = threading.Thread(target=send)
        sending.start()
        with socket.create_connection(("127.0.0.1", front), 30) as client:
            most = 0
            for _ in range(200):
                client.recv(20_000)
                most = max(most, resident())
                time.sleep(0.002)
            assert most - idle < 8 * 1024 * 1024
            assert sum(sent) < 100_000_000
        sending.join()


def test_proxy_closes_idle_connections():
    with listener() as (sock, port), proxy(port, "--log", "--idle-timeout", "0.1") as (front, process):
        with socket.create_connection(("127.0.0.1", front), 30) as client:
            peer, _ = sock.accept()
            with peer:
                # Neither takes what it got for the whole.
                for end in (client, peer):
                    with pytest.raises(ConnectionResetError):
                        rest(end)
        assert b"nothing came for too long" in process.stdout.readline()


def test_proxy_on_a_port_in_use():
    with listener() as (_, port):
        done = forebay("proxy", port, "1234")
    assert done.returncode == 1
    assert done.stderr == b"forebay: 127.0.0.1:%d: Address already in use\n" % port


@pytest.mark.parametrize("places", [("nowhere", "80"), ("80", "host:port"), ("80", "*:80")])
def test_proxy_with_invalid_addresses(places):
    assert forebay("proxy", *places).returncode == 2
