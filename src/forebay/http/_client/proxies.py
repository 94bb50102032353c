"""Proxies: which proxy a request uses, by argument or by environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.http._client.url import Target, parse_target

__all__ = ["Proxies", "as_proxies"]

_DIRECT = ("no_proxy", "NO_PROXY")


# A proxy, or the setting of an invalid one: its URL and the place of the setting.
Proxy = Target | tuple[str, str]


class Proxies:
    """The proxies for http and https, and the hosts without a proxy."""

    def __init__(
        self, http: Proxy | None = None, https: Proxy | None = None, direct: tuple[str, ...] = ()
    ) -> None:
        self._http = http
        self._https = https
        self._direct = direct

    def proxy_for(self, target: Target) -> Target | None:
        """Return the proxy for ``target``, or None. Raise InvalidArgValueError if the setting is not a proxy."""
        proxy = self._https if target.secure else self._http
        if proxy is None or any(_covers(entry, target) for entry in self._direct):
            return None
        return proxy if isinstance(proxy, Target) else _parse(*proxy)

    @classmethod
    def of_environment(cls, environ: Mapping[str, str] = os.environ) -> Proxies:
        """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. Lower-case names take precedence; an empty value means no proxy.

        In a CGI program (REQUEST_METHOD is set), HTTP_PROXY may be a client's header "Proxy", so it is ignored. An invalid
        proxy is an error only of the requests that would use it.
        """
        cgi = "REQUEST_METHOD" in environ
        everything = ("all_proxy", "ALL_PROXY")
        http = _first(environ, ("http_proxy",) if cgi else ("http_proxy", "HTTP_PROXY"), everything)
        https = _first(environ, ("https_proxy", "HTTPS_PROXY"), everything)
        if http is None and https is None:
            return _NONE
        direct = next((environ[name] for name in _DIRECT if name in environ), "")
        entries = tuple(entry for item in direct.replace(",", " ").split() if (entry := item.strip().lower()))
        return cls(http, https, entries)


_NONE = Proxies()


def as_proxies(proxy: str | bool | None) -> Proxies:
    """Return the proxy of a URL, or of the environment for True; None for False or None. Raises as `parse_target`."""
    if proxy is True:
        return Proxies.of_environment()
    if proxy is None or proxy is False:
        return _NONE
    if not isinstance(proxy, str):
        raise InvalidArgTypeError(
            f"proxy must be a URL, True for the environment's or False for none, got {proxy!r}"
        )
    target = _parse(proxy, "proxy")
    return Proxies(target, target)


def _first(environ: Mapping[str, str], *groups: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the first variable of each group that is set. An empty one defers to the next group."""
    for names in groups:
        for name in names:
            if name in environ:
                if environ[name].strip():
                    return environ[name].strip(), f"the environment variable {name}"
                break
    return None


def _parse(url: str, what: str) -> Target:
    # Many programs accept "host:port".
    full = url if "://" in url else f"http://{url}"
    if not full.lower().startswith(("http://", "https://")):
        raise InvalidArgValueError(
            f"{what} must be an http:// or https:// URL, as other kinds of proxies are not spoken, got {_shown(url)!r}"
        )
    try:
        return parse_target(full)
    except InvalidArgValueError:
        raise InvalidArgValueError(
            f"{what} must be the URL of a proxy, such as 'http://proxy.example:3128', got {_shown(url)!r}"
        ) from None


def _shown(url: str) -> str:
    """Return the URL without credentials."""
    return url.rpartition("@")[2]


def _covers(entry: str, target: Target) -> bool:
    """Return whether an entry of NO_PROXY covers ``target``: ``*``, a host and its subdomains, an address, a network."""
    if entry == "*":
        return True
    host = target.hostname.partition("%")[0].rstrip(".")
    if "/" in entry:
        return _in_network(host, entry)
    name, port = _host_and_port(entry)
    if port is not None and port != str(target.port):
        return False
    name = name.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and (host == name or host.endswith("." + name))


def _host_and_port(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":") or None
    if entry.count(":") > 1:
        return entry, None
    host, colon, port = entry.partition(":")
    return host, port if colon else None


def _in_network(host: str, entry: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
