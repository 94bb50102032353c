import asyncio
import sqlite3

import asyncpg
import duckdb
import pyarrow
import pyarrow.parquet

from forebay import net, pipeline

pool = await stack.enter_async_context(asyncpg.create_pool("postgresql://localhost/shop"))
await pool.execute("drop table if exists users; create table users (id int, name text)")
await pool.execute("insert into users values (1, 'ada'), (2, 'grace')")
with duckdb.connect("shop.duckdb") as shop:
    shop.execute(
        "create table orders as select range as id, 2026 as year, 1.5::double as total from range(100)"
    )
with sqlite3.connect("shop.db") as lite:
    lite.execute("create table totals (id, total)")
    lite.execute("create table users (id, name)")
lite.close()
with duckdb.connect("two.duckdb") as two:
    two.execute("create table a as select 1 as x; create table b (x int)")


async def echo(socket):
    await pipeline(socket, socket)


await stack.enter_async_context(await net.create_server(echo).listen(8000, "127.0.0.1"))
