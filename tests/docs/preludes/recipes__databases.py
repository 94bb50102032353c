import sqlite3

import asyncpg

(folder / "prices.csv").write_text("name,price\ntea,2.5\nmilk,1.2\n")
with sqlite3.connect("shop.db") as lite:
    lite.execute("create table users (id, name)")
    lite.execute("create table copied (id, name)")
    lite.execute("insert into users values (1, 'ada'), (2, 'grace')")
lite.close()
connection = await asyncpg.connect("postgresql://localhost/shop")
await connection.execute("""
    drop table if exists prices, keyed;
    create table prices (name text, price float8);
    create table keyed (name text primary key, price int);
    insert into keyed values ('tea', 2);
""")
await connection.close()
stack.push_async_callback(lambda: pool.close())
