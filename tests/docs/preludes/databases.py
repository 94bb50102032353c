import sqlite3

import asyncpg

from forebay import codecs, fs, pipeline, sql

TABLES = """
    drop table if exists orders, users, visits, countries;
    create table orders (id int, year int, total int);
    create table users (id int, name text);
    create table visits (id int, ip text);
    create table countries (id int, country text);
    insert into orders select n, 2026, n * 10 from generate_series(1, 200) n;
    insert into users values (1, 'ada'), (2, 'grace');
    insert into visits values (1, '127.0.0.1'), (2, '127.0.0.2');
"""
pool = await asyncpg.create_pool("postgresql://localhost/shop", min_size=1, max_size=3)
await pool.execute(TABLES)
stack.push_async_callback(pool.close)
stack.push_async_callback(lambda: pool.close())  # that of the page
stack.push_async_callback(lambda: connection.close())
stack.push_async_callback(lambda: other_pool.close())
for name in ("users.db", "shop.db"):
    with sqlite3.connect(name) as file:
        file.execute("create table users (id integer, name text)")
        file.execute("insert into users values (1, 'ada')")
    file.close()
await pipeline(
    sql.copy_out(pool, "select 1, 2026, 5", header=True),
    codecs.gzip(),
    fs.create_write_stream("orders.csv.gz"),
)

stack.push_async_callback(lambda: server.aclose())
stack.push_async_callback(lambda: users.aclose())
stack.push_async_callback(lambda: visits.aclose())
