"""The ends of a copy that are URLs: a download, and an upload by PUT."""

from __future__ import annotations

import os

from forebay._core.abort import AbortSignal
from forebay.cli.output.failure import Failure
from forebay.errors import InvalidArgValueError
from forebay.http._client.download_upload import Download, Upload
from forebay.http._client.url import parse_target

__all__ = ["HttpSource", "HttpTarget"]


def _checked(url: str) -> str:
    try:
        parse_target(url)
    except InvalidArgValueError as error:
        raise Failure(str(error), 2) from None
    return url


class HttpSource:
    """A `Source` that is a URL."""

    is_stdin = False
    is_terminal = False
    status: os.stat_result | None = None
    total: int | None = None
    permissions = 0o666

    def __init__(self, url: str) -> None:
        self.name = _checked(url)

    async def open(self, high_water_mark: int, signal: AbortSignal) -> Download:
        return Download(self.name, high_water_mark=high_water_mark)


class HttpTarget:
    """A `Target` that is a URL."""

    is_stdout = False
    is_terminal = False
    takes_our_output = False
    atomic = False
    status: os.stat_result | None = None

    def __init__(self, url: str) -> None:
        self.name = _checked(url)

    async def open(self, high_water_mark: int, permissions: int, signal: AbortSignal) -> Upload:
        return Upload(self.name, high_water_mark=high_water_mark)

    def hint(self, error: BaseException) -> str:
        """Return advice for an error."""
        return ""
