"""sql.copy_out and sql.copy_in: tables and queries as bytes, by PostgreSQL's COPY."""

import asyncio
import csv

import pytest

import forebay
from forebay import Writable, consumers, fs, pipeline, sql
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.sql._urls import without_password
from support.databases import Postgres, closed, connected

asyncpg = pytest.importorskip("asyncpg")


@pytest.fixture
def server(postgres):
    return Postgres(postgres, asyncpg)


NAMES = [(n, f"name {n}") for n in range(5000)]


def test_a_query_becomes_csv(run, server, tmp_path):
    async def main():
        async with connected(server) as connection:
            source = sql.copy_out(connection, "select id, name from numbers where id < $1 order by id", 3)
            assert await consumers.text(source) == "0,name 0\n1,name 1\n2,name 2\n"
            assert source.connection_state == "usable"

    run(main)


def test_a_table_becomes_a_file(run, server, tmp_path):
    async def main():
        async with connected(server):
            path = tmp_path / "numbers.csv"
            source = sql.copy_out(server.url, "numbers", header=True, delimiter=";")
            await pipeline(source, fs.create_write_stream(path))
            with path.open(newline="") as file:
                rows = list(csv.reader(file, delimiter=";"))
            assert rows[0] == ["id", "name"]
            assert sorted((int(n), name) for n, name in rows[1:]) == NAMES
            assert source.bytes_read == path.stat().st_size

    run(main)


@pytest.mark.parametrize("format", ["csv", "text", "binary"])
def test_a_table_goes_to_another_one(run, server, format):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target", format=format)
            await pipeline(sql.copy_out(server.url, "numbers", format=format), sink)
            assert sink.rows_committed == 5000
            assert await server.rows(connection, "select * from target order by id") == NAMES

    run(main)


def test_a_slow_reader_makes_the_server_wait(run, server):
    async def main():
        async with connected(server) as connection:
            source = sql.copy_out(connection, "select repeat('x', 1000) from generate_series(1, 50000)")
            source.on("readable", lambda: None)
            await asyncio.sleep(0.3)
            # 50 MB are on the server; here is the mark and a block.
            assert source.bytes_read < 2_000_000
            await source.aclose()
            assert await server.rows(connection, "select 1") == [(1,)]

    run(main)


def test_leaving_early_leaves_the_connection_usable(run, server):
    async def main():
        async with connected(server) as connection:
            async with sql.copy_out(connection, "select * from generate_series(1, 1000000)") as source:
                async for _ in source:
                    break
            assert source.connection_state == "usable"
            assert await server.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_failing_sink_leaves_a_transaction_of_the_program_usable(run, server):
    async def main():
        def write(chunk):
            raise ValueError("full")

        async with connected(server) as connection:
            await server.begin(connection)
            source = sql.copy_out(connection, "select * from generate_series(1, 1000000)")
            with pytest.raises(ValueError, match="full"):
                await pipeline(source, Writable(write=write))
            await closed(source)
            assert await server.rows(connection, "select 1") == [(1,)]
            await server.rollback(connection)

    run(main)


def test_bytes_that_the_server_refuses_leave_no_row(run, server):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target")
            with pytest.raises(asyncpg.PostgresError) as caught:
                await pipeline([b"1,one\n2,two\n", b"three,3\n"], sink)
            assert caught.value.__notes__[0].startswith("in copy_in 'target', after ")
            await closed(sink)
            assert await server.rows(connection, "select * from target") == []
            assert not server.in_transaction(connection)

    run(main)


@pytest.mark.parametrize("chunks", [0, 1, 5])
def test_a_source_that_fails_leaves_no_row(run, server, chunks):
    def source():
        for at in range(chunks):
            yield b"%d,name\n" % at
        raise ValueError("the source fails")

    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target")
            with pytest.raises(ValueError, match="the source fails"):
                await pipeline(source(), sink)
            await closed(sink)
            assert sink.connection_state == "usable"
            assert await server.rows(connection, "select * from target") == []

    run(main)


def test_no_bytes_are_no_rows(run, server):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target")
            sink.end()
            await forebay.finished(sink)
            assert sink.rows_committed == 0

    run(main)


def test_a_server_that_goes_away_fails_the_stream(run, server):
    # The driver leaves a future of its own without a reader when the connection is lost.
    run.errors_wanted = True

    async def main():
        async with connected(server) as connection, connected(server) as other:
            (pid,) = (await server.rows(connection, "select pg_backend_pid()"))[0]
            sink = sql.copy_in(connection, "target")
            sink.write(b"1,one\n")
            await asyncio.sleep(0.2)
            await server.rows(other, f"select pg_terminate_backend({pid})")
            errors = []
            sink.on("error", errors.append)
            sink.write(b"2,two\n")
            sink.end()
            async with asyncio.timeout(6):
                await closed(sink)
            assert len(errors) == 1
            assert sink.connection_state == "discarded"
            assert await server.rows(other, "select * from target") == []

    run(main)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"format": "json"}, InvalidArgValueError, "format must be one of 'csv', 'text', 'binary'"),
        ({"header": 1}, InvalidArgTypeError, "header must be True or False"),
        ({"delimiter": ";;"}, InvalidArgValueError, "delimiter must be one single-byte character"),
        ({"null": 0}, InvalidArgTypeError, "null must be a str"),
        ({"format": "binary", "header": True}, InvalidArgValueError, "has no header"),
    ],
)
@pytest.mark.parametrize("make", [sql.copy_out, sql.copy_in])
def test_a_wrong_option_is_named(run, make, options, error, message):
    async def main():
        with pytest.raises(error, match=message):
            make("postgresql://nowhere/", "target", **options)

    run(main)


def test_a_database_without_copy_says_so(run, tmp_path):
    path = tmp_path / "x.db"
    path.touch()

    async def main():
        with pytest.raises(InvalidArgValueError, match=r"copy_out\(\) is not available for sqlite3"):
            await consumers.text(sql.copy_out(f"sqlite:{path}", "target"))

    run(main)


# ---- columns from the header line


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        (b"name,id\nx,1\n,2\n", None),
        (b'\xef\xbb\xbf"name","id"\r\n"x",1\r\n,2\r\n', None),
        (b"name\tid\nx\t1\n\t2", "\t"),
    ],
    ids=["plain", "quoted", "tabs"],
)
def test_the_header_line_names_the_columns(run, server, size, data, delimiter):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target", header="columns", delimiter=delimiter)
            source = forebay.Readable.from_([data[at : at + size] for at in range(0, len(data), size)])
            await pipeline(source, sink)
            assert (sink.rows_committed, sink.bytes_written) == (2, len(data))
            rows = await server.rows(connection, "select id, name from target order by id")
            assert rows == [(1, "x"), (2, None)]

    run(main)


def test_a_name_in_the_header_line_may_have_a_line_feed(run, server):
    async def main():
        async with connected(server) as connection:
            await connection.execute('create temp table odd("a\n""b" int, c int)')
            sink = sql.copy_in(connection, "odd", header="columns")
            await pipeline([b'c,"a\n', b'""b"\n2,1\n'], sink)
            assert await server.rows(connection, "select * from odd") == [(1, 2)]

    run(main)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id,other\n1,2\n", 'column "other"'),
        (b"id,id\n1,2\n", "has a column twice"),
        (b"\n1,2\n", "first line is empty"),
        (b"id,n\xe4me\n1,2\n", "not CSV in UTF-8"),
        (b'"id,name\n1,2\n', "not CSV in UTF-8"),
        (b"id,other", 'column "other"'),
    ],
)
def test_a_header_line_that_does_not_fit(run, server, data, words):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target", header="columns")
            with pytest.raises(Exception, match=words):
                await pipeline([data], sink)
            await closed(sink)
            assert sink.connection_state == "usable"
            assert await server.rows(connection, "select * from target") == []

    run(main)


@pytest.mark.parametrize("data", [b"", b"name", b"name,id\n"])
def test_a_header_line_without_rows(run, server, data):
    async def main():
        async with connected(server) as connection:
            sink = sql.copy_in(connection, "target", header="columns")
            await pipeline([data] if data else [], sink)
            assert sink.rows_committed == 0

    run(main)


def test_what_does_not_go_with_columns_from_the_header_line(server):
    with pytest.raises(InvalidArgValueError, match="is for format"):
        sql.copy_in(server.url, "target", header="columns", format="text")
    with pytest.raises(InvalidArgValueError, match="leave columns out"):
        sql.copy_in(server.url, "target", header="columns", columns=("id",))
    with pytest.raises(InvalidArgTypeError, match="header must be"):
        sql.copy_in(server.url, "target", header="names")


# ---- URLs as they are shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p%40w@h/db?a=b", "postgresql://u:***@h/db?a=b"),
        ("postgresql://u:p/w@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p?w#x@h/db", "postgresql://u:***@h/db"),
        ("postgresql:///db?user=u&pass%77ord=x&a=b", "postgresql:///db?user=u&pass%77ord=***&a=b"),
        ("postgresql://h:5432/db", "postgresql://h:5432/db"),
        ("postgresql://u@h:5432/db", "postgresql://u@h:5432/db"),
        ("sqlite:a.db", "sqlite:a.db"),
        ("a.db", "a.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown
