"""The comparisons of benchmarks/ can be run; what they measure is not asserted."""

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time

import pytest

from support.benchmarks import BENCHMARKS, HERE, assert_done, environment, rows_of, run, run_benchmarks
from support.postgres import find_programs, postgres_server

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks/ is not here")

MODULES = sorted(path.stem for path in BENCHMARKS.glob("versus_*.py"))

COMMON_OPTIONS = ["--rounds", "--only", "--list", "--json", "--plot", "--quick", "--dir", "--timeout"]


def test_every_program_runs():
    done = run(str(HERE / "benchmark_programs.py"))
    assert done.stderr == ""
    assert done.returncode == 0


def test_every_comparison_takes_the_same_options_and_lists_its_cases():
    done = run(
        "-c",
        "import json; from benchmarks.comparison import every_comparison as e; "
        "print(json.dumps({n: [c.parser().format_help(), list(c.cases())] for n, c in e().items()}))",
    )
    assert_done(done)
    found = json.loads(done.stdout)
    assert sorted(found) == sorted([*MODULES, "fairness", "hooks", "instructions", "operations"])
    for name, (text, cases) in found.items():
        assert all(option in text for option in COMMON_OPTIONS), name
        assert len(set(cases)) == len(cases) > 1, name


@pytest.mark.parametrize("name", ["versus_node", "versus_python"])
def test_list_prints_the_cases(name):
    done = run_benchmarks(f".{name}", "--list")
    assert_done(done)
    assert len(done.stdout.splitlines()) > 5


def test_a_pattern_without_a_match():
    done = run_benchmarks(".versus_python", "--only", "no-such-thing")
    assert done.returncode == 1
    assert "no-such-thing" in done.stderr
    assert "--list" in done.stderr


def test_without_node():
    done = run_benchmarks(".versus_node", PATH="/nonexistent")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "it needs Node" in done.stderr
    assert "nodejs.org" in done.stderr
    done = run_benchmarks(".versus_node", "--node", "/nonexistent/node")
    assert done.returncode == 1
    assert "no program '/nonexistent/node'" in done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_versus_node(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--quick", "--n", "both", "--at-most", "10", "--only", "*manywrites sync=yes writev=no*"]
    done = run_benchmarks(".versus_node", *arguments, "--json", str(stored), "--dir", str(tmp_path))
    assert_done(done)
    assert "geometric mean of 2 entries" in done.stdout
    rows = rows_of(stored)
    assert [row["side"] for row in rows] == ["forebay", "Node"] * 4
    assert {row["case"].rsplit(", ", 1)[1] for row in rows} == {"Node's n", "long n"}
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        assert theirs["beside"] == "forebay"
        assert theirs["ratio"]["median"] == pytest.approx(
            ours["sample"]["median"] / theirs["sample"]["median"]
        )
    assert list(tmp_path.iterdir()) == [stored]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_versus_kernel(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".versus_kernel", "--quick", "--dir", str(tmp_path), "--json", str(stored))
    assert_done(done)
    content = json.loads(stored.read_text())["measurements"][0]
    assert content["options"]["size"] == 100_000
    assert "gcc" in content["versions"]["C compiler"] or "clang" in content["versions"]["C compiler"]
    rows = {(row["side"], row["unit"]): row for row in content["rows"]}
    assert rows["forebay pipe()", "MB/s"]["beside"] in {row["side"] for row in content["rows"]}
    assert rows["forebay pipe()", "MB/s"]["ratio"]["median"] > 0
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_cp(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".versus_cp", "--quick", "--dir", str(tmp_path), "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    assert [row["side"] for row in rows] == ["forebay copy", "cp"] * 4
    assert all(row["ratio"]["median"] > 0 for row in rows[1::2])
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_shell(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".versus_shell", "--quick", "--dir", str(tmp_path), "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    assert [row["side"] for row in rows] == ["forebay", "the shell"] * 4
    assert all(row["ratio"]["median"] > 0 for row in rows[1::2])
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_python(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--quick", "--only", "file-copy block=65536", "--size", "200kB"]
    done = run_benchmarks(".versus_python", *arguments, "--dir", str(tmp_path), "--json", str(stored))
    assert_done(done)
    sides = {row["side"]: row for row in rows_of(stored) if row["unit"] == "MB/s"}
    assert sides["forebay"]["ratio"] is None
    assert sides["asyncio"]["ratio"]["median"] > 0
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_install(tmp_path):
    """Every case that needs no other program, with and without the replacement."""
    stored = tmp_path / "results.json"
    cases = [
        "short connections",
        "a loop for each connection",
        "processes",
        "writelines",
        "bytearray",
        "cancelled",
    ]
    chosen = [argument for case in cases for argument in ("--only", case)]
    done = run_benchmarks(
        ".versus_install", "--quick", *chosen, "--json", str(stored), "--dir", str(tmp_path)
    )
    assert_done(done)
    sides = {(row["case"], row["side"]) for row in rows_of(stored)}
    assert {("processes", "asyncio"), ("processes", "forebay")} <= sides
    assert len(sides) == 2 * len(cases)


def test_versus_asyncio(tmp_path):
    """Every side of an echo, plain and over TLS."""
    stored = tmp_path / "results.json"
    arguments = ["--quick", "--share", "0.001", "--only", "echo 1 KiB, fresh", "--only", "readline, 100"]
    done = run_benchmarks(".versus_asyncio", *arguments, "--json", str(stored), "--dir", str(tmp_path))
    assert_done(done)
    sides = {(row["case"], row["side"]) for row in rows_of(stored)}
    assert {("readline, 100 bytes", "asyncio"), ("echo 1 KiB, fresh", "callbacks")} <= sides
    faster = importlib.util.find_spec("aiofastnet") is not None
    assert (("echo 1 KiB, fresh", "aiofastnet") in sides) == faster
    if shutil.which("openssl"):
        assert ("TLS echo 1 KiB, fresh", "forebay") in sides
        assert (("TLS echo 1 KiB, fresh", "aiofastnet") in sides) == faster
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_databases(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".versus_databases", "--quick", "--rows", "50", "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    assert rows[0]["side"] == "the driver's own"
    assert {row["beside"] for row in rows if row["ratio"] is not None} == {"the driver's own"}
    assert "asyncpg" in done.stderr


@pytest.mark.skipif(find_programs() is None, reason="needs PostgreSQL")
def test_versus_databases_with_postgres(tmp_path):
    pytest.importorskip("asyncpg")
    stored = tmp_path / "results.json"
    with postgres_server() as url:
        arguments = ["--quick", "--rows", "50", "--postgres", url]
        done = run_benchmarks(".versus_databases", *arguments, "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    cases = {row["case"] for row in rows}
    assert {case for case in cases if case.startswith("asyncpg")} == {
        "asyncpg query",
        "asyncpg insert",
        "asyncpg copy to a file",
        "asyncpg copy from a file",
    }
    assert ("psycopg query" in cases) == (importlib.util.find_spec("psycopg") is not None)
    assert ("psql copy to a file" in cases) == (shutil.which("psql") is not None)
    assert all((row["ratio"] is None) == (row["side"] in ("the driver's own", "psql")) for row in rows)
    (measurement,) = json.loads(stored.read_text())["measurements"]
    assert measurement["versions"]["PostgreSQL"]
    # A saved run keeps no password.
    assert url not in stored.read_text()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_versus_sockets(tmp_path):
    stored = tmp_path / "results.json"
    arguments = ["--quick", "--only", "idle", "--only", "file to socket", "--size", "64KiB"]
    done = run_benchmarks(".versus_sockets", *arguments, "--json", str(stored), "--dir", str(tmp_path))
    assert_done(done)
    rows = {(row["case"], row["side"]): row for row in rows_of(stored) if row["unit"] != "CPU s/GB"}
    assert rows["file to socket", "forebay, asyncio"]["beside"] == "C sendfile"
    assert rows["idle connections, each", "forebay, asyncio"]["lower_is_better"]
    assert list(tmp_path.iterdir()) == [stored]


def test_versus_http(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".versus_http", "--quick", "--only", "file", "--json", str(stored))
    assert_done(done)
    sides = {row["side"]: row for row in rows_of(stored) if row["unit"] == "MB/s"}
    assert sides["forebay, pipe (asyncio)"]["sample"]["median"] > 0
    assert all(
        row["beside"] == "forebay, send_file (asyncio)"
        for side, row in sides.items()
        if not side.startswith("forebay")
    )


@pytest.mark.skipif(importlib.util.find_spec("pytest_benchmark") is None, reason="needs pytest-benchmark")
def test_operations(tmp_path):
    stored = tmp_path / "results.json"
    done = run_benchmarks(".operations", "--quick", "--only", "streams", "--json", str(stored))
    assert_done(done)
    sides = {row["case"]: row["side"] for row in rows_of(stored)}
    assert sides["streams: write_and_drain"] == "forebay"
    assert sides["streams: asyncio_queue"] == "Python"


def test_hooks(tmp_path):
    """Every case runs on both sides, and its price is the ratio of forebay to the hooks alone."""
    stored = tmp_path / "results.json"
    done = run_benchmarks(".hooks", "--quick", "--share", "0.002", "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    assert [row["side"] for row in rows] == ["forebay", "the hooks alone"] * (len(rows) // 2)
    lines = dict(
        line.rsplit(None, 2)[:2] for line in done.stdout.split("How many times")[1].splitlines()[4:-2]
    )
    for ours, bare in zip(rows[::2], rows[1::2], strict=True):
        price = ours["sample"]["median"] / bare["sample"]["median"]
        assert float(lines[ours["case"]]) == pytest.approx(price, rel=0.01, abs=0.006)
    assert len(lines) == len(rows) // 2


def test_fairness(tmp_path):
    """Every flow runs, those with a peer included, and Node runs those that it has."""
    stored = tmp_path / "results.json"
    done = run_benchmarks(".fairness", "--quick", "--rounds", "1", "--json", str(stored))
    assert_done(done)
    rows = rows_of(stored)
    assert {row["side"] for row in rows} == {"forebay"} | ({"Node"} if shutil.which("node") else set())
    assert len({row["case"] for row in rows}) == done.stderr.count("\n") - ("not installed" in done.stderr)
    for row in rows:
        assert row["sample"]["median"] >= 0
        assert row["lower_is_better"]
    assert "the longest hold, in milliseconds" in done.stdout


def test_the_cases_of_hooks_call_the_same_functions():
    """Both sides of a case give the same calls to its hooks; a side that does less would be no comparison."""
    done = run(str(HERE / "hook_calls.py"))
    assert_done(done)


def test_sides_of_operations():
    """The names of tests say whose figures they are, and tests of one operation are one case."""
    names = ["test_bench_lines[c-1KiB]", "test_bench_lines[python-1KiB]", "test_bench_lines[deque-1KiB]"]
    names += ["test_find_bytearray[64B]", "test_pipe[4]", "test_cp", "test_send"]
    script = "import json, sys; from benchmarks.operations import case_and_side as c; "
    done = run("-c", script + "print(json.dumps([c('f', each) for each in sys.argv[1:]]))", *names)
    assert_done(done)
    assert json.loads(done.stdout) == [
        ["f: lines 1KiB", "forebay"],
        ["f: lines 1KiB", "forebay, pure"],
        ["f: lines 1KiB", "deque"],
        ["f: find_bytearray 64B", "Python"],
        ["f: pipe 4", "forebay"],
        ["f: cp", "Python"],
        ["f: send", "forebay"],
    ]


@pytest.mark.parametrize("name", ["forebay", "forebay, async", "uvicorn", "granian"])
def test_every_small_server_answers(name):
    if not name.startswith("forebay") and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.programs.http_server", name, "asyncio", str(port)]
    with subprocess.Popen(command, env=environment()) as server:
        try:
            assert request(server, port).endswith(b"\r\n\r\n" + b"x" * 1024)
        finally:
            server.kill()


def request(server, port):
    """The answer of a server, which may not listen yet."""
    for _ in range(1000):
        assert server.poll() is None
        try:
            with socket.create_connection(("127.0.0.1", port), 30) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: sock.recv(65536), b""))
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise AssertionError("the server does not listen")


def test_a_missing_plotting_library_is_named(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib here')\n")
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from benchmarks import versus_python as v; "
    done = run("-c", start + "v.COMPARISON.main(['--plot', 'x.svg'])")
    assert done.returncode == 1
    assert "needs matplotlib" in done.stderr
