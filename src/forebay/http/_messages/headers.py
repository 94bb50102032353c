"""Header fields, as a program gives them and as a mapping of those that came, which does not mind case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from forebay.errors import InvalidArgTypeError

__all__ = ["HeaderFields", "HeaderValue", "Headers", "header_items"]

HeaderValue = str | int | list[str] | tuple[str, ...]
HeaderFields = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]


def header_items(headers: HeaderFields) -> list[tuple[str, HeaderValue]]:
    """The fields of a mapping or of pairs."""
    if isinstance(headers, Mapping):
        return list(headers.items())
    if isinstance(headers, str | bytes) or not isinstance(headers, Iterable):
        raise InvalidArgTypeError(f"headers must be a mapping or pairs of name and value, got {headers!r}")
    return list(headers)


class Headers(Mapping[str, str]):
    """The header fields of a message that came, by name in any case.

    A field that came several times is one value, joined by ``", "`` (``"; "`` for Cookie); `get_all` has them one by
    one, which Set-Cookie needs. The bytes are read as Latin-1.
    """

    __slots__ = ("_fields",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        fields: dict[str, list[str]] = {}
        for name, value in raw:
            fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        values = self._fields[name.lower()]
        if len(values) == 1:
            return values[0]
        return ("; " if name.lower() == "cookie" else ", ").join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name`` in the order in which they came; empty where there is none."""
        return list(self._fields.get(name.lower(), ()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"
