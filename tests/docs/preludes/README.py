import asyncpg

import forebay
import forebay.asyncio
from forebay import Writable, create_read_stream, create_write_stream

(folder / "big.bin").write_bytes(bytes(200_000))
rows = [b"one\n", b"two\n"]
sink = Writable(write=lambda chunk: None)


async def change(people):
    async for person in people:
        yield {"id": person["id"], "name": person["name"].upper()}


pool = await stack.enter_async_context(asyncpg.create_pool("postgresql://localhost/shop"))
for table in ("orders (id int, year int)", "users (id int, name text)", "people (id int, name text)"):
    await pool.execute(f"drop table if exists {table.split()[0]}; create table {table}")
await pool.execute("insert into users values (1, 'ada')")
stack.callback(forebay.asyncio.uninstall)
