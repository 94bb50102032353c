import asyncpg

from forebay import fs, pipeline, sql

url = "postgresql://localhost/shop"
connection = await asyncpg.connect(url)
await connection.execute("""
    drop table if exists orders, users, people;
    create table orders (id int, year int, total int);
    create table users (id int, name text);
    create table people (id int, name text);
    insert into users values (1, 'ada'), (2, 'grace');
""")
await connection.close()
