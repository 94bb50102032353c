from forebay import net, pipeline


async def close():
    await socket.aclose()
    await server.aclose()


stack.push_async_callback(close)
