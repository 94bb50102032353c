from collections.abc import Generator
from typing import Any

from forebay._core.scheduling.operation import Handle
from forebay.http._messages.incoming import ClientResponse
from forebay.http._messages.outgoing import Outgoing

class ClientRequest(Outgoing):
    """A request to a server; the stream is its body, and awaited it is the `ClientResponse`."""

    def __init__(
        self, method: str, url: str, target: str, host: str, keep_alive: bool, high_water_mark: int
    ) -> None: ...
    method: str
    url: str
    target: str
    reused: bool
    response: ClientResponse | None
    _answer: Handle[ClientResponse]
    _body_to_come: bool
    _redirecting: bool
    _front: ClientRequest | None
    _sent_at: float
    _owner: Any
    def _can_repeat(self) -> bool: ...
    def _has_written(self) -> bool: ...
    def _begin_again(self) -> None: ...
    def _complete(self) -> None: ...
    def _give(self, response: ClientResponse) -> None: ...
    def __await__(self) -> Generator[Any, None, ClientResponse]: ...
