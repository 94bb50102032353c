"""Scenarios of sockets: `net`, TLS and the replacement of asyncio's streams."""

import asyncio
import ssl

import forebay
from faults.place import DATA, Later, Place, heard
from forebay import asyncio as drop_in
from forebay import fs, net, pipeline


async def served(place: Place, listener, **options) -> net.Server:
    """A server whose connections report their errors to the place."""

    def connected(socket: net.Socket) -> object:
        socket.on("error", place.errors.append)
        return listener(socket)

    server = net.create_server(connected, **options)
    server.on("error", place.errors.append)
    return await server.listen(0, "127.0.0.1")


async def echoed(place: Place, server: net.Server, **options) -> bytes:
    """Send the data to a server that sends it back."""
    async with server:
        socket = await net.connect(server.port, "127.0.0.1", **options)
        try:
            sent = asyncio.ensure_future(pipeline(forebay.Readable.from_([DATA]), socket))
            try:
                got = b"".join([chunk async for chunk in socket])
            except BaseException:
                sent.cancel()
                await asyncio.wait([sent])
                heard(sent)
                raise
            await sent
            return got
        finally:
            socket.destroy()


async def echo(place: Place) -> bytes:
    server = await served(place, lambda socket: socket.pipe(socket), allow_half_open=True)
    return await echoed(place, server, allow_half_open=True)


async def tls_echo(place: Place) -> bytes:
    server = await served(
        place, lambda socket: socket.pipe(socket), ssl=place.server_tls(), allow_half_open=True
    )
    return await echoed(place, server, ssl=place.client_tls(), allow_half_open=True)


async def proxy(place: Place) -> bytes:
    behind = await served(place, lambda socket: socket.pipe(socket), allow_half_open=True)

    async def passed_on(socket: net.Socket) -> None:
        try:
            other = await net.connect(behind.port, "127.0.0.1", allow_half_open=True)
        except OSError as error:
            place.errors.append(error)
            socket.destroy()
            return
        if socket.destroyed:
            other.destroy()
            return
        other.on("error", place.errors.append)
        other.on("close", socket.destroy)
        socket.on("close", other.destroy)
        socket.pipe(other).pipe(socket)

    async with behind:
        front = await served(place, passed_on, allow_half_open=True)
        return await echoed(place, front, allow_half_open=True)


async def file_to_socket(place: Place) -> bytes:
    def send(socket: net.Socket) -> None:
        source = fs.create_read_stream(place.source)
        source.on("error", place.errors.append)
        source.on("error", socket.destroy)
        socket.on("close", source.destroy)
        source.pipe(socket)

    async with await served(place, send) as server:
        socket = await net.connect(server.port, "127.0.0.1")
        return b"".join([chunk async for chunk in socket])


async def socket_to_file(place: Place) -> Later:
    def send(socket: net.Socket) -> None:
        socket.end(DATA)

    async with await served(place, send) as server:
        socket = await net.connect(server.port, "127.0.0.1")
        await pipeline(socket, fs.create_write_stream(place.target))
    # Without an error of the sender, TCP says whether all has come.
    return place.arrived


async def asyncio_echo(place: Place) -> bytes:
    return await echoed_by_asyncio(place)


async def asyncio_tls_echo(place: Place) -> bytes:
    """TLS cannot be ended in one direction, so each message has its length in front."""
    return await echoed_by_asyncio(place, place.server_tls(), place.client_tls())


async def echoed_by_asyncio(
    place: Place, server_tls: ssl.SSLContext | None = None, client_tls: ssl.SSLContext | None = None
) -> bytes:
    async def answer(reader, writer) -> None:
        try:
            length = int(await reader.readline())
            while length:
                block = await reader.read(30_000)
                if not block:
                    raise EOFError("the client has gone")
                length -= len(block)
                writer.write(block)
                await writer.drain()
            await reader.read()
        except Exception as error:
            place.errors.append(error)
        finally:
            writer.close()

    server = await drop_in.start_server(answer, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        if not server.sockets:
            raise OSError("asyncio could not listen")
        address = server.sockets[0].getsockname()
        reader, writer = await drop_in.open_connection(*address, ssl=client_tls)
        try:
            writer.write(b"%d\n" % len(DATA) + DATA)
            return await reader.readexactly(len(DATA))
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError as error:
                place.errors.append(error)


SCENARIOS = (
    echo,
    tls_echo,
    proxy,
    file_to_socket,
    socket_to_file,
    asyncio_echo,
    asyncio_tls_echo,
)
