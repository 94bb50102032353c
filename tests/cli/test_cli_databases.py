"""``forebay copy`` with databases: rows and bytes, formats, errors, passwords, signals."""

import contextlib
import gzip
import json
import lzma
import os
import signal
import subprocess
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.command import forebay, started, temporary_files
from support.copied_databases import KINDS, ROWS
from support.loops import eventually

LOOKS = list(KINDS)


@pytest.fixture(params=LOOKS)
def database(request, make):
    return make(request.param)


@pytest.fixture
def server(make):
    return make("postgres")


def shown(url):
    """A URL as the command shows it."""
    return url.replace(":secret@", ":***@")


def target_of(database):
    return database.run("select id, name from target order by id")


# ---- files


@pytest.mark.parametrize(
    "suffix", ["csv", "tsv", "csv.gz", "tsv.zst", "jsonl", "ndjson.gz", "json", "json.zst"]
)
def test_a_table_goes_to_a_file_and_back(copy, database, tmp_path, suffix):
    file = tmp_path / f"rows.{suffix}"
    status, out, err = copy(f"{database.url}?table=source", file, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["bytes"] == file.stat().st_size
    assert temporary_files(tmp_path) == []
    options = ("--null", "") if "sv" in suffix and database.kind in ("sqlite", "mysql") else ()
    status, out, err = copy(file, f"{database.url}?table=target", "--json", *options)
    assert (status, err) == (0, "")
    assert json.loads(out)["rows"] == len(ROWS)
    rows = ROWS
    if "sv" in suffix and database.kind != "postgres":
        # CSV that a stage reads has no difference between an empty text and none.
        rows = [(n, name or None) for n, name in ROWS]
    assert target_of(database) == rows


@pytest.mark.parametrize("kind", LOOKS)
def test_a_query_goes_to_csv_as_the_server_writes_it(copy, make, tmp_path, kind):
    database = make(kind)
    file = tmp_path / "rows.csv"
    query = "select id, name from source where id < 3 order by id"
    assert copy(database.url, file, "-q", query)[0] == 0
    assert file.read_bytes() == 'id,name\n0,\n1,""\n2,"name ""2"", \\ ü\n"\n'.encode()
    assert copy(database.url, file, "--query", query, "--no-header", "--null", "NULL")[0] == 0
    assert file.read_bytes() == '0,NULL\n1,\n2,"name ""2"", \\ ü\n"\n'.encode()


def test_a_query_from_a_file(copy, database, tmp_path):
    (tmp_path / "q.sql").write_text("select id -- of those\nfrom source\nwhere id in (7, 8) order by id;\n")
    assert copy(database.url, tmp_path / "rows.jsonl", "-q", f"@{tmp_path / 'q.sql'}")[0] == 0
    assert (tmp_path / "rows.jsonl").read_text().replace(" ", "") == '{"id":7}\n{"id":8}\n'


@pytest.mark.parametrize(
    ("format", "expected"),
    [("csv", "id,name\n"), ("csv --no-header", ""), ("jsonl", ""), ("json", "[]\n")],
)
def test_no_rows(copy, database, tmp_path, format, expected):
    file = tmp_path / "rows"
    status, _, err = copy(f"{database.url}?table=target", file, "--format", *format.split())
    assert (status, err, file.read_text()) == (0, "", expected)
    status, _, err = copy(file, f"{database.url}?table=target", "--format", *format.split())
    assert (status, err, target_of(database)) == (0, "", [])


def test_the_header_names_the_columns(copy, database, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("name,id\nx,1\ny,2\n")
    assert copy(file, f"{database.url}?table=target")[0] == 0
    assert target_of(database) == [(1, "x"), (2, "y")]
    file.write_text("3,z\n")
    assert copy(file, f"{database.url}?table=target", "--no-header")[0] == 0
    assert target_of(database) == [(1, "x"), (2, "y"), (3, "z")]


def test_objects_may_lack_a_name_and_may_not_have_a_new_one(copy, database, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": 1, "name": "x"}\n{"name": "y"}\n')
    assert copy(file, f"{database.url}?table=target")[0] == 0
    assert target_of(database) in ([(1, "x"), (None, "y")], [(None, "y"), (1, "x")])
    file.write_text('{"id": 1}\n{"id": 2, "name": "y"}\n')
    status, _, err = copy(file, f"{database.url}?table=target")
    assert (status, err) == (1, f"forebay: {file}: row 2 has 'name', which the first row does not have\n")
    file.write_text('{"id": 1}\n[2]\n')
    status, _, err = copy(file, f"{database.url}?table=target")
    assert (status, err) == (1, f"forebay: {file}: row 2 is not an object of JSON but [2]\n")
    assert len(target_of(database)) == 2


def test_a_file_is_there_when_it_is_whole(copy, database, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("old")
    query = "select id, 1 / (2400 - id) from source order by id"
    if database.kind == "mysql":
        query = "select id, exp(case when id = 2400 then 1000 else 1 end) from source order by id"
    if database.kind == "duckdb":
        query = (
            "select id, cast(case when id = 2400 then 'x' else '1' end as integer) from source order by id"
        )
    if database.kind == "sqlite":
        query = "select id, case when id = 2400 then json('x') else 1 end from source order by id"
    status, out, err = copy(database.url, file, "-q", query)
    assert (status, out) == (1, "")
    assert err.startswith(f"forebay: {shown(database.url)}: ")
    assert err.count("\n") == 1
    assert file.read_text() == "old"
    assert temporary_files(tmp_path) == []


# ---- tables


@pytest.mark.parametrize("there", LOOKS)
@pytest.mark.parametrize("here", LOOKS)
def test_a_table_goes_to_a_table(copy, make, here, there):
    source, target = make(here), make(there)
    status, out, err = copy(
        f"{source.url}?table=source", f"{target.url}?table=target", "--json", "--batch", "300"
    )
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert data["rows"] == len(ROWS)
    assert data["rows_per_second"] > 0
    assert (data["bytes_read"] is None) == ((here, there) != ("postgres", "postgres"))
    assert (data["bytes"] is None) == (there != "postgres")
    assert target_of(target) == ROWS


def test_tables_of_one_database(copy, database):
    assert copy(f"{database.url}?table=source", f"{database.url}?table=target")[0] == 0
    assert target_of(database) == ROWS
    status, _, err = copy(f"{database.url}?table=source", f"{database.url}?table=source")
    assert (status, err.count("are the same table")) == (1, 1)


VALUES = """
    1 as id, 2.50::numeric as price, '2020-01-02 03:04:05.678'::timestamp as at, '2020-01-02'::date as day, true as yes,
    '\\x00ff'::bytea as blob, '{"a": [1, "x"]}'::jsonb as doc, array['a"\\', null, 'b c'] as words,
    '12345678-1234-5678-1234-567812345678'::uuid as uid, interval '1 day 2 seconds' as span, '{1,2}'::int[] as numbers
"""


def test_types_between_servers_and_files(copy, server, tmp_path):
    server.run(f"create table a as select {VALUES}")
    for name in ("by_copy", "by_csv", "by_json"):
        server.run(f"create table {name} (like a)")
    server.run("create table as_text as select * from a limit 0")
    server.run("alter table as_text alter id type bigint, alter price type varchar, add other int")
    copies = [(f"{server.url}?table=a", f"{server.url}?table={name}") for name in ("by_copy", "as_text")]
    for suffix in ("csv", "json"):
        file = tmp_path / f"a.{suffix}"
        copies += [(f"{server.url}?table=a", file), (file, f"{server.url}?table=by_{suffix}")]
    for ends in copies:
        status, _, err = copy(*ends)
        assert (status, err) == (0, "")
    expected = server.run("select * from a")
    for name in ("by_copy", "by_csv", "by_json"):
        assert server.run(f"select * from {name}") == expected
    (row,) = server.run("select id, price, other, words from as_text")
    assert row == (1, "2.50", None, ['a"\\', None, "b c"])


def test_types_go_to_sqlite_as_what_it_has(copy, server, make):
    target = make("sqlite")
    columns = "id, price numeric, at, day, yes, blob, doc, words, uid, numbers"
    target.run(f"create table a ({columns})")
    query = f"select {columns.replace(' numeric', '')} from (select {VALUES}) as a"
    assert copy(server.url, f"{target.url}?table=a", "-q", query)[0] == 0
    assert target.run("select * from a") == [
        (
            1,
            2.5,
            "2020-01-02 03:04:05.678000",
            "2020-01-02",
            1,
            b"\0\xff",
            '{"a": [1, "x"]}',
            '["a\\"\\\\", null, "b c"]',
            "12345678-1234-5678-1234-567812345678",
            "[1, 2]",
        )
    ]


def test_views_and_generated_columns(copy, server):
    server.run("create view seen as select id, name from source where id < 10")
    server.run("create table made (id int, twice int generated always as (id * 2) stored, name varchar)")
    server.run("create table made_too (like made including generated)")
    assert copy(f"{server.url}?table=seen", f"{server.url}?table=public.made")[0] == 0
    assert copy(f"{server.url}?table=made", f"{server.url}?table=made_too")[0] == 0
    assert server.run("select id, twice, name from made_too order by id") == [
        (n, 2 * n, name) for n, name in ROWS[:10]
    ]


@pytest.mark.parametrize("ends", ["int8 to timestamp", "timestamp to int8"])
def test_types_of_one_size_are_not_mixed_up(copy, server, ends):
    here, there = ends.split(" to ")
    value = "1" if here == "int8" else "'2020-01-01'::timestamp"
    server.run(f"create table a as select {value}::{here} as v")
    server.run(f"create table b (v {there})")
    status, _, err = copy(f"{server.url}?table=a", f"{server.url}?table=b")
    assert status == 1
    assert "invalid input syntax" in err
    assert server.run("select * from b") == []


# ---- standard input and output, the texts


def test_standard_input_and_output(make):
    database = make("sqlite")
    done = forebay("copy", "-", f"{database.url}?table=target", "--format", "csv", input=b"id,name\n1,x\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"copied 1 row from 12 B in ")
    done = forebay("copy", f"{database.url}?table=target", "-", "--format", "jsonl", "--gzip")
    assert done.returncode == 0
    assert json.loads(gzip.decompress(done.stdout)) == {"id": 1, "name": "x"}
    assert done.stderr.startswith(b"copied 1 row, ")
    done = forebay(
        "copy",
        "-",
        f"{database.url}?table=target",
        "--format",
        "csv",
        "--gunzip",
        input=gzip.compress(b"id\n2"),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert target_of(database) == [(1, "x"), (2, None)]


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".bz2"])
def test_the_name_tells_the_compression(make, tmp_path, ending):
    database = make("sqlite")
    (tmp_path / "rows.csv").write_bytes(b"id,name\n1,x\n2,y\n")
    target = f"{database.url}?table=target"
    assert forebay("copy", tmp_path / "rows.csv", target).returncode == 0
    file = tmp_path / f"out.csv{ending}"
    assert forebay("copy", target, file).returncode == 0
    assert (file.read_bytes()[:2] == b"id") == (ending == "")
    for option in ((), ("--decompress",) if ending else ()):
        assert forebay("copy", file, target, *option).returncode == 0
    done = forebay("copy", target, "-", "--format", "csv", "--compress", "xz")
    assert lzma.decompress(done.stdout).count(b"\n") == 7
    assert forebay("copy", "-", target, "--format", "csv", "--decompress", input=done.stdout).returncode == 0
    assert len(target_of(database)) == 12


def test_progress_has_rows(make):
    database = make("sqlite")
    query = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
    with started_copy(database.url, os.devnull, "-q", query, "--format", "csv", "--progress") as process:
        line = process.stderr.readline().decode()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    rows, rows_rate, size, rate = line.rstrip("\n").rsplit(", ", 3)
    assert rows.endswith(" rows")
    assert rows_rate.endswith(" rows/s")
    assert size.endswith("iB")
    assert rate.endswith("iB/s")


def test_the_summary_counts_rows(copy, make):
    source, target = make("sqlite"), make("duckdb")
    _, out, _ = copy(f"{source.url}?table=source", f"{target.url}?table=target")
    first, second = out.splitlines()
    assert first.startswith("copied 2,500 rows in ")
    assert first.endswith(" rows/s")
    assert " rows of 1,000 rows (" in second


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.csv", "b.csv", "--format", "csv"], "--format is for a copy from or to a database"),
        (["a.csv", "b.csv", "-q", "select 1"], "--query is for a copy from a database"),
        (["a.csv", "sqlite:{db}?table=target", "-q", "select 1"], "--query is for a copy from a database"),
        (["a.csv", "sqlite:{db}"], "give the table"),
        (["sqlite:{db}", "b.csv"], "give ?table=NAME, or --query"),
        (["sqlite:{db}?table=source", "b.csv", "-q", "select 1"], "give one of both"),
        (["sqlite:{db}", "b.csv", "-q", " ; "], "the query is empty"),
        (["sqlite:{db}?table=a&table=b", "b.csv"], "the table is given twice"),
        (["sqlite:{db}?table=a b", "b.csv"], "must be the name of a table"),
        (["sqlite:{db}?table=source&mode=ro", "b.csv"], "has the parameter 'table' only"),
        (["sqlite://host/{db}?table=source", "b.csv"], "names a host"),
        (["sqlite:{db}?table=source", "b.txt"], "give --format"),
        (["sqlite:{db}?table=source", "csv"], "give --format"),
        (["sqlite:{db}?table=source", "-"], "give --format"),
        (["sqlite:{db}?table=source", "b.csv", "--gunzip"], "--gunzip does not fit"),
        (["a.csv", "sqlite:{db}?table=target", "--gzip"], "--gzip does not fit"),
        (["a.csv", "sqlite:{db}?table=target", "--hash", "md5"], "--hash is for bytes"),
        (["sqlite:{db}?table=source", "b.jsonl", "--null", "x"], "--null is for CSV"),
        (["sqlite:{db}?table=source", "sqlite:{db}?table=target", "--no-header"], "--header is for a file"),
        (
            ["sqlite:{db}?table=source", "sqlite:{db}?table=target", "--throttle", "1MB"],
            "there are only rows",
        ),
        (["sqlite:{db}?table=source", "b.csv", "--batch", "0"], "'0' is not a number of 1 or more"),
        (["sqlite:{db}?table=source", "b.csv", "--format", "xml"], "invalid choice"),
        (["postgres://u:geh/eim@host/db?table=t", "b.csv"], "write / as %2F"),
    ],
)
def test_usage_errors(copy, make, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("id,name\n")
    path = make("sqlite").path
    status, out, err = copy(*(argument.replace("{db}", path) for argument in arguments))
    assert (status, out) == (2, "")
    assert words in err
    assert "geh" not in err
    assert not (tmp_path / "b.csv").exists()


# ---- what fails


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_missing_file_is_not_made(copy, tmp_path, kind):
    missing = tmp_path / "missing.db"
    for ends in (
        (f"{kind}:{missing}?table=t", tmp_path / "b.csv"),
        (os.devnull, f"{kind}:{missing}?table=t"),
    ):
        status, out, err = copy(*ends, "--format", "csv")
        assert (status, out, err) == (
            1,
            "",
            f"forebay: {kind}:{missing}?table=t: No such file or directory\n",
        )
    assert os.listdir(tmp_path) == []


def test_a_missing_table(copy, database, tmp_path):
    (tmp_path / "a.csv").write_text("id\n1\n")
    url = f"{database.url}?table=missing"
    for ends in ((url, tmp_path / "b.csv"), (tmp_path / "a.csv", url), (f"{database.url}?table=source", url)):
        status, out, err = copy(*ends)
        assert (status, out) == (1, "")
        assert err.startswith(f"forebay: {shown(url)}: ")
        assert "missing" in err.removeprefix(f"forebay: {shown(url)}: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "b.csv").exists()


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "json"])
def test_broken_input_leaves_no_row(copy, database, tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    assert copy(f"{database.url}?table=source", file)[0] == 0
    data = file.read_bytes()
    end = {"csv": b'5000,"x\n', "jsonl": b'{"id": \n', "json": b""}
    file.write_bytes(
        data[:-20]
        if suffix == "csv.gz"
        else data[:-3] + end[suffix]
        if suffix == "json"
        else data + end[suffix]
    )
    status, out, err = copy(file, f"{database.url}?table=target")
    assert (status, out) == (1, "")
    assert err.startswith("forebay: ")
    assert err.count("\n") == 1
    assert target_of(database) == []


@pytest.mark.parametrize("text", ["id,name\n1,x\nten,y\n", "id,name\n1,x\n2\n", "id,other\n1,2\n"])
@pytest.mark.parametrize("kind", ["postgres", "duckdb"])
def test_values_that_do_not_fit_leave_no_row(copy, make, tmp_path, kind, text):
    database = make(kind)
    file = tmp_path / "a.csv"
    file.write_text(text)
    status, out, err = copy(file, f"{database.url}?table=target")
    assert (status, out, err.count("\n")) == (1, "", 1)
    if kind == "postgres" and "ten" in text:
        assert "COPY target, line 3, column id" in err
    assert target_of(database) == []


def test_a_full_disk(copy, database):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    status, out, err = copy(f"{database.url}?table=source", "/dev/full", "--format", "csv")
    assert (status, out, err) == (1, "", "forebay: /dev/full: No space left on device\n")


def test_the_reader_of_the_output_goes_away(make):
    database = make("sqlite")
    query = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
    with started_copy(database.url, "-", "-q", query, "--format", "csv") as process:
        assert process.stdout.read(10_000)
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


# ---- passwords


@pytest.fixture
def locked(server):
    """A function that makes the URL of a user who needs the password "s3cret/word"."""
    user = f"locked_{uuid.uuid4().hex[:8]}"
    server.run(f"create role {user} login password 's3cret/word'")
    server.run(f"grant select on source to {user}")
    ((name,),) = server.run("show hba_file")
    file = Path(name)
    before = file.read_text()
    file.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{before}")
    server.run("select pg_reload_conf()")
    parts = urlsplit(server.url)
    yield lambda password: parts._replace(netloc=f"{user}:{password}@127.0.0.1:{parts.port}").geturl()
    file.write_text(before)
    server.run("select pg_reload_conf()")


def test_a_password_is_not_shown(copy, locked, tmp_path):
    export = (f"{locked('s3cret%2Fword')}?table=source", tmp_path / "a.csv", "--json")
    # The server may take a moment to read its settings.
    assert eventually(lambda: copy(*export)[0] == 0, seconds=10)
    _, out, err = copy(*export)
    assert "s3cret" not in out + err
    assert json.loads(out)["source"].count(":***@") == 1
    for url in (
        locked("wr0ng%2Fone"),
        locked("wr0ng"),
        locked("wr0ng").replace("/copy_", "/missing_"),
        locked("wr0ng").replace("127.0.0.1", "nowhere.invalid"),
        locked("wr0ng").replace("127.0.0.1", "[::1"),
        f"{locked('x')}?password=wr0ng".replace("x@", "@"),
        locked("wr0ng").replace("postgresql:", "postgresql+nodriver:"),
        f"{locked('wr0ng')}?sslmode=wr0ng",
    ):
        table = f"{url}{'&' if '?' in url else '?'}table=source"
        for arguments in (
            (url, tmp_path / "b", "-q", "select 1", "--json"),
            (os.devnull, table, "--no-header"),
        ):
            status, out, err = copy(*arguments, "--format", "csv")
            assert status in (1, 2)
            assert "wr0ng" not in out + err
            assert err.startswith("forebay: ")
            assert err.count("\n") == 1


# ---- signals, and worse


@contextlib.contextmanager
def started_copy(*args):
    process = started("copy", *args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)
        for file in (process.stdin, process.stdout, process.stderr):
            file.close()


def statements(server, words):
    return server.run(
        f"select pid from pg_stat_activity where query like '%{words}%' and pid <> pg_backend_pid() and state <> 'idle'"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_signal_cancels_the_query(server, tmp_path, number, format):
    query = "select id, pg_sleep(60) from source order by id"
    with started_copy(server.url, tmp_path / "b", "-q", query, "--format", format) as process:
        assert eventually(lambda: statements(server, "pg_sleep(60)"))
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + number, b"", b"")
    assert eventually(lambda: not statements(server, "pg_sleep(60)"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("kind", LOOKS)
def test_a_load_that_is_stopped_leaves_no_row(make, number, kind):
    database = make(kind)
    lines = b"".join(b"%d,name\n" % n for n in range(200_000))
    with started_copy("-", f"{database.url}?table=target", "--format", "csv") as process:
        # It has taken most of it when this returns.
        process.stdin.write(b"id,name\n" + lines)
        process.stdin.flush()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert (out, err) == (b"", b"")
    if kind == "postgres":
        assert eventually(lambda: not statements(database, "COPY"))
    assert target_of(database) == []
