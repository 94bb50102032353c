"""Accept-Encoding: which of the available content codings a client prefers."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["accepted_encodings"]

_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}


def accepted_encodings(field: str | None, offered: Sequence[str]) -> list[str]:
    """Return those of ``offered`` that the client accepts and does not rank below no coding, best first (RFC 9110, 12.5.3).

    Codings of equal rank are in the order of ``offered``.
    """
    if field is None:
        return []
    weights: dict[str, float] = {}
    for item in field.split(","):
        coding, *parameters = (part.strip() for part in item.lower().split(";"))
        if coding:
            weights[_ALIASES.get(coding, coding)] = _weight(parameters)
    rest = weights.get("*", 0.0)
    plain = weights.get("identity", 0.0)
    liked = [(weights.get(coding, rest), coding) for coding in offered]
    # The sort is stable, so codings of equal rank keep their order.
    liked.sort(key=lambda pair: -pair[0])
    return [coding for weight, coding in liked if weight > 0 and weight >= plain]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0
