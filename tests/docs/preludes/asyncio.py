import asyncio

import forebay.asyncio

stack.callback(forebay.asyncio.uninstall)
(folder / "some.txt").write_text("one\ntwo\n")


async def answer(reader, writer):
    writer.write(b"one\ntwo\n")
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()


server = await asyncio.start_server(answer, "127.0.0.1", 8000)
stack.callback(server.close)
