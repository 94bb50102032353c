"""StaticFiles: a handler that serves a folder."""

from __future__ import annotations

import asyncio
import html
import os
import stat
from collections.abc import Awaitable
from pathlib import Path
from urllib.parse import quote

from penstock.errors import InvalidArgValueError
from penstock.fs._options import StrPath, check_path
from penstock.http._incoming import ServerRequest
from penstock.http._send_file import inside, send_file
from penstock.http._server_response import ServerResponse

__all__ = ["StaticFiles"]

_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><ul>
{items}
</ul></body></html>
"""


class StaticFiles:
    """A handler for `create_server` that answers with the files in ``root``, as `send_file` does.

    A folder is its ``index`` file; where it has none, ``listing`` says whether its content is shown, or is 404.
    ``throttle``: bytes per second of each answer. Links are followed only inside ``root``. Methods other than GET and
    HEAD get 405. Raises InvalidArgValueError where ``root`` is no folder.
    """

    def __init__(
        self,
        root: StrPath,
        *,
        listing: bool = False,
        index: str = "index.html",
        throttle: float | None = None,
    ) -> None:
        self.root = os.fsdecode(check_path(root))
        if not os.path.isdir(self.root):
            raise InvalidArgValueError(f"root must be a folder, got {root!r}")
        self._listing = listing
        self._index = index
        self._throttle = throttle

    def __call__(self, request: ServerRequest, response: ServerResponse) -> Awaitable[None]:
        return self._answer(request, response)

    async def _answer(self, request: ServerRequest, response: ServerResponse) -> None:
        if request.method not in ("GET", "HEAD"):
            response.set_header("Allow", "GET, HEAD")
            _say(response, 405)
            return
        path = request.path
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, self._look, path)
        if response.destroyed:
            return
        if found is None:
            _say(response, 404)
        elif isinstance(found, Path):
            await send_file(response, found, throttle=self._throttle)
        elif not path.endswith("/"):
            raw = request.url.partition("?")[0]
            query = f"?{request.query_string}" if request.query_string else ""
            # One slash at the beginning: two would be another host.
            response.set_header("Location", "/" + raw.lstrip("/") + "/" + query)
            _say(response, 301)
        elif self._listing:
            response.set_header("Content-Type", "text/html; charset=utf-8")
            response.end(_page(path, found))
        else:
            _say(response, 404)

    def _look(self, path: str) -> Path | list[tuple[str, bool]] | None:
        """In a worker: the file, or what is in the folder; None where there is nothing to serve."""
        try:
            place = Path(inside(path, self.root))
            mode = place.stat().st_mode
            if not stat.S_ISDIR(mode):
                return None if path.endswith("/") else place
            index = place / self._index
            if path.endswith("/") and index.is_file():
                return index
            if not self._listing:
                return []
            return sorted(((entry.name, entry.is_dir()) for entry in os.scandir(place)), key=_folders_first)
        except (OSError, ValueError):
            return None


def _folders_first(entry: tuple[str, bool]) -> tuple[bool, str]:
    return (not entry[1], entry[0])


def _say(response: ServerResponse, status: int) -> None:
    response.status_code = status
    response.set_header("Content-Type", "text/plain")
    response.end(f"{status}\n")


def _page(path: str, entries: list[tuple[str, bool]]) -> bytes:
    items = [] if path == "/" else ['<li><a href="../">../</a></li>']
    for name, is_folder in entries:
        shown = name + ("/" if is_folder else "")
        # The leading dot keeps a name with a colon from being taken for a scheme.
        link = "./" + quote(os.fsencode(shown))
        items.append(f'<li><a href="{link}">{html.escape(shown)}</a></li>')
    page = _PAGE.format(title=html.escape(path), items="\n".join(items))
    return page.encode("utf-8", "replace")
