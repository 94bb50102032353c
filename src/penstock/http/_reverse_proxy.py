"""ReverseProxy: a handler that passes requests on to another server, and its answers back."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Iterable
from typing import Any

from penstock.errors import HttpTimeoutError, StreamError
from penstock.http._agent import Agent
from penstock.http._incoming import ServerRequest
from penstock.http._server_response import ServerResponse
from penstock.http._target import parse_target
from penstock.http._timeouts import Timeouts
from penstock.pipeline import pipeline

__all__ = ["ReverseProxy"]

# Of one connection only (RFC 9110, 7.6.1); Expect is answered by ourselves.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    )
)


class ReverseProxy:
    """A handler for `create_server` that answers with what ``target`` answers, both bodies being streamed.

    ``target``: the URL of a server, to whose path that of the request is added. ``agent``: the `Agent` that it is asked
    by; without one the proxy has its own, and `aclose` closes that. ``timeout``: a `Timeouts`, or seconds. A server that
    cannot be reached, or answers nonsense, is 502 to the client, one that takes too long 504; an answer that breaks off
    is broken off.
    """

    def __init__(
        self, target: str, *, agent: Agent | None = None, timeout: Timeouts | float | None = None
    ) -> None:
        parse_target(target)
        self.target = target.rstrip("/")
        self._own = agent is None
        self._agent = agent if agent is not None else Agent()
        self._timeout = timeout

    def __call__(self, request: ServerRequest, response: ServerResponse) -> Awaitable[None]:
        return self._answer(request, response)

    async def aclose(self) -> None:
        """Close the proxy's own agent."""
        if self._own:
            await self._agent.aclose()

    async def _answer(self, request: ServerRequest, response: ServerResponse) -> None:
        if not request.url.startswith("/"):
            response.status_code = 400
            response.end("400\n")
            return
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        asked = self._agent.request(
            self.target + request.url,
            method=request.method,
            headers=[*_end_to_end(request.raw_headers, "host"), ("X-Forwarded-For", _forwarded_for(request))],
            body=request if has_body else b"",
            timeout=self._timeout,
        )
        response.once("close", asked.destroy)
        try:
            answer = await asked
        except (OSError, StreamError) as error:
            if error is request.errored:
                # The client's own fault, and answered as such.
                raise
            if not response.destroyed and not response.headers_sent:
                response.status_code = 504 if isinstance(error, HttpTimeoutError) else 502
                response.end(f"{response.status_code}\n")
            return
        response.status_code = answer.status_code
        response.status_message = answer.status_message or None
        for name, value in _end_to_end(answer.raw_headers):
            response.append_header(name, value)
        # What breaks off on one side is broken off on the other; there is nobody else to tell.
        with contextlib.suppress(OSError, StreamError):
            await pipeline(answer, response)


def _end_to_end(fields: Iterable[tuple[bytes, bytes]], *others: str) -> list[tuple[str, Any]]:
    """The header fields that are for the other end, and not for this connection alone."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    left_out = {*_HOP_BY_HOP, *others, "x-forwarded-for"} if others else set(_HOP_BY_HOP)
    for name, value in pairs:
        if name.lower() == "connection":
            left_out.update(token.strip().lower() for token in value.split(","))
    return [(name, value) for name, value in pairs if name.lower() not in left_out]


def _forwarded_for(request: ServerRequest) -> str:
    before = request.headers.get("x-forwarded-for")
    peer = getattr(request.socket, "remote_address", None) or "unknown"
    return f"{before}, {peer}" if before else str(peer)
