"""The scenarios that run while a system call fails: each moves known bytes, and says what arrived."""

from faults import database_scenarios, file_scenarios, http_scenarios, socket_scenarios

__all__ = [
    "ATOMIC",
    "LEAKING_IN_ASYNCIO",
    "OF_ASYNCIO",
    "OF_ASYNCPG",
    "OF_POSTGRES",
    "OF_UVLOOP",
    "SCENARIOS",
    "UNTRUE",
]

#: The scenarios that need a server of PostgreSQL.
OF_POSTGRES = {scenario.__name__ for scenario in database_scenarios.OF_POSTGRES}
SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        *file_scenarios.SCENARIOS,
        *socket_scenarios.SCENARIOS,
        *http_scenarios.SCENARIOS,
        *database_scenarios.SCENARIOS,
        *database_scenarios.OF_POSTGRES,
    )
}
#: Scenarios in which asyncio itself leaves a socket open when it is cancelled.
LEAKING_IN_ASYNCIO = {"asyncio_echo", "asyncio_tls_echo", "websocket_echo"}
#: Functions whose errors asyncio itself reports to the loop or does not survive, in the scenarios that use its sockets.
OF_ASYNCIO = {
    **{
        name: {"listen", "accept", "accept4", "setsockopt", "close", "epoll_ctl"}
        for name in LEAKING_IN_ASYNCIO
    },
    **{name: {"setsockopt", "close", "epoll_ctl"} for name in ("asyncpg_rows_in_and_out", "asyncpg_copies")},
}
#: Functions without which libuv ends the process.
OF_UVLOOP = {"syscall", "epoll_ctl"}
#: Functions that uvloop calls for asyncpg, which goes on to write to a connection that uvloop has closed.
OF_ASYNCPG = {name: {"read", "write", "writev"} for name in ("asyncpg_rows_in_and_out", "asyncpg_copies")}
#: Errors that cannot come where the scenario makes the call, or that say truly what the program has to believe.
UNTRUE = {
    # The end of a program's input: it has stopped reading, which is no error.
    **{
        name: {(call, "EPIPE") for call in ("write", "writev", "splice")}
        for name in ("spawned", "through_a_program")
    },
    # libpq waits for the server to say why it has gone, which it has not.
    **{
        name: {("send", error) for error in ("EIO", "ENOSPC", "EPIPE", "ECONNRESET", "ENOBUFS")}
        for name in ("psycopg_rows_in_and_out", "blocking_rows_in_and_out")
    },
    # Buffered files of the io module take this from a descriptor that blocks as the end of the data.
    "file_of_a_thread": {("read", "EAGAIN")},
}
#: Scenarios whose target is replaced at once: it is whole or not there.
ATOMIC = {
    "atomic_copy",
    "hashed",
    "stored",
    "through_a_program",
    "read_and_written_in_a_thread",
    "http_upload",
    "http_continued",
}
