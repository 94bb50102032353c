"""Exchange: one request of a program, over all its connections and redirects."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from functools import partial
from typing import Any, NamedTuple, Protocol

from forebay.errors import HttpError, StreamDestroyedError
from forebay.http._client.connection import ClientConnection
from forebay.http._client.proxies import Proxies
from forebay.http._client.redirects import REDIRECTS, becomes_get, fields_for, location_of, next_target
from forebay.http._client.request import ClientRequest
from forebay.http._client.request_body import Body, Welcome, give_up_body, is_whole, send_body
from forebay.http._client.timeouts import Timeouts, Watch
from forebay.http._client.url import Target, same_origin
from forebay.http._messages.incoming import ClientResponse

__all__ = ["Exchange", "Key"]

_HIGH_WATER_MARK = 64 * 1024
# The largest rest of a redirect's body that is read to keep the connection.
_SMALL_BODY = 64 * 1024


class Key(NamedTuple):
    """The common properties of requests that may use the same connection."""

    hostname: str
    port: int
    secure: bool
    ssl: _ssl.SSLContext | bool | None
    # The proxy of a tunnel; None without a tunnel.
    tunnel: Target | None


class Dispatcher(Protocol):
    """The interface of an exchange's agent."""

    _keep_alive: bool
    _loop: asyncio.AbstractEventLoop

    def _dispatch(self, exchange: Exchange) -> None:
        """Find a connection for the exchange, now or as soon as one is free."""

    def _forget(self, exchange: Exchange) -> None:
        """Note that the exchange is over."""


class Exchange:
    """One request of a program. The agent finds it a connection, and its `Watch` applies the timeouts."""

    def __init__(
        self,
        agent: Dispatcher,
        target: Target,
        method: str,
        fields: list[Any],
        *,
        body: Body | None,
        redirects: int,
        high_water_mark: int | None,
        authority: str | None,
        ssl: _ssl.SSLContext | bool | None,
        proxies: Proxies,
        timeouts: Timeouts,
    ) -> None:
        self.mark = _HIGH_WATER_MARK if high_water_mark is None else high_water_mark
        self.opening: asyncio.Task[bool] | None = None
        self.target = target
        self.ssl = ssl
        self.method = method
        self._agent = agent
        self._fields = fields
        self._body = body
        self._welcome: Welcome | None = None
        # A tunnel is never redirected.
        self._redirects = redirects if authority is None else 0
        self._authority = authority
        self._proxies = proxies
        self._connection: ClientConnection | None = None
        # The request that the program has. `request` is the current one, which differs after a redirect.
        self.request = self._shown = self._make()
        self.watch = Watch(timeouts, self)

    def _make(self) -> ClientRequest:
        """Make the request for `target`, and find the way to it."""
        target = self.target
        self.proxy = None if self._authority is not None else self._proxies.proxy_for(target)
        tunnel = self.proxy if target.secure else None
        nearest = self.proxy if self.proxy is not None and not target.secure else target
        self.key = Key(nearest.hostname, nearest.port, nearest.secure, self.ssl, tunnel)
        line, host = target.line, target.host
        credentials = "Authorization"
        if self._authority is not None:
            line = host = self._authority
            credentials = "Proxy-Authorization"
        elif nearest is not target:
            line = target.url
        request = ClientRequest(self.method, target.url, line, host, self._agent._keep_alive, self.mark)
        for name, value in self._fields:
            request.append_header(name, value)
        if target.authorization is not None and not request.has_header(credentials):
            request.set_header(credentials, target.authorization)
        if nearest is not target and nearest.authorization is not None:
            request.set_header("Proxy-Authorization", nearest.authorization)
        request._owner = self
        request.on("close", partial(self._closed, request))
        request._own_listeners = 1
        return request

    def start(self) -> None:
        """Send the request. The agent looks for a connection."""
        self._welcome = send_body(self.request, self._body)
        self._agent._dispatch(self)

    # ---- used by `Watch`

    @property
    def url(self) -> str:
        """The URL of the present request."""
        return self.target.url

    @property
    def response(self) -> ClientResponse | None:
        """The response to the present request."""
        response: ClientResponse | None = self.request.response
        return response

    @property
    def sent_at(self) -> float:
        """The time at which the request was sent completely; 0 before."""
        return self.request._sent_at

    def time_out(self, error: HttpError) -> None:
        """Fail the request: it takes too long."""
        response = self.response
        if response is not None and not response.complete:
            response._break(error, True)
            if self._connection is not None:
                self._connection.close(error)
        else:
            self.request.destroy(error)

    def connected(self, connection: ClientConnection) -> None:
        """Send the request on a connection."""
        self._connection = connection
        self.watch.connected(connection)
        connection.begin(self.request)

    def _closed(self, request: ClientRequest) -> None:
        """Note that a request is complete or has failed."""
        # The request and this exchange refer to each other.
        request._owner = None
        for listener in request.listeners("close"):
            if isinstance(listener, partial) and listener.func == self._closed:
                request.off("close", listener)
        shown = self._shown
        if request is not self.request and request is not shown:
            # This request was redirected.
            return
        self.watch.stop()
        self._connection = None
        self._agent._forget(self)
        if request is not shown:
            # The result belongs to the program's request.
            if request.errored is not None:
                shown.destroy(request.errored)
            else:
                shown._redirecting = False
                shown._complete()
        elif self.request is not shown:
            self.request.destroy(shown.errored)

    # ---- redirects

    def _redirected(self, request: ClientRequest, response: ClientResponse) -> bool:
        """Follow ``response`` if it is a redirect; return whether it was followed."""
        try:
            location = location_of(response) if self._redirects_left(response) else None
            if location is not None:
                self._follow(request, response, location)
        except Exception as error:
            self._shown.destroy(error)
            response.destroy()
            return True
        if location is None and request is not self._shown:
            request._answer._settle(None, response)
            request.response = response
            self._shown._give(response)
            return True
        return location is not None

    def _redirects_left(self, response: ClientResponse) -> bool:
        return response.status_code in REDIRECTS and self._redirects > 0

    def _follow(self, request: ClientRequest, response: ClientResponse, location: str) -> None:
        target = next_target(self.target, location)
        to_get = becomes_get(response.status_code, self.method)
        if not to_get:
            self._check_again(request, response)
        if self._welcome is not None:
            self._welcome.stop()
        self._fields = fields_for(
            self._fields, without_body=to_get, elsewhere=not same_origin(self.target, target)
        )
        if to_get:
            self.method = "GET"
            if self._welcome is not None and not self._welcome.sent:
                give_up_body(self._body)
            self._body = None
        self._redirects -= 1
        self.target = target
        if request is self._shown:
            request._redirecting = True
        self._connection = None
        self.watch.between()
        self.request = self._make()
        self.request._front = self._shown
        self.request._answer.mark_handled()
        _drop(response)
        self._welcome = send_body(self.request, self._body)
        if self._body is None:
            self.request.end()
        # Usually the connection that received the redirect is free then.
        self._agent._loop.call_soon(self._send_on, self.request)

    def _check_again(self, request: ClientRequest, response: ClientResponse) -> None:
        """Raise HttpError if the body cannot be sent again."""
        if self._body is None:
            if request._has_written() or not request.writable_ended:
                raise HttpError(
                    f"{response.url} redirects, and the written data was not kept for a second request; give a body="
                )
        elif not is_whole(self._body) and (self._welcome is None or self._welcome.sent):
            raise HttpError(f"{response.url} redirects, and its body was a stream that cannot be sent again")

    def _send_on(self, request: ClientRequest) -> None:
        if not request.destroyed:
            self._agent._dispatch(self)

    def give_up(self) -> None:
        """Fail the request: the agent was closed."""
        self.request.destroy(StreamDestroyedError("the agent was closed"))


def _drop(response: ClientResponse) -> None:
    """Drop an unneeded response. Keep its connection if the rest of the body is short."""
    # Do not report its later errors.
    response.on("error", _ignore)
    length = response.headers.get("content-length", "")
    if response.complete or (length.isdigit() and int(length) <= _SMALL_BODY):
        response.resume()
    else:
        response.destroy()


def _ignore(error: BaseException) -> None:
    """Ignore the error."""
