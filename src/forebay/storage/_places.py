"""Where an object is: a URL or a store and a key, and the library that reaches it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["ObjectPlace", "find", "without_secrets"]

#: The schemes of obstore. Every other one is that of a file system of fsspec.
_OBSTORE_SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "http", "https")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_QUERY = re.compile(r"(?<=[\w/])\?[^\s\"'<>]+")
_USER = re.compile(r"(://)[^/@\s]*@")


class ObjectPlace(NamedTuple):
    """An object: ``store`` is the store of ``library``, and ``key`` its key there.

    ``library`` is "obstore", "fsspec" or, without a store, "file".
    """

    library: str
    store: Any
    key: str
    name: str


def without_secrets(text: str) -> str:
    """Return a URL, or a message with URLs, without queries, which may be signatures, and without users."""
    return _QUERY.sub("?***", _USER.sub(r"\1", text))


def find(where: Any, key: str | None, options: Mapping[str, Any] | None) -> ObjectPlace:
    """Return the place of an object. Raises for wrong arguments, and ImportError if a library is missing."""
    if key is not None and not isinstance(key, str):
        raise InvalidArgTypeError(f"key must be a str, got {key!r:.80}")
    if options is not None and not isinstance(options, Mapping):
        raise InvalidArgTypeError(f"options must be a mapping, got {options!r:.80}")
    if isinstance(where, str):
        return _of_url(where, key, dict(options or {}))
    if options:
        raise InvalidArgValueError("options are for a URL; give them to the store itself")
    library = _library_of(where)
    if library is None:
        raise InvalidArgTypeError(f"a URL or a store of obstore or fsspec is needed, got {where!r:.80}")
    if not key:
        raise InvalidArgValueError(f"the key of the object is needed beside the store {type(where).__name__}")
    return ObjectPlace(library, where, key, key)


def _library_of(store: Any) -> str | None:
    modules = {kind.__module__.partition(".")[0] for kind in type(store).__mro__}
    # A file system of fsspec may use obstore.
    return "fsspec" if "fsspec" in modules else "obstore" if "obstore" in modules else None


def _of_url(url: str, key: str | None, options: dict[str, Any]) -> ObjectPlace:
    match = _SCHEME.match(url)
    if match is None:
        raise InvalidArgValueError(f"{without_secrets(url)!r:.200} is no URL, such as s3://bucket/key")
    if key is not None:
        url = f"{url.rstrip('/')}/{key}"
    name = without_secrets(url)
    scheme = match[1].lower()
    if scheme == "file":
        return _local(url, name, options)
    if scheme not in _OBSTORE_SCHEMES:
        fsspec = _load("fsspec", scheme)
        try:
            store, path = fsspec.core.url_to_fs(url, **options)
        except ValueError as error:
            raise InvalidArgValueError(f"{name}: {error}") from None
        return ObjectPlace("fsspec", store, path, name)
    return _with_obstore(url, scheme, name, options)


def _local(url: str, name: str, options: dict[str, Any]) -> ObjectPlace:
    host, _, path = url.partition("://")[2].partition("/")
    if host not in ("", "localhost") or not path or path.endswith("/"):
        raise InvalidArgValueError(f"{name}: the URL of a file is file:///FOLDER/NAME")
    if options:
        raise InvalidArgValueError(f"{name}: a file has no options, got {', '.join(options)}")
    return ObjectPlace("file", None, unquote(f"/{path}"), name)


def _with_obstore(url: str, scheme: str, name: str, options: dict[str, Any]) -> ObjectPlace:
    obstore = _load("obstore", scheme)
    place, _, path = url.partition("://")[2].partition("/")
    if scheme in ("http", "https"):
        if urlsplit(url).query:
            raise InvalidArgValueError(f"{name}: a URL with a query is not an object; use forebay.http")
        path = unquote(path)
    if not place or not path or path.endswith("/"):
        raise InvalidArgValueError(
            f"{name}: the URL of an object has a bucket and a key: {scheme}://BUCKET/KEY"
        )
    store = obstore.store.from_url(f"{scheme}://{place}", **options)
    return ObjectPlace("obstore", store, path, name)


def _load(name: str, scheme: str) -> Any:
    try:
        library = import_module(name)
        import_module(f"{name}.{'store' if name == 'obstore' else 'core'}")
    except ImportError:
        extra = "storage" if name == "obstore" else "fsspec"
        raise ImportError(
            f"{scheme}:// URLs need {name}, which is not installed; pip install 'forebay[{extra}]'", name=name
        ) from None
    return library
