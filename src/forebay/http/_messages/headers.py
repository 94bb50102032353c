"""Header fields that a program gives, and a case-insensitive mapping of received fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from forebay.errors import InvalidArgTypeError

__all__ = ["HeaderFields", "HeaderValue", "Headers", "header_items"]

HeaderValue = str | int | list[str] | tuple[str, ...]
HeaderFields = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]


def header_items(headers: HeaderFields) -> list[tuple[str, HeaderValue]]:
    """Return the fields of a mapping or of pairs."""
    if isinstance(headers, Mapping):
        return list(headers.items())
    if isinstance(headers, str | bytes) or not isinstance(headers, Iterable):
        raise InvalidArgTypeError(f"headers must be a mapping or pairs of name and value, got {headers!r}")
    return list(headers)


class Headers(Mapping[str, str]):
    """A case-insensitive mapping of the header fields of a received message.

    A field that came several times is one value, joined by ``", "`` (``"; "`` for Cookie). `get_all` returns the single
    values, which Set-Cookie needs. The bytes are decoded as Latin-1.
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
        """Return every value of a field in the order of arrival. The list is empty if there is no such field.

        Args:
            name: The name of the field, in any case.
        """
        return list(self._fields.get(name.lower(), ()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self) if hasattr(self, '_fields') else {}!r})"
