import asyncpg

import forebay.asyncio

(folder / "big.bin").write_bytes(bytes(200_000))
connection = await asyncpg.connect("postgresql://localhost/shop")
for table in ("orders (id int, year int)", "users (id int, name text)", "people (id int, name text)"):
    await connection.execute(f"drop table if exists {table.split()[0]}; create table {table}")
await connection.execute("insert into users values (1, 'ada')")
await connection.close()
stack.callback(forebay.asyncio.uninstall)
