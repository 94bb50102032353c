"""Scenarios of databases: SQLite, and a server of PostgreSQL with two drivers.

The drivers open their connections themselves, so no call fails before that.
"""

import sqlite3
from contextlib import closing

import asyncpg
import psycopg

import forebay
from faults.place import DATA, ROWS, Later, Place
from forebay import fs, pipeline, sql
from forebay.formats import csv


async def rows_out(place: Place) -> Later:
    with closing(sqlite3.connect(place.folder / "source.db", check_same_thread=False)) as connection:
        query = sql.query(connection, "select id, name from source order by id")
        await pipeline(query, csv.stringify(header=False), fs.create_write_stream(place.target))
    return lambda: line_by_line(place)


async def rows_in(place: Place) -> bytes:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.execute("create table target (id int, name text)")
        connection.commit()
        try:
            await pipeline(forebay.Readable.from_(ROWS), sql.insert(connection, "target"))
        except BaseException:
            # A cancellation during the commit does not undo it.
            assert connection.execute("select count(*) from target").fetchone() in ((0,), (len(ROWS),))
            raise
        assert connection.execute("select * from target order by id").fetchall() == ROWS
    return DATA


def line_by_line(place: Place) -> bytes:
    """DATA, if all rows have arrived."""
    lines = place.arrived().decode().splitlines()
    return DATA if lines == [f"{number},{name}" for number, name in ROWS] else b""


async def asyncpg_connection(place: Place) -> asyncpg.Connection:
    connection = await asyncpg.connect(place.postgres, timeout=None)
    await connection.execute("create temporary table target (id int, name text)")
    place.begin()
    return connection


async def asyncpg_rows_in_and_out(place: Place) -> bytes:
    connection = await asyncpg_connection(place)
    try:
        await pipeline(forebay.Readable.from_(ROWS), sql.insert(connection, "target"))
        got = await sql.query(connection, "select id, name from target order by id", rows=tuple).to_list()
    finally:
        connection.terminate()
    return DATA if got == ROWS else b""


async def asyncpg_copies(place: Place) -> Later:
    connection = await asyncpg_connection(place)
    try:
        source = forebay.Readable.from_([f"{number},{name}\n".encode() for number, name in ROWS])
        await pipeline(source, sql.copy_in(connection, "target"))
        await pipeline(sql.copy_out(connection, "target"), fs.create_write_stream(place.target))
    finally:
        connection.terminate()
    return lambda: line_by_line(place)


async def psycopg_rows_in_and_out(place: Place) -> bytes:
    connection = await psycopg.AsyncConnection.connect(place.postgres)
    try:
        await connection.execute("create temporary table target (id int, name text)")
        place.begin()
        await pipeline(forebay.Readable.from_(ROWS), sql.insert(connection, "target"))
        got = await sql.query(connection, "select id, name from target order by id", rows=tuple).to_list()
    finally:
        await connection.close()
    return DATA if got == ROWS else b""


async def blocking_rows_in_and_out(place: Place) -> bytes:
    """A connection whose calls run in a thread."""
    connection = psycopg.connect(place.postgres)
    try:
        connection.execute("create temporary table target (id int, name text)")
        place.begin()
        await pipeline(forebay.Readable.from_(ROWS), sql.insert(connection, "target"))
        got = await sql.query(connection, "select id, name from target order by id", rows=tuple).to_list()
    finally:
        connection.close()
    return DATA if got == ROWS else b""


SCENARIOS = (rows_out, rows_in)
#: Scenarios that need a server of PostgreSQL.
OF_POSTGRES = (asyncpg_rows_in_and_out, asyncpg_copies, psycopg_rows_in_and_out, blocking_rows_in_and_out)
