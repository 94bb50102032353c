"""Sockets. A listening program prints its port first and serves one connection."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Writable, create_read_stream, net, next_tick, once

HOST = "127.0.0.1"
MIB = 1024 * 1024


@program("net-pipe")
async def net_pipe(bench: Bench, len: int, seconds: float) -> None:
    """Send chunks to an echo server in this process; the rate is MiB/s in each direction."""
    received = 0

    def take(chunk: Any) -> None:
        nonlocal received
        received += chunk.__len__()

    server = await net.create_server(lambda socket: socket.pipe(socket)).listen(0, HOST)
    socket = await net.connect(server.port, HOST)
    chunk = b"x" * len

    def flow() -> None:
        if socket.write(chunk):
            next_tick(flow)
        else:
            socket.once("drain", flow)

    bench.start()
    flow()
    socket.pipe(Writable(write=take))
    asyncio.get_running_loop().call_later(seconds, lambda: bench.end(2 * received / MIB))


@program("net-proxy")
async def net_proxy(bench: Bench, port: int, look: str = "no") -> None:
    """Forward one connection to a port, in MB/s. With ``look=yes`` a listener sees the bytes."""
    server = await net.create_server(allow_half_open=True).listen(0, HOST)
    print(server.port, flush=True)
    (client,) = await once(server, "connection")
    upstream = await net.connect(port, HOST, allow_half_open=True)
    bench.start()
    if look == "yes":
        client.on("data", lambda chunk: None)
    client.pipe(upstream)
    upstream.pipe(client)
    upstream.on("finish", lambda: bench.end(client.bytes_read / 1e6))


@program("net-send-file")
async def net_send_file(bench: Bench, source: str, look: str = "no") -> None:
    """Send a file to one connection, in MB/s."""
    server = await net.create_server().listen(0, HOST)
    print(server.port, flush=True)
    (client,) = await once(server, "connection")
    bench.start()
    reader = create_read_stream(source)
    if look == "yes":
        reader.on("data", lambda chunk: None)
    reader.pipe(client)
    client.on("finish", lambda: bench.end(client.bytes_written / 1e6))


@program("net-idle")
async def net_idle(bench: Bench, n: int) -> None:
    """Bytes that Python allocates for each of ``n`` accepted connections on which nothing happens."""
    everybody = asyncio.get_running_loop().create_future()

    def accept(socket: net.Socket) -> None:
        if server.connections == n:
            everybody.set_result(None)

    server = await net.create_server(accept).listen(0, HOST)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    print(server.port, flush=True)
    bench.start()
    await everybody
    await asyncio.sleep(0.1)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    bench.report({"rate": (after - before) / n, "cpu_seconds": 0.0})
