"""Files as responses: whole files, ranges, unchanged files, and missing files."""

import asyncio
import concurrent.futures
import contextlib
import errno
import os
import resource
import socket
import threading
from email.utils import formatdate

import pytest

from forebay import HeadersSentError, InvalidArgTypeError, PrematureCloseError, http
from forebay._system.worker_pool import SerialExecutor
from support.http_peers import answer, body_of, peer_of, request, sending, serving, until

MODIFIED = formatdate(1_700_000_000, usegmt=True)


def test_a_small_and_a_large_file(run, small, big):
    path, content = big

    async def main():
        for each, data, kind in (
            (small, b"0123456789", "text/plain; charset=utf-8"),
            (path, content, "application/octet-stream"),
        ):
            async with peer_of(sending(each)) as peer:
                for _ in range(2):
                    await peer.send(request("GET /"))
                    got = await answer(peer)
                    assert got.body == data
                    assert got.headers["content-type"] == kind
                    assert got.headers["accept-ranges"] == "bytes"
                    assert "transfer-encoding" not in got.headers
                await peer.send(request("HEAD /"))
                got = await answer(peer, head=True)
                assert got.headers["content-length"] == str(len(data))

    run(main)


RANGES = {
    "bytes=0-0": (0, 0),
    "bytes=2-4": (2, 4),
    "bytes=5-": (5, 9),
    "bytes=-3": (7, 9),
    "bytes=-100": (0, 9),
    "bytes=0-100": (0, 9),
    " bytes = 2 - 4 ": (2, 4),
    "Bytes=9-9": (9, 9),
}


@pytest.mark.parametrize("field", RANGES)
@pytest.mark.parametrize("large", [False, True])
def test_ranges(run, tmp_path, small, field, large):
    first, last = RANGES[field]
    data = b"0123456789"
    path = small
    if large:
        # Ten bytes, each for a tenth of a file that does not fit into memory at once.
        scale = 50_000
        path = tmp_path / "large.bin"
        data = b"".join(b"%d" % n * scale for n in range(10))
        path.write_bytes(data)
        unit, _, span = field.partition("=")
        begin, _, end = (part.strip() for part in span.partition("-"))
        begin = str(int(begin) * scale) if begin else begin
        end = str(int(end) * scale + (scale - 1 if begin else 0)) if end else end
        field = f"{unit}={begin}-{end}"
        first, last = first * scale, last * scale + scale - 1

    async def main():
        async with peer_of(sending(path)) as peer:
            await peer.send(request("GET /", f"Range: {field}"))
            got = await answer(peer)
            assert got.status == 206
            assert got.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
            assert got.body == data[first : last + 1]

    run(main)


@pytest.mark.parametrize(
    "field",
    [
        "bytes=4-2",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "lines=1-2",
        "bytes=0-1,a-b",
        "bytes=,",
        "bytes=+1-2",
        "0-1",
    ],
)
def test_ignored_ranges_get_the_whole_file(run, small, field):
    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("GET /", f"Range: {field}"))
            got = await answer(peer)
            assert (got.status, got.body) == (200, b"0123456789")

    run(main)


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_outside_the_file_are_416(run, small, field):
    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("GET /", f"Range: {field}"))
            got = await answer(peer)
            assert (got.status, got.headers["content-range"], got.body) == (416, "bytes */10", b"")

    run(main)


def test_conditional_requests(run, small):
    async def main():
        async with peer_of(sending(small)) as peer:

            async def ask(*fields, line="GET /"):
                await peer.send(request(line, *fields))
                return await answer(peer, head=line.startswith("HEAD"))

            etag = (await ask()).headers["etag"]
            assert (await ask()).headers["last-modified"] == MODIFIED
            before = formatdate(1_600_000_000, usegmt=True)
            after = formatdate(1_800_000_000, usegmt=True)
            for status, *fields in (
                (304, f"If-None-Match: {etag}"),
                (304, f'If-None-Match: "x", W/{etag}'),
                (304, "If-None-Match: *"),
                (200, 'If-None-Match: "x"'),
                (200, 'If-None-Match: "x"', f"If-Modified-Since: {after}"),
                (304, f"If-Modified-Since: {MODIFIED}"),
                (304, f"If-Modified-Since: {after}"),
                (200, f"If-Modified-Since: {before}"),
                (200, "If-Modified-Since: yesterday"),
                (200, f"If-Match: {etag}"),
                (200, "If-Match: *"),
                (412, 'If-Match: "x"'),
                (412, f"If-Match: W/{etag}"),
                (412, f"If-Unmodified-Since: {before}"),
                (200, f"If-Unmodified-Since: {MODIFIED}"),
                (304, f"If-None-Match: {etag}", "Range: bytes=0-1"),
                (206, "Range: bytes=0-1", f"If-Range: {etag}"),
                (206, "Range: bytes=0-1", f"If-Range: {MODIFIED}"),
                (200, "Range: bytes=0-1", 'If-Range: "x"'),
                (200, "Range: bytes=0-1", f"If-Range: W/{etag}"),
                (200, "Range: bytes=0-1", f"If-Range: {before}"),
            ):
                got = await ask(*fields)
                assert got.status == status, fields
                assert got.headers["etag"] == etag
                if status == 304:
                    assert "content-length" not in got.headers
            assert (await ask(f"If-None-Match: {etag}", line="HEAD /")).status == 304

    run(main)


def test_missing_file_is_404(run, tmp_path, small):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(small)
    (tmp_path / "inside" / "ok").write_text("ok")

    async def handler(request, response):
        await response.send_file(request.path, root=tmp_path / "inside")

    async def main():
        for path in ("missing", "folder", "fifo", "note.txt/below"):
            async with peer_of(sending(tmp_path / path)) as peer:
                await peer.send(request("GET /"))
                assert (await answer(peer)).status == 404
        async with peer_of(handler) as peer:
            for path, status in (
                ("/ok", 200),
                ("//ok", 200),
                ("/../inside/ok", 404),
                ("/x/../ok", 200),
                ("/ok/", 404),
                ("/ok/.", 404),
                ("/../note.txt", 404),
                ("/%2e%2e/note.txt", 404),
                ("/..%2fnote.txt", 404),
                (str(small), 404),
                ("/link", 404),
                ("/", 404),
                ("/a%00b", 404),
            ):
                await peer.send(request(f"GET {path}"))
                assert (await answer(peer)).status == status, path

    run(main)


def test_unreadable_file_is_403(run, small):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    small.chmod(0)

    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 403

    run(main)


def test_headers_of_the_handler_are_kept(run, small):
    async def handler(request, response):
        response.set_header("Content-Type", "text/x-note").set_header("ETag", '"mine"')
        await response.send_file(small)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            got = await answer(peer)
            assert (got.headers["content-type"], got.headers["etag"]) == ("text/x-note", '"mine"')

    run(main)


def test_wrong_uses_raise(run, small):
    async def handler(request, response):
        with pytest.raises(InvalidArgTypeError):
            response.send_file(5)
        with pytest.raises(InvalidArgTypeError):
            http.send_file(request, small)
        response.write(b"begun")
        with pytest.raises(HeadersSentError):
            response.send_file(small)
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == b"begun"

    run(main)


def test_shrinking_file_truncates_the_response(run, tmp_path):
    path = tmp_path / "shrinks"
    size = 50_000_000
    with path.open("wb") as file:
        file.truncate(size)

    async def main():
        outcomes = []

        async def handler(request, response):
            try:
                await response.send_file(path)
            except Exception as error:
                outcomes.append(error)

        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await peer.receive(1_000_000)
            os.truncate(path, 10)
            rest = 0
            try:
                while data := await peer.receive(65536):
                    rest += len(data)
            except ConnectionError:
                pass
            assert rest + 1_000_000 < size
            await until(lambda: outcomes)

    run(main)


@pytest.mark.parametrize("fields", [(), ("Range: bytes=0-1,2-",)], ids=["whole", "ranges"])
def test_client_disconnect_during_send_file(run, big, fields):
    path, _ = big
    outcomes = []

    async def handler(request, response):
        try:
            await response.send_file(path)
        except PrematureCloseError as error:
            outcomes.append(error)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /", *fields) * 20)
            await peer.receive(500_000)
            peer.reset()
            await until(lambda: outcomes)
            await until(lambda: not peer.server.connections)

    run(main)


def test_a_throttled_file(run, small, big):
    path, content = big

    async def main():
        for each, data, rate in ((path, content, 20_000_000), (small, b"0123456789", 1000)):
            async with peer_of(sending(each, throttle=rate)) as peer:
                began = asyncio.get_running_loop().time()
                await peer.send(request("GET /"))
                assert (await answer(peer)).body == data
                # At the earliest: the rate is kept; how much later depends on the machine.
                assert asyncio.get_running_loop().time() - began >= len(data) / rate - 0.06

    run(main)


def test_a_plain_handler_need_not_wait(run, big):
    path, content = big

    async def main():
        async with serving(lambda request, response: response.send_file(path)) as server:
            assert await body_of(await http.get(server.base)) == content

    run(main)


def test_a_file_through_tls(run, big, server_tls, client_tls):
    path, content = big

    async def main():
        async with (
            serving(sending(path), ssl=server_tls) as server,
            http.Agent(ssl=client_tls) as agent,
        ):
            for _ in range(2):
                response = await agent.get(f"https://localhost:{server.port}/")
                assert await body_of(response) == content

    run(main)


def test_a_piped_file(run, big):
    """A file stream is piped to the response, as in Node; the length is unknown, so the body is chunked."""
    from forebay import create_read_stream

    path, content = big

    async def main():
        async with serving(lambda request, response: create_read_stream(path).pipe(response)) as server:
            assert await body_of(await http.get(server.base)) == content

    run(main)


def test_names_that_cannot_be_files(run, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))

    async def inside(request, response):
        await response.send_file(request.path, root=tmp_path)

    async def by_name(request, response):
        await response.send_file(f"{tmp_path}{request.path}")

    async def main():
        for handler in (inside, by_name):
            async with peer_of(handler) as peer:
                for path in ("/a%00.txt", "/" + "a" * 300, "/" + "a/" * 4000, "/loop", "/loop/x", "/socket"):
                    await peer.send(request(f"GET {path}"))
                    assert (await answer(peer)).status == 404, path

    run(main)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs devices")
def test_devices_are_not_sent(run):
    async def main():
        for device in ("/dev/zero", "/dev/full", "/dev/tty", "/dev"):
            async with peer_of(sending(device)) as peer:
                await peer.send(request("GET /"))
                assert (await answer(peer)).status == 404

    run(main)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_proc_files_with_reported_size_0(run, version):
    """The size is the number of bytes read, and neither date nor size shows whether the file has changed."""

    async def main():
        for path in (
            "/proc/sys/kernel/ostype",
            "/proc/kallsyms",
            "/sys/kernel/mm/transparent_hugepage/enabled",
        ):
            if not os.path.exists(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            async with peer_of(sending(path)) as peer:
                await peer.send(f"GET / HTTP/{version}\r\nHost: x\r\nRange: bytes=1000000-\r\n\r\n".encode())
                got = await answer(peer)
                assert "etag" not in got.headers
                assert "last-modified" not in got.headers
                if got.status == 200:
                    assert got.body == content
                else:
                    # Its size was found out by reading it.
                    assert got.headers["content-range"] == f"bytes */{len(content)}"

    run(main)


def test_short_reads(run, small, big, monkeypatch):
    """Network file systems and FUSE may return fewer bytes than requested."""
    path, content = big
    whole = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: whole(fd, max(1, size // 3), offset))

    async def main():
        async with peer_of(sending(small)) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == b"0123456789"
        async with peer_of(sending(path)) as peer:
            await peer.send(request("GET /", "Range: bytes=5-50000"))
            assert (await answer(peer)).body == content[5:50001]
            await peer.send(request("GET /", "Range: bytes=5-90000,100000-100010"))
            assert content[5:90001] in (await answer(peer)).body

    run(main)


def test_growing_file(run, tmp_path):
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(20_000_000)

    async def main():
        async with peer_of(sending(path)) as peer:
            await peer.send(request("GET /") + request("GET /", "Range: bytes=0-1"))
            start = await peer.receive(100_000)
            with path.open("ab") as file:
                file.write(b"x" * 1000)
            head, _, body = start.partition(b"\r\n\r\n")
            assert b"Content-Length: 20000000\r\n" in head
            body = len(body)
            while body < 20_000_000:
                body += len(await peer.receive(min(65536, 20_000_000 - body)))
            got = await answer(peer)
            assert (got.status, got.headers["content-range"]) == (206, "bytes 0-1/20001000")

    run(main)


def test_system_error_is_500_and_reported_once(run, small):
    """Too many open files are an error of the server: status 500, and one report."""

    async def main():
        run.errors_wanted = True
        async with peer_of(sending(small)) as peer:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            await peer.send(request("GET /missing"))
            await answer(peer)
            used = max(int(name) for name in os.listdir("/proc/self/fd"))
            held = [os.dup(0)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 2, limits[1]))
            try:
                with contextlib.suppress(OSError):
                    while True:
                        held.append(os.dup(0))
                await peer.send(request("GET /"))
                got = await answer(peer)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                for fd in held:
                    os.close(fd)
            assert got.status == 500
            assert [each["exception"].errno for each in run.errors] == [errno.EMFILE]

    run(main)


@pytest.mark.parametrize("throttle", [None, 50_000_000])
def test_many_ranges_need_few_worker_jobs(run, big, throttle, monkeypatch):
    """The cost of a short request does not grow with its number of ranges."""
    path, _ = big
    trips = []
    submit = SerialExecutor.submit
    monkeypatch.setattr(SerialExecutor, "submit", lambda *args: trips.append(1) or submit(*args))

    async def main():
        async with peer_of(sending(path, throttle=throttle)) as peer:
            for count in (1, 2, 64):
                trips.clear()
                ranges = ",".join(f"{n * 10}-{n * 10 + 1}" for n in range(count))
                await peer.send(request("GET /", f"Range: bytes={ranges}"))
                assert (await answer(peer)).status == 206
                assert len(trips) == 2

    run(main)


def test_full_default_executor_does_not_block_files(run, big):
    path, _ = big

    async def main():
        executor = concurrent.futures.ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(executor)
        over = threading.Event()
        executor.submit(over.wait)
        try:
            async with peer_of(sending(path)) as peer:
                for field in ("Range: bytes=0-9,20-29", "Accept: */*"):
                    await peer.send(request("GET /", field))
                    assert (await answer(peer)).status in (200, 206)
        finally:
            over.set()

    run(main)


def test_large_file_is_opened_once(run, big, monkeypatch):
    path, data = big
    calls = []
    for name in ("open", "fstat"):
        call = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, name=name, call=call, **kw: calls.append(name) or call(*args, **kw)
        )

    async def main():
        async with peer_of(sending(path)) as peer:
            calls.clear()
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == data
            assert sorted(calls) == ["fstat", "open"]

    run(main)
