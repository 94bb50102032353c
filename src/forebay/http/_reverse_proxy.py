"""ReverseProxy: a handler that forwards requests to another server and returns its answers."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Iterable
from urllib.parse import quote_from_bytes, unquote, urlsplit

from forebay._core.representation import represent
from forebay.errors import (
    HttpTimeoutError,
    InvalidArgTypeError,
    InvalidArgValueError,
    StreamDestroyedError,
    StreamError,
)
from forebay.http._client.agent import Agent
from forebay.http._client.request import ClientRequest
from forebay.http._client.timeouts import Timeouts, as_timeouts
from forebay.http._client.url import parse_target
from forebay.http._messages.header_checks import check_value
from forebay.http._messages.incoming import ClientResponse, ServerRequest
from forebay.http._server.response import ServerResponse
from forebay.http._upgrade_relay import refuse, relay
from forebay.streams.duplex import Duplex
from forebay.streams.joining.pipeline import pipeline

__all__ = ["ReverseProxy"]

# Fields of one connection only (RFC 9110, 7.6.1). The proxy itself handles Expect.
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
# Fields that describe the client, besides those that begin with "x-forwarded-".
_CLAIMS = frozenset(("forwarded", "x-real-ip"))
# Fields that a server must not find a second time under a similar name.
_DECISIVE = _HOP_BY_HOP | {"content-length", "host"}
# Characters that a target may contain. Some servers take a backslash for a slash.
_SAFE = "!$%&'()*+,/:;=?@[]~-._"

Fields = list[tuple[str, str]]


class ReverseProxy:
    """A handler for `create_server` that answers with the answers of ``target``. Both bodies are streamed.

    The proxy sends the client's address, scheme and host to the server as X-Forwarded-For, X-Forwarded-Proto and
    X-Forwarded-Host. It drops such fields of the client, and its Forwarded and X-Real-IP.

    If the server cannot be reached or its answer is invalid, the client gets 502; if the server takes too long, 504. If the
    answer breaks off, the proxy breaks its own off. A path that leads outside the path of ``target`` is 400.

    ``server.on("upgrade", proxy.upgrade)`` passes on WebSockets and other protocols, too.

    Args:
        target: The URL of a server. The path of the request is added to its path.
        agent: The `Agent` that sends the requests. Without one the proxy has its own, which ignores the environment's
            proxies; `aclose` closes it.
        timeout: A `Timeouts`, or seconds.
        trust_forwarded: Whether all clients are trusted proxies. Then their X-Forwarded-* fields are kept, and the address
            is added.
        preserve_host: Whether to send the client's Host instead of that of ``target``.

    Raises:
        InvalidArgValueError: The target has a query or a fragment, or is not a URL.
    """

    def __init__(
        self,
        target: str,
        *,
        agent: Agent | None = None,
        timeout: Timeouts | float | None = None,
        trust_forwarded: bool = False,
        preserve_host: bool = False,
    ) -> None:
        parse_target(target)
        if "?" in target or "#" in target:
            raise InvalidArgValueError(
                f"target must have no query and no fragment, as the path of each request is added to it, got {target!r}"
            )
        if agent is not None and not isinstance(agent, Agent):
            raise InvalidArgTypeError(f"agent must be a forebay.http.Agent, got {agent!r}")
        as_timeouts(timeout)
        self.target = target.rstrip("/")
        self._has_path = bool(urlsplit(self.target).path)
        self._own = agent is None
        self._agent = agent if agent is not None else Agent(proxy=False)
        self._timeout = timeout
        self._trusts = trust_forwarded
        self._keeps_host = preserve_host

    def __repr__(self) -> str:
        return represent(self, lambda: f"to {self.target!r}")

    def __call__(self, request: ServerRequest, response: ServerResponse) -> Awaitable[None]:
        return self._answer(request, response)

    async def aclose(self) -> None:
        """Close the proxy's own agent."""
        if self._own:
            await self._agent.aclose()

    async def _answer(self, request: ServerRequest, response: ServerResponse) -> None:
        try:
            asked = self._ask(request)
        except ValueError:
            # The client's error needs no report.
            _fail(response, 400)
            return
        except StreamDestroyedError:
            # The agent was closed.
            _fail(response, 502)
            return
        response.once("close", asked.destroy)
        try:
            answer = await asked
            _copy_head(answer, response)
        except (OSError, StreamError) as error:
            if error is request.errored:
                # The error is the client's, and it gets the fitting status.
                raise
            asked.destroy()
            _fail(response, 504 if isinstance(error, HttpTimeoutError) else 502)
            return
        response._failure_status = 502
        # If one side breaks off, the proxy breaks off the other. No other code receives the error.
        with contextlib.suppress(OSError, StreamError):
            await pipeline(answer, response)

    def upgrade(self, request: ServerRequest, socket: Duplex) -> Awaitable[None]:
        """Pass on a request to switch protocols, such as that of a WebSocket: ``server.on("upgrade", proxy.upgrade)``.

        If the server switches, both connections are joined. Otherwise the client gets its answer, and is disconnected.

        Args:
            request: The client's request.
            socket: The client's connection, which the proxy owns from now on.

        Returns:
            An awaitable of the end of the exchange, before the data of the new protocol.
        """
        return self._upgrade(request, socket)

    async def _upgrade(self, request: ServerRequest, socket: Duplex) -> None:
        switch = [("Connection", "Upgrade"), ("Upgrade", request.headers.get("upgrade", ""))]
        try:
            asked = self._ask(request, switch)
        except ValueError:
            refuse(socket, 400)
            return
        except StreamDestroyedError:
            refuse(socket, 502)
            return
        await relay(asked, socket, lambda answer: _end_to_end(answer.raw_headers))

    def _ask(self, request: ServerRequest, more: Fields | None = None) -> ClientRequest:
        """Return the request for the server. Raise ValueError if a request cannot be forwarded."""
        host, path = _place(request)
        if self._has_path and any(part == ".." for part in _parts(path)):
            raise InvalidArgValueError(f"{path!r} leads out of the path of {self.target}")
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        return self._agent.request(
            self.target + path,
            method=request.method,
            headers=[*self._fields(request, host), *(more or ())],
            body=request if has_body else b"",
            timeout=self._timeout,
        )

    def _fields(self, request: ServerRequest, host: str) -> Fields:
        peer = str(getattr(request.socket, "remote_address", None) or "unknown")
        said = {
            "X-Forwarded-For": peer,
            "X-Forwarded-Proto": "https" if getattr(request.socket, "encrypted", False) else "http",
            "X-Forwarded-Host": host,
        }
        fields = [
            field
            for field in _end_to_end(request.raw_headers)
            if not _is_disguised(field[0]) and (self._trusts or not _is_claim(field[0]))
        ]
        if self._trusts:
            before = request.headers.get("x-forwarded-for")
            said["X-Forwarded-For"] = f"{before}, {peer}" if before else peer
            for name in ("X-Forwarded-Proto", "X-Forwarded-Host"):
                said[name] = request.headers.get(name, said[name])
        ours = {"host", *map(str.lower, said)}
        fields = [field for field in fields if field[0].lower() not in ours]
        if self._keeps_host and host:
            fields.insert(0, ("Host", host))
        return fields + [field for field in said.items() if field[1]]


def _place(request: ServerRequest) -> tuple[str, str]:
    """Return the client's host, and the path with the query. Raise ValueError for a target that is not a path."""
    host, url = request.headers.get("host", ""), request.url
    scheme, separator, rest = url.partition("://")
    if not url.startswith("/") and separator and scheme.lower() in ("http", "https"):
        # In the absolute form, its host has precedence over the Host field.
        end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
        host, url = rest[:end].rpartition("@")[2], rest[end:]
        if not url.startswith("/"):
            url = "/" + url
    if not url.startswith("/"):
        raise InvalidArgValueError(f"the target of the request must begin with a slash, got {url!r}")
    # Keep the bytes as received, except those that a URL cannot have. A fragment is not sent to servers.
    return host, quote_from_bytes(url.partition("#")[0].encode("latin-1"), safe=_SAFE)


def _parts(path: str) -> list[str]:
    """Return the names in a path, without the parameters that some servers find in each."""
    names = unquote(path.partition("?")[0]).replace("\\", "/").split("/")
    return [name.partition(";")[0] for name in names]


def _is_disguised(name: str) -> bool:
    """Return whether a server that treats an underscore as a hyphen finds another meaning in a field."""
    return "_" in name and name.lower().replace("_", "-") in _DECISIVE


def _is_claim(name: str) -> bool:
    """Return whether a field describes the client. Many servers treat an underscore as a hyphen."""
    name = name.lower().replace("_", "-")
    return name.startswith("x-forwarded-") or name in _CLAIMS


def _copy_head(answer: ClientResponse, response: ServerResponse) -> None:
    response.status_code = answer.status_code
    response.status_message = check_value("status_message", answer.status_message) or None
    for name, value in _end_to_end(answer.raw_headers):
        response.append_header(name, value)


def _fail(response: ServerResponse, status: int) -> None:
    """Respond with a status unless the response has begun."""
    if response.destroyed:
        return
    if response.headers_sent:
        response.destroy()
        return
    for name in response.get_header_names():
        response.remove_header(name)
    response.status_code = status
    response.status_message = None
    response.end(f"{status}\n")


def _end_to_end(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the header fields for the other side, without those of this connection only."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    left_out = set(_HOP_BY_HOP)
    for name, value in pairs:
        if name.lower() == "connection":
            left_out.update(token.strip().lower() for token in value.split(","))
    return [(name, value) for name, value in pairs if name.lower() not in left_out]
