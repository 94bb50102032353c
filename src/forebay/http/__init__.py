"""HTTP/1.1, both ends, with bodies that are streams.

::

    async def handler(request, response):
        await response.send_file(request.path, root="/srv")

    server = await http.create_server(handler).listen(8000)
    # or, in a script without a loop of its own:
    http.serve(handler, 8000)

    response = await http.get("http://localhost:8000/file")
    await pipeline(response, create_write_stream("file"))

The parser is httptools' (``pip install httptools``), TLS that of `ssl`.

**Flow.** A handler that does not read leaves the client's bytes where they are; a client that does not read makes
``response.write`` say False, and what is piped to it waits. Memory for a connection is bounded by the marks of its
streams and those of its socket.
"""

from __future__ import annotations

import ssl as _ssl
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.http._client.agent import Agent
from forebay.http._client.request import ClientRequest
from forebay.http._client.request_body import Body
from forebay.http._client.timeouts import Timeouts
from forebay.http._limits import Limits
from forebay.http._messages.headers import HeaderFields, Headers
from forebay.http._messages.incoming import ClientResponse, ServerRequest
from forebay.http._reverse_proxy import ReverseProxy
from forebay.http._server.response import ServerResponse
from forebay.http._server.send_file import send_file
from forebay.http._server.serve import serve
from forebay.http._server.server import Handler, Server
from forebay.http._server.static_files import StaticFiles

__all__ = [
    "Agent",
    "ClientRequest",
    "ClientResponse",
    "Handler",
    "Headers",
    "Limits",
    "ReverseProxy",
    "Server",
    "ServerRequest",
    "ServerResponse",
    "StaticFiles",
    "Timeouts",
    "create_server",
    "get",
    "request",
    "send_file",
    "serve",
]


def create_server(
    handler: Handler | None = None, *, limits: Limits | None = None, **socket_options: Any
) -> Server:
    """A `Server`; ``await create_server(handler).listen(8000)`` starts it.

    ``handler(request, response)`` is called with each `ServerRequest` and its `ServerResponse`, plain or async. It
    answers when it likes, during the call or later; one request of a connection is answered after the other. What it
    raises gives status 500, or cuts the response short where its head was sent, and goes to the loop's exception
    handler. ``limits``: what clients may ask for, see `Limits`. ``socket_options``: those of
    `forebay.net.create_server`, such as ``ssl``, ``max_connections`` and ``high_water_mark``.

    Raises InvalidArgTypeError and InvalidArgValueError for wrong arguments, ImportError where httptools is missing.
    """
    return Server(handler, limits=limits, **socket_options)


def request(
    url: str,
    *,
    method: str = "GET",
    headers: HeaderFields | None = None,
    body: Body | None = None,
    authority: str | None = None,
    agent: Agent | None = None,
    timeout: Timeouts | float | None = None,
    redirects: int = 0,
    ssl: _ssl.SSLContext | bool | None = None,
    proxy: str | bool | None = None,
    signal: AbortSignal | None = None,
    high_water_mark: int | None = None,
) -> ClientRequest:
    """Send a request: a `ClientRequest`, a Writable that takes the body; awaited, it is the `ClientResponse`.

    ``url``: http or https. ``headers``: a mapping, or pairs. ``body``: bytes, str, a Readable or an iterable of bytes,
    which is sent and ends the request; without it write the body yourself and call ``end()``. Awaiting a request to
    which nothing was written or piped ends it. ``agent``: an `Agent`, which keeps connections; without one, the request has a
    connection of its own. ``timeout``: a `Timeouts`, or seconds for everything. ``redirects``: how many to follow, none
    where not given; credentials are not sent to another origin, and a body that was a stream cannot be sent again.
    ``ssl``: an `ssl.SSLContext` for https; True is the default one, False encrypts and does not check whom it talks to.
    ``proxy``: the URL of an http proxy, True for what the environment says, False for none. Both are the agent's where
    not given; without an agent the environment says.
    ``signal``: an `AbortSignal` that gives the request up. ``high_water_mark``: bytes, for both bodies. ``authority``: for
    the method CONNECT, the ``host:port`` to which the proxy at ``url`` is to connect; its 2xx answer comes as the event
    'connect', with the socket.

    A status such as 404 is no error. The await raises OSError where there is no connection, HttpProtocolError,
    IncompleteMessageError, HttpTimeoutError; cancelling it gives the request up. What happens to the response's body
    later fails that stream: one that is cut short raises IncompleteMessageError. Read the response or destroy it:
    until then it keeps its connection. Raises InvalidArgTypeError, InvalidArgValueError, InvalidHeaderError, and
    ImportError where httptools is missing.
    """
    owner = agent if agent is not None else Agent(keep_alive=False, proxy=proxy)
    return owner.request(
        url,
        method=method,
        headers=headers,
        body=body,
        authority=authority,
        timeout=timeout,
        redirects=redirects,
        ssl=ssl,
        proxy=proxy,
        signal=signal,
        high_water_mark=high_water_mark,
    )


def get(url: str, *, agent: Agent | None = None, **options: Any) -> ClientRequest:
    """A GET request, ended at once; options as for `request`."""
    owner = agent if agent is not None else Agent(keep_alive=False, proxy=options.get("proxy"))
    return owner.get(url, **options)
