import asyncio

import forebay.asyncio
from forebay import pipeline

stack.callback(forebay.asyncio.uninstall)
path = folder / "some.txt"
path.write_text("one\ntwo\n")
host, port = "127.0.0.1", 8000


async def answer(reader, writer):
    writer.write(b"one\ntwo\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


server = await asyncio.start_server(answer, host, port)
stack.callback(server.close)
reader = forebay.asyncio.StreamReader()
reader.feed_data(b"one\ntwo\n")
reader.feed_eof()
