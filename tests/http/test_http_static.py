"""StaticFiles: the file for a path, redirects, caching, and precompressed files."""

import asyncio
import gzip
import os
import threading

import pytest

from forebay import InvalidArgTypeError, InvalidArgValueError, InvalidHeaderError, http
from support.http_peers import answer, peer_of, request


@pytest.fixture
def site(tmp_path):
    """A folder with files, folders and links, some of which lead out of it."""
    root = tmp_path / "site"
    (root / "dir").mkdir(parents=True)
    (root / "bare").mkdir()
    (root / "page.html").write_text("page")
    (root / "dir" / "index.html").write_text("index")
    (root / "dir" / "ü.txt").write_text("umlaut")
    (root / "back\\slash").write_text("backslash")
    (root / "bare" / "a&b.txt").write_text("a")
    (tmp_path / "secret").write_text("SECRET")
    (tmp_path / "site-other").mkdir()
    (tmp_path / "site-other" / "file").write_text("SECRET")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "out-dir").symlink_to(tmp_path)
    (root / "in").symlink_to("dir/../page.html")
    (root / "in-absolute").symlink_to(root / "page.html")
    (root / "in-dir").symlink_to("dir")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("nothing")
    os.mkfifo(root / "fifo")
    return root


async def ask(peer, path, *fields, method="GET"):
    await peer.send(request(f"{method} {path}", *fields))
    return await answer(peer, head=method == "HEAD")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/page.html", 200, b"page"),
        ("/page.html?query", 200, b"page"),
        ("//page.html", 200, b"page"),
        ("/./page.html", 200, b"page"),
        ("/none/../page.html", 200, b"page"),
        ("/page%2ehtml", 200, b"page"),
        ("/back%5cslash", 200, b"backslash"),
        ("/dir/", 200, b"index"),
        ("/dir/%C3%BC.txt", 200, b"umlaut"),
        ("http://other/page.html", 200, b"page"),
        ("/in", 200, b"page"),
        ("/in-absolute", 200, b"page"),
        ("/in-dir/index.html", 200, b"index"),
        ("/page.html/", 404, None),
        ("/page.html/.", 404, None),
        ("/page.html/x", 404, None),
        ("/", 404, None),
        ("/bare/", 404, None),
        ("/missing", 404, None),
        ("/out", 404, None),
        ("/out-dir/secret", 404, None),
        ("/out-dir/", 404, None),
        ("/../secret", 404, None),
        ("/%2e%2e/secret", 404, None),
        ("/..%2fsecret", 404, None),
        ("/dir/../../secret", 404, None),
        ("/%c0%ae%c0%ae/secret", 404, None),
        ("/..%5csecret", 404, None),
        ("/../site-other/file", 404, None),
        ("/loop", 404, None),
        ("/dangling", 404, None),
        ("/fifo", 404, None),
        ("/a%00b", 404, None),
        ("/%ff%fe", 404, None),
        ("/" + "a" * 300, 404, None),
        ("/" + "a/" * 3000, 404, None),
        ("/" + "../" * 1000 + "secret", 404, None),
    ],
)
def test_which_file_a_path_means(run, site, path, status, body):
    async def main():
        async with peer_of(http.StaticFiles(site)) as peer:
            for method in ("GET", "HEAD"):
                got = await ask(peer, path, method=method)
                assert got.status == status
                assert method == "HEAD" or body is None or got.body == body
                assert b"SECRET" not in got.body

    run(main)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/dir", "/dir/"),
        ("/dir?a=b%20c", "/dir/?a=b%20c"),
        ("//dir", "/dir/"),
        ("/dir/../dir", "/dir/"),
        ("/x/.././dir", "/dir/"),
        ("http://elsewhere/dir?q", "/dir/?q"),
        ("/\\elsewhere/%2e%2e/dir", "/dir/"),
        ("/%5celsewhere/../dir", "/dir/"),
        ("//elsewhere/..//dir", "/dir/"),
        ("/in-dir", "/in-dir/"),
        ("/dir?x=%0d%0aSet-Cookie:%20a=b", "/dir/?x=%0d%0aSet-Cookie:%20a=b"),
    ],
)
def test_folder_redirects_to_a_trailing_slash(run, site, target, location):
    async def main():
        async with peer_of(http.StaticFiles(site)) as peer:
            got = await ask(peer, target)
            assert (got.status, got.headers["location"]) == (301, location)

    run(main)


def test_file_name_that_is_not_utf8(run, site):
    name = b"\xff\xfe.txt"
    (site / "bare" / os.fsdecode(name)).write_text("bytes")

    async def main():
        async with peer_of(http.StaticFiles(site, listing=True)) as peer:
            page = await ask(peer, "/bare/")
            assert b'href="./%FF%FE.txt"' in page.body
            assert b'href="./a%26b.txt">a&amp;b.txt' in page.body
            assert (await ask(peer, "/bare/%FF%FE.txt")).body == b"bytes"

    run(main)


def test_listing_shows_the_folder_only(run, site):
    async def main():
        async with peer_of(http.StaticFiles(site, listing=True)) as peer:
            got = await ask(peer, "/")
            assert got.headers["content-type"] == "text/html; charset=utf-8"
            assert b"./dir/" in got.body
            assert b"./page.html" in got.body
            assert (await ask(peer, "/out-dir/")).status == 404
            assert (await ask(peer, "/bare/", method="HEAD")).status == 200

    run(main)


def test_other_methods(run, site):
    async def main():
        async with peer_of(http.StaticFiles(site)) as peer:
            for method in ("POST", "DELETE", "OPTIONS"):
                got = await ask(peer, "/page.html", "Content-Length: 0", method=method)
                assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")

    run(main)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_link_replaced_between_check_and_open(run, site, kind):
    """Another process replaces a file between the check and the open."""
    target = site.parent / "secret" if kind == "file" else site.parent
    path = "/x" if kind == "file" else "/x/secret"
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            os.symlink(target, site / "t")
            os.replace(site / "t", site / "x") if kind == "file" else os.rename(site / "t", site / "x")
            if kind == "file":
                (site / "t").write_text("plain")
                os.replace(site / "t", site / "x")
            else:
                os.unlink(site / "x")
                (site / "x").mkdir()
                (site / "x" / "secret").write_text("plain")
                (site / "x" / "secret").unlink()
                (site / "x").rmdir()

    async def main():
        async with peer_of(http.StaticFiles(site)) as peer:
            thread = threading.Thread(target=swap)
            thread.start()
            try:
                answers = [await ask(peer, path) for _ in range(300)]
            finally:
                stop.set()
                thread.join()
            assert not any(b"SECRET" in got.body for got in answers)
            assert {got.status for got in answers} <= {200, 404}

    run(main)


RULES = [
    ("max-age=60", {"/page.html": "max-age=60", "/dir/": "max-age=60"}),
    (
        {".html": "no-cache", "": "max-age=5", "slash": "immutable"},
        {"/page.html": "no-cache", "/dir/": "no-cache", "/back%5cslash": "immutable", "/in": "max-age=5"},
    ),
    ({".css": "no-cache"}, {"/page.html": None}),
    (lambda path: "no-store" if path == "dir/index.html" else None, {"/dir/": "no-store", "/in": None}),
]


@pytest.mark.parametrize(("rule", "expected"), RULES, ids=["text", "ends", "no_end", "function"])
def test_cache_control(run, site, rule, expected):
    async def main():
        async with peer_of(http.StaticFiles(site, cache_control=rule)) as peer:
            for path, value in expected.items():
                got = await ask(peer, path)
                assert (got.status, got.headers.get("cache-control")) == (200, value)
                got = await ask(peer, path, f"If-None-Match: {got.headers['etag']}")
                assert (got.status, got.headers.get("cache-control")) == (304, value)
            for path in ("/missing", "/dir"):
                assert "cache-control" not in (await ask(peer, path)).headers

    run(main)


def test_exception_of_a_cache_rule_is_reported_once(run, site):
    async def main():
        run.errors_wanted = True
        async with peer_of(http.StaticFiles(site, cache_control=lambda path: 1 / 0)) as peer:
            assert (await ask(peer, "/page.html")).status == 500
            assert [type(each["exception"]) for each in run.errors] == [ZeroDivisionError]

    run(main)


def test_wrong_options_raise(site):
    with pytest.raises(InvalidArgValueError, match="root"):
        http.StaticFiles(site / "page.html")
    with pytest.raises(InvalidArgTypeError, match="cache_control"):
        http.StaticFiles(site, cache_control=60)
    with pytest.raises(InvalidArgTypeError, match="cache_control"):
        http.StaticFiles(site, cache_control={".html": 60})
    with pytest.raises(InvalidHeaderError):
        http.StaticFiles(site, cache_control="max-age=60\r\nX: y")


@pytest.fixture
def packed(site):
    """site.css with its compressed forms beside it."""
    (site / "site.css").write_text("plain " * 100)
    (site / "site.css.gz").write_bytes(gzip.compress(b"plain " * 100))
    (site / "site.css.br").write_bytes(b"as brotli")
    return site


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("zstd", None),
        ("zstd, gzip;q=0.1", "gzip"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("gzip;q=0", None),
        ("GZIP ; Q=0.8", "gzip"),
        ("gzip;q=nan", None),
        ("", None),
    ],
)
def test_precompressed_file_is_sent(run, packed, field, coding):
    async def main():
        async with peer_of(http.StaticFiles(packed, precompressed=True)) as peer:
            got = await ask(peer, "/site.css", *([] if field is None else [f"Accept-Encoding: {field}"]))
            assert got.status == 200
            assert got.headers.get("content-encoding") == coding
            assert got.headers["content-type"] == "text/css; charset=utf-8"
            assert got.headers["vary"] == "Accept-Encoding"
            body = {"gzip": gzip.compress(b"plain " * 100), "br": b"as brotli", None: b"plain " * 100}[coding]
            assert len(got.body) == len(body)

    run(main)


def test_each_encoding_has_its_own_etag(run, packed):
    async def main():
        async with peer_of(http.StaticFiles(packed, precompressed=True)) as peer:
            plain = await ask(peer, "/site.css")
            gz = await ask(peer, "/site.css", "Accept-Encoding: gzip")
            br = await ask(peer, "/site.css", "Accept-Encoding: br")
            assert len({each.headers["etag"] for each in (plain, gz, br)}) == 3
            condition = f"If-None-Match: {gz.headers['etag']}"
            again = await ask(peer, "/site.css", "Accept-Encoding: gzip", condition)
            assert (again.status, again.headers["vary"]) == (304, "Accept-Encoding")
            assert (await ask(peer, "/site.css", condition)).status == 200
            part = await ask(peer, "/site.css", "Accept-Encoding: br", "Range: bytes=3-")
            assert (part.status, part.body, part.headers["content-encoding"]) == (206, b"brotli", "br")
            beyond = await ask(peer, "/site.css", "Accept-Encoding: br", "Range: bytes=1000-")
            assert (beyond.status, beyond.headers.get("content-encoding")) == (416, None)

    run(main)


def test_precompressed_files_that_are_ignored(run, packed):
    os.utime(packed / "site.css.br", (0, 0))
    (packed / "only.css.gz").write_bytes(b"x")
    (packed / "dir" / "index.html.gz").write_bytes(b"packed index")
    (packed / "page.html.gz").symlink_to(packed.parent / "secret")

    async def main():
        every = "Accept-Encoding: br, gzip"
        async with peer_of(http.StaticFiles(packed, precompressed=True)) as peer:
            # One that is older was made of something else.
            assert (await ask(peer, "/site.css", every)).headers["content-encoding"] == "gzip"
            assert (await ask(peer, "/only.css", every)).status == 404
            assert (await ask(peer, "/dir/", every)).body == b"packed index"
            assert (await ask(peer, "/page.html", every)).body == b"page"
        async with peer_of(http.StaticFiles(packed)) as peer:
            got = await ask(peer, "/site.css", every)
            assert "content-encoding" not in got.headers
            assert "vary" not in got.headers

    run(main)


def test_nothing_stays_open_for_clients_that_leave(run, packed):
    async def main():
        async with peer_of(http.StaticFiles(packed, listing=True)) as peer:
            for path in ("/site.css", "/dir/", "/bare/", "/dir"):
                await peer.send(request(f"GET {path}"))
            peer.reset()
            await asyncio.sleep(0.05)

    run(main)
