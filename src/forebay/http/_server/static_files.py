"""StaticFiles: a handler that serves a folder."""

from __future__ import annotations

import errno
import html
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from urllib.parse import quote

from forebay._core.representation import represent
from forebay._system.paths import StrPath, check_path
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.http._messages.header_checks import check_value
from forebay.http._messages.incoming import ServerRequest
from forebay.http._messages.url_path import decoded_path, folder_location
from forebay.http._server.content_encodings import accepted_encodings
from forebay.http._server.open_file import Folder, OpenFile, Variant, fault_status, open_file
from forebay.http._server.response import ServerResponse
from forebay.http._server.send_file import SendFile

__all__ = ["CacheControl", "StaticFiles"]

#: The value of Cache-Control: one str for all files, a mapping from the end of the path, or a function.
CacheControl = str | Mapping[str, str] | Callable[[str], str | None]

_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><ul>
{items}
</ul></body></html>
"""

# Encodings of precompressed files; usually the smallest first.
_SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


class StaticFiles:
    """A handler for `create_server` that answers with the files in ``root``, as `send_file` does.

    Links are followed only inside ``root``, even if they change meanwhile. Methods other than GET and HEAD get 405.

    Args:
        root: The folder.
        listing: Whether to list a folder that has no index; otherwise it is 404.
        index: The name of the file that stands for its folder.
        throttle: Bytes per second of each answer.
        cache_control: The Cache-Control header of the files. A str is for all files. A mapping is from the end of the path to
            the value; the longest matching key counts (``{".html": "no-cache", "": "max-age=3600"}``). A function gets the
            path in ``root``, such as ``"css/site.css"``, and returns the value or None.
        precompressed: Whether to send ``site.css.br``, ``.zst`` or ``.gz`` instead of ``site.css`` if that file lies beside it,
            is not older, and the client's Accept-Encoding allows it. The answer has an ETag of its own, and each
            answer has ``Vary: Accept-Encoding``.

    Raises:
        InvalidArgValueError: ``root`` is not a folder.
        InvalidHeaderError: ``cache_control`` cannot be a header.
    """

    def __init__(
        self,
        root: StrPath,
        *,
        listing: bool = False,
        index: str = "index.html",
        throttle: float | None = None,
        cache_control: CacheControl | None = None,
        precompressed: bool = False,
    ) -> None:
        self.root = os.fsdecode(check_path(root))
        if not os.path.isdir(self.root):
            raise InvalidArgValueError(f"root must be a folder, got {root!r}")
        self._listing = listing
        self._index = index
        self._throttle = throttle
        self._cache_control = _checked(cache_control)
        self._precompressed = precompressed

    def __repr__(self) -> str:
        return represent(self, lambda: repr(self.root))

    def __call__(self, request: ServerRequest, response: ServerResponse) -> Awaitable[None]:
        sending = _SendStatic(self, response)
        if request.method not in ("GET", "HEAD"):
            response.set_header("Allow", "GET, HEAD")
            sending._refuse(405)
            return sending
        variants: list[Variant] = []
        if self._precompressed:
            response.append_header("Vary", "Accept-Encoding")
            wanted = accepted_encodings(request.headers.get("accept-encoding"), list(_SUFFIXES))
            variants = [Variant(coding, _SUFFIXES[coding]) for coding in wanted]
        sending._start(partial(self._find, sending, os.fsdecode(decoded_path(request.url)), variants))
        return sending

    def _find(self, sending: _SendStatic, path: str, variants: Sequence[Variant]) -> OpenFile | Folder:
        """Find the file, or the folder without an index, in a worker."""
        found = open_file(path, self.root, variants)
        sending._path = path
        if isinstance(found, OpenFile) or not path.endswith("/"):
            return found
        try:
            index = self._find_index(path + self._index, variants)
            if index is not None:
                os.close(found.fd)
                sending._path = path + self._index
                return index
            if self._listing:
                sending._entries = _content(found.fd)
        except BaseException:
            os.close(found.fd)
            raise
        return found

    def _find_index(self, path: str, variants: Sequence[Variant]) -> OpenFile | None:
        try:
            found = open_file(path, self.root, variants)
        except OSError as error:
            if fault_status(error) == 404:
                return None
            raise
        if isinstance(found, OpenFile):
            return found
        os.close(found.fd)
        return None

    def cache_control_of(self, path: str) -> str | None:
        """Return the Cache-Control header for a path in ``root``, or None.

        Args:
            path: The path, such as ``"css/site.css"``.
        """
        rule = self._cache_control
        if rule is None or isinstance(rule, str):
            return rule
        if isinstance(rule, Mapping):
            ends = [end for end in rule if path.endswith(end)]
            return rule[max(ends, key=len)] if ends else None
        return rule(path)


class _SendStatic(SendFile):
    """The answer to one request for a file or folder."""

    def __init__(self, files: StaticFiles, response: ServerResponse) -> None:
        super().__init__(response, None, files._throttle)
        self._files = files
        self._path = ""
        self._entries: list[tuple[str, bool]] | None = None

    def _answer(self, file: OpenFile) -> None:
        response = self._response
        try:
            value = self._files.cache_control_of(self._path.lstrip("/"))
            if value is not None and not response.has_header("Cache-Control"):
                response.set_header("Cache-Control", value)
        except BaseException:
            file.close()
            raise
        super()._answer(file)

    def _answer_folder(self, folder: Folder) -> None:
        os.close(folder.fd)
        if not self._path.endswith("/"):
            self._response.set_header("Location", folder_location(self._response.request.url))
            self._refuse(301)
        elif self._entries is None:
            self._refuse(404)
        else:
            self._response.set_header("Content-Type", "text/html; charset=utf-8")
            self._response.end(_page(self._path, self._entries), callback=self._settle)


def _checked(rule: CacheControl | None) -> CacheControl | None:
    if isinstance(rule, str):
        check_value("Cache-Control", rule)
    elif isinstance(rule, Mapping):
        for end, value in rule.items():
            if not isinstance(end, str) or not isinstance(value, str):
                raise InvalidArgTypeError(
                    f"cache_control must map the end of a path to a str, got {end!r}: {value!r}"
                )
            check_value("Cache-Control", value)
    elif rule is not None and not callable(rule):
        raise InvalidArgTypeError(
            f"cache_control must be a str, a mapping or a function of the path, got {rule!r}"
        )
    return rule


def _content(fd: int) -> list[tuple[str, bool]]:
    """Return the names in a folder, and whether they are folders, folders first; in a worker."""
    with os.scandir(fd) as entries:
        return sorted(((entry.name, _is_folder(entry)) for entry in entries), key=_folders_first)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        # For example, a link to itself.
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES):
            return False
        raise


def _folders_first(entry: tuple[str, bool]) -> tuple[bool, str]:
    return (not entry[1], entry[0])


def _page(path: str, entries: list[tuple[str, bool]]) -> bytes:
    items = [] if path == "/" else ['<li><a href="../">../</a></li>']
    for name, is_folder in entries:
        shown = name + ("/" if is_folder else "")
        # Because of the leading dot, a name with a colon is not taken for a URL with a scheme.
        link = "./" + quote(os.fsencode(shown))
        items.append(f'<li><a href="{link}">{html.escape(shown)}</a></li>')
    page = _PAGE.format(title=html.escape(path), items="\n".join(items))
    return page.encode("utf-8", "replace")
