"""HTTP/1.1 server and client, with bodies that are streams.

::

    async def handler(request, response):
        await response.send_file(request.path, root="/srv")

    server = await http.create_server(handler).listen(8000)
    response = await http.get("http://localhost:8000/file")
    await pipeline(response, create_write_stream("file"))

A script without its own event loop calls ``http.serve(handler, 8000)``.

The parser is the package httptools, which the extra ``http`` of this package installs. TLS is `ssl`.

**Flow.** If a handler does not read, the client's bytes stay where they are. If a client does not read, ``response.write``
returns False, and a stream that is piped to the response waits. The high-water marks of its streams and of its socket
bound the memory of a connection.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from typing import Never

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
    handler: Handler | None = None,
    *,
    limits: Limits | None = None,
    no_delay: bool = True,
    keep_alive: bool = False,
    keep_alive_delay: float | None = None,
    high_water_mark: int | None = None,
    default_encoding: str | None = None,
    max_connections: int | None = None,
    block_list: Callable[[str], bool] | None = None,
    ssl: _ssl.SSLContext | None = None,
    handshake_timeout: float = 60.0,
    **unknown: Never,
) -> Server:
    """Make a `Server`. ``await create_server(handler).listen(8000)`` starts it.

    Args:
        handler: A plain or an async function that is called with each `ServerRequest` and its `ServerResponse`. It may
            answer during the call or later; the requests of one connection are answered one after the other. If it
            raises, the client gets status 500, or the response is cut short if its head was sent, and the exception goes
            to the loop's exception handler.
        limits: The limits for clients; see `Limits`.
        no_delay, keep_alive, keep_alive_delay, high_water_mark: As for `forebay.net.create_server`.
        default_encoding, max_connections, block_list, ssl, handshake_timeout: As for `forebay.net.create_server`.

    Returns:
        The server.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        ImportError: httptools is not installed.
    """
    return Server(
        handler,
        limits=limits,
        no_delay=no_delay,
        keep_alive=keep_alive,
        keep_alive_delay=keep_alive_delay,
        high_water_mark=high_water_mark,
        default_encoding=default_encoding,
        max_connections=max_connections,
        block_list=block_list,
        ssl=ssl,
        handshake_timeout=handshake_timeout,
        **unknown,
    )


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
    decompress: bool = False,
    decompress_limit: int | None = None,
) -> ClientRequest:
    """Send a request. Awaiting it returns the `ClientResponse`.

    A status such as 404 is not an error. Cancelling the await destroys the request. If the body of the response fails
    later, that stream fails: a body that is cut short raises IncompleteMessageError. Read the response or destroy it: until
    then it keeps its connection.

    Args:
        url: An http or https URL.
        method: The method.
        headers: A mapping, or pairs of name and value.
        body: Bytes, str, a Readable or an iterable of bytes. It is sent and ends the request. Without it, write the body
            yourself and call ``end()``. Awaiting a request to which nothing was written or piped ends it.
        authority: For the method CONNECT, the ``host:port`` to which the proxy at ``url`` connects. Its 2xx answer comes as
            the event 'connect', with the socket.
        agent: An `Agent`, which keeps connections. Without one, the request has its own connection.
        timeout: A `Timeouts`, or seconds for everything.
        redirects: How many redirects to follow. Credentials are not sent to another origin. A body that was a stream
            cannot be sent again.
        ssl: An `ssl.SSLContext` for https. True is the default context; False encrypts without verifying the server. None
            is the agent's.
        proxy: The URL of an http proxy; True for the environment's, False for none. None is the agent's; without an agent,
            the environment's.
        signal: An `AbortSignal` that destroys the request.
        high_water_mark: Bytes, for both bodies.
        decompress: Whether to send Accept-Encoding, unless the headers have it, and to give the response a body without its
            Content-Encoding. A body that is not in its coding fails with HttpProtocolError. The headers stay as they came.
        decompress_limit: The most bytes of a body that was decoded; more fail with HttpProtocolError. None is
            ``Limits.body_bytes`` of the agent.

    Returns:
        A `ClientRequest`, which is a Writable that takes the body. Awaiting it raises OSError if there is no connection,
        HttpProtocolError, IncompleteMessageError or HttpTimeoutError.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        InvalidHeaderError: A header must not be sent.
        ImportError: httptools is not installed.
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
        decompress=decompress,
        decompress_limit=decompress_limit,
    )


def get(
    url: str,
    *,
    agent: Agent | None = None,
    method: str = "GET",
    headers: HeaderFields | None = None,
    body: Body | None = None,
    timeout: Timeouts | float | None = None,
    redirects: int = 0,
    ssl: _ssl.SSLContext | bool | None = None,
    proxy: str | bool | None = None,
    signal: AbortSignal | None = None,
    high_water_mark: int | None = None,
    decompress: bool = False,
    decompress_limit: int | None = None,
) -> ClientRequest:
    """Send a GET request without a body.

    Args:
        url: An http or https URL.
        agent: An `Agent`, which keeps connections. Without one, the request has its own connection.
        headers, timeout, redirects, ssl, proxy, signal, high_water_mark, decompress, decompress_limit: As for `request`.
        method, body: As for `request`, to send another method, or a body.

    Returns:
        A `ClientRequest`. Awaiting it returns the `ClientResponse`, and raises as for `request`.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        InvalidHeaderError: A header must not be sent.
        ImportError: httptools is not installed.
    """
    owner = agent if agent is not None else Agent(keep_alive=False, proxy=proxy)
    return owner.get(
        url,
        method=method,
        headers=headers,
        body=body,
        timeout=timeout,
        redirects=redirects,
        ssl=ssl,
        proxy=proxy,
        signal=signal,
        high_water_mark=high_water_mark,
        decompress=decompress,
        decompress_limit=decompress_limit,
    )
