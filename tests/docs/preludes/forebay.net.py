from forebay import net


async def close():
    await socket.aclose()
    await server.aclose()


stack.push_async_callback(close)
