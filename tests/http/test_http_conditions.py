"""Conditional requests for a file: dates in every form, entity tags of the handler, and responses without conditions."""

import os
import time
from email.utils import formatdate

import pytest

from support.http_peers import answer, peer_of, request, sending

# Sun, 06 Nov 1994 08:49:37 GMT
THEN = 784111777


async def ask(peer, *fields, line="GET /"):
    await peer.send(request(line, *fields))
    return await answer(peer, head=line.startswith("HEAD"))


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes(b"0123456789")
    os.utime(path, (THEN, THEN))
    return path


FORMS = ["Sun, 06 Nov 1994 08:49:{} GMT", "Sunday, 06-Nov-94 08:49:{} GMT", "Sun Nov  6 08:49:{} 1994"]


@pytest.mark.parametrize("form", FORMS)
def test_dates_in_every_form_are_gmt(run, old, zone, form):
    async def main():
        async with peer_of(sending(old)) as peer:
            assert (await ask(peer)).headers["last-modified"] == FORMS[0].format(37)
            for second, unchanged in ((36, False), (37, True), (38, True)):
                date = form.format(second)
                for field, if_unchanged, if_changed in (
                    ("If-Modified-Since", 304, 200),
                    ("If-Unmodified-Since", 200, 412),
                ):
                    got = await ask(peer, f"{field}: {date}")
                    assert got.status == (if_unchanged if unchanged else if_changed), (field, date)
                got = await ask(peer, "Range: bytes=0-1", f"If-Range: {date}")
                assert got.status == (206 if second == 37 else 200)

    run(main)


@pytest.mark.parametrize(
    "date",
    [
        "yesterday",
        "Sun, 06 Nov 2094 08:49:37",
        "Sun, 06 Nov 2094 08:49:37 +0100",
        "Sun, 06 Xyz 2094 08:49:37 GMT",
        "Sun, 36 Nov 2094 08:49:37 GMT",
        "Sun, 06 Nov 2094 25:49:37 GMT",
        "Sun, 06 Nov 2094 08:49:37 GMT, Sun, 06 Nov 2094 08:49:37 GMT",
        "99999999999",
        "",
    ],
)
def test_invalid_dates_are_ignored(run, old, date):
    async def main():
        async with peer_of(sending(old)) as peer:
            for field in ("If-Modified-Since", "If-Unmodified-Since"):
                assert (await ask(peer, f"{field}: {date}")).status == 200

    run(main)


def test_two_digit_years(run, old):
    """A date more than 50 years ahead is in the past."""
    os.utime(old, (1_000_000_000, 1_000_000_000))

    async def main():
        year = time.gmtime().tm_year
        async with peer_of(sending(old)) as peer:
            for meant in (year - 49, year, year + 49):
                date = f"Sunday, 06-Nov-{meant % 100:02} 08:49:37 GMT"
                expected = 304 if meant > 2001 else 200
                assert (await ask(peer, f"If-Modified-Since: {date}")).status == expected

    run(main)


def test_file_dates_in_the_future(run, old):
    """Last-Modified is no later than Date, and is missing if the file's date cannot be written."""

    async def main():
        async with peer_of(sending(old)) as peer:
            os.utime(old, (time.time() + 10_000, time.time() + 10_000))
            got = await ask(peer)
            assert got.headers["last-modified"] <= got.headers["date"]
            os.utime(old, (-10, -10))
            got = await ask(peer, f"If-Modified-Since: {FORMS[0].format(37)}")
            assert (got.status, got.headers.get("last-modified")) == (304, None) or got.status == 200

    run(main)


def own(path, status=200, **fields):
    async def handler(request, response):
        response.status_code = status
        for name, value in fields.items():
            response.set_header(name.replace("_", "-"), value)
        await response.send_file(path)

    return handler


@pytest.mark.parametrize(
    ("tag", "fields", "status"),
    [
        ('"v1"', ['If-None-Match: "v1"'], 304),
        ('"v1"', ['If-None-Match: W/"v1"'], 304),
        ('"v1"', ['If-None-Match: "x", "v1"'], 304),
        ('"v1"', ['If-None-Match: "x"', 'If-None-Match: "v1"'], 304),
        ('"v1"', ['If-None-Match: "v2"'], 200),
        ('"v1"', ["If-None-Match: v1"], 200),
        ('"v1"', ["If-None-Match: *"], 304),
        ('"v1"', ['If-Match: "v1"'], 200),
        ('"v1"', ['If-Match: "v2"'], 412),
        ('"v1"', ["If-Match: *"], 200),
        ('"v1"', ["Range: bytes=0-0", 'If-Range: "v1"'], 206),
        ('"v1"', ["Range: bytes=0-0", 'If-Range: "v2"'], 200),
        ('"a,b"', ['If-None-Match: "a,b"'], 304),
        ('"a,b"', ['If-None-Match: "a", "b"'], 200),
        ('W/"v1"', ['If-None-Match: "v1"'], 304),
        ('W/"v1"', ['If-None-Match: W/"v1"'], 304),
        ('W/"v1"', ['If-Match: W/"v1"'], 412),
        ('W/"v1"', ['If-Match: "v1"'], 412),
        ('W/"v1"', ["Range: bytes=0-0", 'If-Range: W/"v1"'], 200),
    ],
)
def test_etag_of_the_handler_is_kept(run, old, tag, fields, status):
    async def main():
        async with peer_of(own(old, ETag=tag)) as peer:
            got = await ask(peer, *fields)
            assert (got.status, got.headers["etag"]) == (status, tag)

    run(main)


def test_date_of_the_handler_is_kept(run, old):
    mine = formatdate(1_000_000_000, usegmt=True)

    async def main():
        async with peer_of(own(old, Last_Modified=mine)) as peer:
            got = await ask(peer, f"If-Modified-Since: {FORMS[0].format(38)}")
            assert (got.status, got.headers["last-modified"]) == (200, mine)
            assert (await ask(peer, f"If-Modified-Since: {mine}")).status == 304
            assert (await ask(peer, "Range: bytes=0-0", f"If-Range: {mine}")).status == 206

    run(main)


@pytest.mark.parametrize("status", [203, 404, 410, 500, 503])
def test_conditions_apply_to_2xx_responses_only(run, old, status):
    async def main():
        async with peer_of(own(old, status)) as peer:
            etag = (await ask(peer)).headers["etag"]
            for line in ("GET /", "HEAD /"):
                for field in (
                    f"If-None-Match: {etag}",
                    "If-None-Match: *",
                    'If-Match: "x"',
                    "Range: bytes=0-0",
                ):
                    got = await ask(peer, field, line=line)
                    success = {"If-M": 412, "If-N": 304, "Rang": 203}[field[:4]]
                    assert got.status == (success if status == 203 else status)

    run(main)


def test_methods_that_conditions_apply_to(run, old):
    async def main():
        async with peer_of(sending(old)) as peer:
            for method, status in (("PUT", 412), ("DELETE", 412), ("OPTIONS", 200), ("TRACE", 200)):
                got = await ask(peer, "If-None-Match: *", "Content-Length: 0", line=f"{method} /")
                assert got.status == status

    run(main)


def test_bodyless_response_drops_the_content_length_of_the_handler(run, old):
    """The Content-Length of a handler is not sent with a response that has no body."""

    async def main():
        async with peer_of(own(old, Content_Length=10)) as peer:
            for field in ("If-None-Match: *", 'If-Match: "x"'):
                await ask(peer, field)
            assert (await ask(peer)).body == b"0123456789"

    run(main)
