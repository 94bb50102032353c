"""Sizes and times as text, the progress line, the summary, the demo."""

import argparse
import asyncio
import io
import os

import pytest

from forebay.cli.commands import demo
from forebay.cli.endpoints.addresses import parse_listen, parse_target
from forebay.cli.output.memory import peak_memory
from forebay.cli.output.meter import Meter
from forebay.cli.output.progress import Progress
from forebay.cli.output.summary import Summary
from forebay.cli.output.units import (
    countdown_text,
    parse_rate,
    parse_size,
    rate_text,
    seconds_text,
    size_text,
)
from forebay.stats import SideStats, StreamStats
from support.command import forebay


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500", 500),
        ("500B", 500),
        ("64KiB", 65536),
        ("64K", 65536),
        ("64k", 65536),
        ("64kB", 64000),
        ("64KB", 64000),
        (" 10 MB ", 10_000_000),
        ("1.5GiB", 3 << 29),
        (".5MiB", 1 << 19),
        ("1GB", 10**9),
        ("1TiB", 1 << 40),
    ],
)
def test_parse_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "B", "MB", "-1", "1XB", "1MBB", "ten", "1..5", "0x10", "1000000PB", "1e999", "nan", "inf"]
)
def test_invalid_sizes_are_usage_errors(text):
    with pytest.raises(argparse.ArgumentTypeError):
        parse_size(text)


def test_parse_rates():
    assert parse_rate("10MB/s") == parse_rate("10MB") == parse_rate("10 mb/S") == 10_000_000
    assert parse_rate("0.5") == 0.5
    for text in ("0", "0MB/s", "MB/s", "10MB/h", "-3"):
        with pytest.raises(argparse.ArgumentTypeError):
            parse_rate(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("80", "127.0.0.1:80"),
        (":80", "127.0.0.1:80"),
        ("example.org:80", "example.org:80"),
        ("[::1]:80", "[::1]:80"),
        ("/run/app.sock", "/run/app.sock"),
        ("./app.sock", "./app.sock"),
        ("unix:app.sock", "app.sock"),
        ("unix:///run/app.sock", "/run/app.sock"),
    ],
)
def test_parse_addresses(text, place):
    assert str(parse_listen(text)) == str(parse_target(text)) == place


def test_star_means_every_address():
    assert str(parse_listen("*:80")) == "*:80"
    assert parse_listen("*:80").host is None


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:70000", "::1:80", "[::1]", "[]:80", "a]:80", "unix:"]
)
def test_invalid_addresses_are_usage_errors(text):
    for parse in (parse_listen, parse_target):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_units_as_text():
    sizes = [0, 1, 1023, 1024, 1536, 10_240, 1_023_999, 1 << 20, 100 << 20, 1 << 30, 5 << 40, 5 << 50]
    assert [size_text(size) for size in sizes] == [
        "0 B",
        "1 B",
        "1023 B",
        "1 KiB",
        "1.5 KiB",
        "10 KiB",
        "1000 KiB",
        "1 MiB",
        "100 MiB",
        "1 GiB",
        "5 TiB",
        "5120 TiB",
    ]
    assert rate_text(2.5 * 1024) == "2.5 KiB/s"
    assert [seconds_text(value) for value in (0, 1.234, 12.3, 59.4, 59.6, 61, 3599.7, 3661)] == [
        "0.00 s",
        "1.23 s",
        "12 s",
        "59 s",
        "1:00",
        "1:01",
        "1:00:00",
        "1:01:01",
    ]
    assert countdown_text(3.4) == "3 s"


def test_meter_measures_rate_and_remaining_time():
    meter = Meter(1000)
    assert (meter.rate, meter.part, meter.seconds_left) == (0, 0, None)
    meter.look(0, 0)
    meter.look(1, 100)
    assert (meter.rate, meter.part, meter.seconds_left) == (100, 0.1, 9)
    # The rate is that of late.
    for second in range(2, 10):
        meter.look(second, 100)
    assert meter.rate == 0
    assert meter.seconds_left is None
    meter.look(10, 2000)
    assert meter.part == 1
    assert meter.seconds_left == 0
    assert Meter(None).part is None


def side(length=0, mark=100, **more):
    values = {"chunks": 1, "bytes": 10, "peak": length, "stalls": 0, "stalled": 0.0, "object_mode": False}
    return SideStats(length=length, high_water_mark=mark, **(values | more))


class Out(io.StringIO):
    def __init__(self, encoding="utf-8", terminal=False):
        super().__init__()
        self._encoding = encoding
        self._terminal = terminal

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self._terminal


STAGES = [
    ("read", StreamStats("ReadStream", side(100), None)),
    ("gzip", StreamStats("Gzip", side(50), side(1))),
    ("write", StreamStats("WriteStream", None, side(0))),
]


def shown(use, encoding="utf-8", total=1000):
    async def main():
        progress = Progress(Out(encoding), total, lambda: 0, lambda: STAGES)
        progress._meter.look(0, 0)
        progress._meter.look(1, 250)
        return use(progress)

    return asyncio.run(main())


def test_bar_fits_its_width():
    texts = "250 B of 1000 B  250 B/s  3 s left"
    assert shown(lambda progress: progress.bar(100)) == (
        f" 25% [#######.....................]  {texts}  read █ > gzip ▁▄ > write  "
    )
    assert shown(lambda progress: progress.bar(100), "ascii") == (
        f" 25% [#####...............]  {texts}  read 100% > gzip 1%/50% > write 0%"
    )
    assert (
        shown(lambda progress: progress.bar(100), total=None) == "250 B  250 B/s  read █ > gzip ▁▄ > write  "
    )
    # What does not fit is left out as a whole.
    assert shown(lambda progress: progress.bar(60)) == f" 25% [####............]  {texts}"
    assert shown(lambda progress: progress.bar(30)) == " 25% 250 B of 1000 B  250 B/s"


@pytest.mark.parametrize("columns", range(1, 200))
def test_bar_is_shorter_than_the_terminal(columns):
    line = shown(lambda progress: progress.bar(columns))
    assert 0 < len(line) <= max(1, columns - 1)


def test_progress_as_a_line():
    assert shown(lambda progress: progress.line()) == "25 %, 250 B of 1000 B, 250 B/s, 3 s left"
    assert shown(lambda progress: progress.line(), total=None) == "250 B, 250 B/s"


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_writes_until_the_end(monkeypatch, terminal):
    monkeypatch.setattr("forebay.cli.output.progress._LINE_EVERY_SECONDS", 0.01)
    monkeypatch.setattr("forebay.cli.output.progress._BAR_EVERY_SECONDS", 0.01)
    out = Out(terminal=terminal)

    async def main():
        with Progress(out, 1000, lambda: 500, lambda: STAGES):
            while out.getvalue().count("50") < 3:
                await asyncio.sleep(0.005)
        before = out.getvalue()
        await asyncio.sleep(0.05)
        assert out.getvalue() == before

    asyncio.run(main())
    if terminal:
        assert out.getvalue().startswith("\r 50% ")
        assert out.getvalue().endswith("\r\x1b[K")
        assert "\n" not in out.getvalue()
    else:
        assert out.getvalue().startswith("50 %, 500 B of 1000 B, ")
        assert "\r" not in out.getvalue()


def test_progress_survives_a_closed_terminal(monkeypatch):
    monkeypatch.setattr("forebay.cli.output.progress._BAR_EVERY_SECONDS", 0.01)
    out = Out(terminal=True)
    asked = []

    async def main():
        with Progress(out, None, lambda: asked.append(out.closed) or 0, lambda: STAGES):
            while not asked:
                await asyncio.sleep(0.005)
            out.close()
            while asked.count(True) < 2:
                await asyncio.sleep(0.005)

    # Whether it is a terminal was asked for while it was one.
    asyncio.run(main())


def test_progress_can_be_forced(tmp_path):
    (tmp_path / "source").write_bytes(bytes(50_000))
    done = forebay("copy", tmp_path / "source", os.devnull, "--throttle", "20kB/s", "--progress")
    assert done.returncode == 0
    assert b" of 48.8 KiB, " in done.stderr
    assert b"\r" not in done.stderr
    assert forebay("copy", tmp_path / "source", os.devnull).stderr == b""


# ---- the summary


def summary(*, source, sink, **more):
    values = {
        "source": "a",
        "target": "b",
        "bytes_read": 2048,
        "bytes_written": 2048,
        "seconds": 2.0,
        "atomic": True,
        "peak_memory": 30 << 20,
    }
    stages = [("read", StreamStats("", source, None)), ("write", StreamStats("", None, sink))]
    return Summary(hash=None, rows=None, stages=stages, **(values | more))


def test_summary_names_the_fullest_stage():
    one = summary(source=side(10, 100, stalls=1, stalled=0.5), sink=side(150, 100))
    assert one.text() == (
        "copied 2 KiB in 2.00 s, 1 KiB/s\n"
        "source paused once, 0.50 s in all; highest fill 150 B of 100 B (write); peak memory 30 MiB"
    )
    two = summary(source=side(0), sink=side(0), seconds=0.0)
    assert two.text().splitlines()[1].startswith("source never paused; highest fill 0 B of 100 B; ")
    assert two.bytes_per_second == 0
    assert summary(source=side(1, 0), sink=side(0, 0)).text().count("highest fill 1 B of 0 B (read)") == 1


def test_peak_memory():
    before = peak_memory()
    ballast = b"x" * (64 << 20)
    assert peak_memory() >= before
    assert peak_memory() > len(ballast)


# ---- the demo


def test_demo():
    done = forebay("demo", "--size", "16MiB", "--rate", "32MiB/s")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert "\r" not in text
    assert "1. without backpressure" in text
    assert "2. with backpressure" in text
    assert text.count("write() returned False") == 2
    assert text.splitlines()[-1].startswith("The same bytes: ")


def test_demo_peaks_differ(capsys):
    async def peaks(work):
        sink = demo._SlowSink(1 << 30)
        await work(demo._FastSource(64 * demo._CHUNK, 1 << 40), sink)
        assert sink.taken == 64 * demo._CHUNK
        return sink.stats().writable.peak

    assert asyncio.run(peaks(demo._without)) > 32 * demo._CHUNK
    assert asyncio.run(peaks(demo._with)) <= 65536 + demo._CHUNK


def test_demo_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(demo, "_LOOK_SECONDS", 0.01)
    args = argparse.Namespace(size=4 << 20, rate=16 << 20)
    assert demo.run(args) == 0
    assert "% [" in capsys.readouterr().out


def test_demo_without_memory_figures(capsys, monkeypatch):
    def unseen():
        raise FileNotFoundError

    monkeypatch.setattr(demo, "_resident_pages", unseen)
    assert demo.run(argparse.Namespace(size=4 << 20, rate=64 << 20)) == 0
    assert "The same bytes" in capsys.readouterr().out
