"""The ends of a copy that are objects of a store: ``s3://BUCKET/KEY``, ``gs://``, ``az://``, and what fsspec reaches."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from forebay import storage
from forebay._core.abort import AbortSignal
from forebay.cli.output.failure import Failure
from forebay.errors import InvalidArgValueError
from forebay.storage._errors import shortened
from forebay.storage._places import find, without_secrets

__all__ = ["ObjectSource", "ObjectTarget"]


class _Object:
    """The common part of both ends. ``name`` is the URL for messages."""

    is_terminal = False
    status: os.stat_result | None = None

    def __init__(self, url: str) -> None:
        self.name = without_secrets(url)
        self._url = url
        self._password = urlsplit(url).password
        try:
            find(url, None, None)
        except InvalidArgValueError as error:
            raise Failure(str(error), 2) from None
        except ImportError as error:
            raise Failure(str(error)) from None
        except Exception as error:
            raise Failure(f"{self.name}: {shortened(error)}") from None

    def redacted(self, text: str) -> str:
        """Return a message without the password of this end."""
        if self._password:
            for secret in (self._password, unquote(self._password)):
                text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", "***", text)
        return text


class ObjectSource(_Object):
    """A `Source` that is an object."""

    is_stdin = False
    total: int | None = None
    permissions = 0o666

    async def open(self, high_water_mark: int, signal: AbortSignal) -> Any:
        return storage.read(self._url, high_water_mark=high_water_mark)


class ObjectTarget(_Object):
    """A `Target` that is an object. It appears at the end, or not at all."""

    is_stdout = False
    takes_our_output = False
    atomic = False

    async def open(self, high_water_mark: int, permissions: int, signal: AbortSignal) -> Any:
        return storage.write(self._url, high_water_mark=high_water_mark)

    def hint(self, error: BaseException) -> str:
        """Return advice for an error."""
        return ""
