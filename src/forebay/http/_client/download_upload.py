"""URLs as the ends of a copy: a download as a Readable, an upload as a Writable."""

from __future__ import annotations

from typing import Any

from forebay.errors import HttpError
from forebay.http._client.agent import Agent
from forebay.http._client.request import ClientRequest
from forebay.http._messages.incoming import ClientResponse
from forebay.streams.generics import Buffer
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["Download", "Upload"]

_REDIRECTS = 10


def _check(response: ClientResponse, what: str) -> None:
    if not 200 <= response.status_code < 300:
        raise HttpError(
            f"{what}: the server answered {response.status_code} {response.status_message}".rstrip()
        )


class Download(Readable[bytes]):
    """The data of a GET of ``url``. Any status but 2xx is an HttpError. ``total`` is its length, None if unknown.

    ``bytes_read`` is the number of bytes that the stream has got so far.
    """

    def __init__(self, url: str, *, high_water_mark: int | None = None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self.bytes_read = 0
        self.total: int | None = None
        self._url = url
        self._response: ClientResponse | None = None

    async def _construct(self) -> None:
        response = await Agent(keep_alive=False).get(
            self._url, redirects=_REDIRECTS, high_water_mark=self.readable_high_water_mark
        )
        self._response = response
        _check(response, "download")
        length = response.headers.get("content-length")
        self.total = int(length) if length is not None else None
        response.on("data", self._came)
        response.on("end", self._ended)
        response.on("error", self.destroy)
        response.pause()

    def _came(self, chunk: bytes) -> None:
        self.bytes_read += len(chunk)
        if not self.push(chunk) and self._response is not None:
            self._response.pause()

    def _ended(self) -> None:
        self.push(None)

    def _read(self, size: int) -> None:
        assert self._response is not None
        self._response.resume()

    def _destroy(self, error: BaseException | None) -> None:
        response = self._response
        if response is not None:
            response.destroy()


class Upload(Writable[Buffer]):
    """A PUT of the written data to ``url``. It finishes when the server has answered; any status but 2xx is an HttpError.

    ``bytes_written`` is the number of bytes that were taken so far.
    """

    def __init__(self, url: str, *, high_water_mark: int | None = None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self.bytes_written = 0
        self._url = url
        self._request: ClientRequest | None = None

    def _construct(self) -> None:
        self._request = Agent(keep_alive=False).request(
            self._url, method="PUT", high_water_mark=self.writable_high_water_mark
        )
        self._request.on("error", self.destroy)
        # A server that responds early does not need the rest of the body.
        self._request.on("response", self._answered)
        self._request.flush_headers()

    def _answered(self, response: ClientResponse) -> None:
        if not self.writable_ended:
            try:
                _check(response, f"upload to {self._url}")
            except HttpError as error:
                self.destroy(error)

    async def _write(self, chunk: Any) -> None:
        assert self._request is not None
        await self._request.send(chunk)
        self.bytes_written += len(chunk)

    async def _final(self) -> None:
        assert self._request is not None
        self._request.end()
        response = await self._request
        _check(response, f"upload to {self._url}")
        response.resume()

    def _destroy(self, error: BaseException | None) -> None:
        if self._request is not None and not self._request.destroyed:
            self._request.destroy()
