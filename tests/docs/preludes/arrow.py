import asyncio
import sqlite3

import asyncpg
import duckdb
import pyarrow
import pyarrow.parquet

from forebay import Writable, duplex_pair, pipeline, sql
from forebay.formats import arrow

pool = await stack.enter_async_context(asyncpg.create_pool("postgresql://localhost/shop"))
await pool.execute("drop table if exists users; create table users (id int, name text)")
await pool.execute("insert into users values (1, 'ada'), (2, 'grace')")
with duckdb.connect("shop.duckdb") as shop:
    shop.execute(
        "create table orders as select range as id, 2026 as year, 1.5::double as total from range(100)"
    )
with sqlite3.connect("shop.db") as lite:
    lite.execute("create table totals (id, total)")
lite.close()
connection = duckdb.connect("two.duckdb")
stack.callback(connection.close)
connection.execute("create table a as select 1 as x; create table b (x int)")
socket, peer = duplex_pair()
peer.pipe(peer)  # what is sent comes back
show = Writable(write=lambda row: None, object_mode=True)
source = [{"id": 1, "price": 2, "note": "x"}]
