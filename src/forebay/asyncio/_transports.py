"""Properties of the loops' transports that the streams depend on."""

from __future__ import annotations

import _socket
import asyncio
import sys
from asyncio import sslproto
from contextlib import suppress
from typing import Any

#: Bytes that a pipe's transport is made to read at once: what a pipe holds, in a block that malloc need not map.
PIPE_BYTES = 1 << 16

# asyncio's transport of a plain socket is Python for every piece of data. Its system calls can be made in its place if
# it has these private attributes, as it has from 3.11 to 3.14; what has not is left to itself.
_SOCKET_TRANSPORT: type | None = getattr(
    sys.modules.get("asyncio.selector_events"), "_SelectorSocketTransport", None
)
_NEEDED = (
    "_buffer",
    "_closing",
    "_conn_lost",
    "_empty_waiter",
    "_eof",
    "_fatal_error",
    "_read_ready__get_buffer",
    "_read_ready__on_eof",
    "_read_ready_cb",
    "_sock_fd",
)
_WELL_ADJUSTED = (_SOCKET_TRANSPORT, sslproto._SSLProtocolTransport)
_has_needed: bool | None = None
# If code overrides or patches one of these methods, forebay calls it.
_OWN_CALLS = ("write", "_read_ready", "_read_ready__get_buffer", "_add_reader")
_SYSTEM_CALLS = ("recv", "recv_into", "send")
_RUNNING = ("run_forever", "run_until_complete", "_run_once", "_check_running")
_from_uvloop: dict[type, bool] = {}


def is_asyncios_socket(transport: Any) -> bool:
    """Return whether forebay can make the system calls of this transport: a plain socket on asyncio's own loop."""
    global _has_needed
    if type(transport) is not _SOCKET_TRANSPORT:
        return False
    if _has_needed is None:
        _has_needed = all(hasattr(transport, name) for name in _NEEDED)
    return (
        _has_needed
        and _is_plain_socket(type(transport._sock))  # type: ignore[attr-defined]  # private
        and all(_is_asyncios(getattr(type(transport), name, None)) for name in _OWN_CALLS)
    )


def _is_plain_socket(kind: type) -> bool:
    """Return whether the sockets of a class make system calls like the standard library's."""
    return (
        kind.__module__ == "socket"
        and kind.__bases__ == (_socket.socket,)
        and all(getattr(kind, name) is getattr(_socket.socket, name) for name in _SYSTEM_CALLS)
    )


def _is_asyncios(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("asyncio.")


def never_nests(loop: Any) -> bool:
    """Return whether the loop never runs inside its own callbacks, as a loop patched by `nest_asyncio` does."""
    kind = type(loop)
    if isinstance(loop, asyncio.BaseEventLoop):
        return all(_is_asyncios(getattr(kind, name, None)) for name in _RUNNING)
    return any(base.__module__.startswith("uvloop") for base in kind.__mro__)


def is_uvloops(transport: Any) -> bool:
    """Return whether a transport is uvloop's."""
    kind = type(transport)
    known = _from_uvloop.get(kind)
    if known is None:
        known = _from_uvloop[kind] = kind.__module__.startswith("uvloop")
    return known


def adjust(transport: Any) -> None:
    """Correct the unsuitable defaults of a transport."""
    if type(transport) in _WELL_ADJUSTED:
        return
    try:
        low, high = transport.get_write_buffer_limits()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        pass
    else:
        # uvloop's low mark is 16 bytes, for 16 KiB: with it a writer waits until everything is sent. A transport of
        # its that is closed already refuses to be set.
        if low * 1024 <= high // 4 and low:
            with suppress(RuntimeError):
                transport.set_write_buffer_limits(high=high, low=high // 4)
    if getattr(transport, "max_size", 0) > PIPE_BYTES and not hasattr(transport, "write"):
        transport.max_size = PIPE_BYTES
