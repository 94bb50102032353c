"""The dialect of CSV, from the options of `parse` and `stringify`."""

from __future__ import annotations

import csv
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

#: The values of ``quoting``, and what the csv module calls them.
QUOTING = {
    "minimal": csv.QUOTE_MINIMAL,
    "all": csv.QUOTE_ALL,
    "nonnumeric": csv.QUOTE_NONNUMERIC,
    "none": csv.QUOTE_NONE,
}


def make_dialect(dialect: Any, defaults: dict[str, Any], **given: Any) -> Any:
    """Return the csv module's dialect for these options, checked.

    Args:
        dialect: One of the csv module, by its name or as a class, which takes the place of the options; or None.
        defaults: The options that are left as they are.
        given: The options, by forebay's names.

    Raises:
        InvalidArgTypeError: An option has the wrong type.
        InvalidArgValueError: There is no such dialect, or there are options beside it.
    """
    if dialect is not None:
        beside = [name for name, value in given.items() if value != defaults[name]]
        if beside:
            raise InvalidArgValueError(
                f"dialect= takes the place of {', '.join(beside)}=: give the dialect, or the options"
            )
        return _known_dialect(dialect)
    quote = given["quote"]
    options = {
        "delimiter": given["delimiter"],
        "quotechar": quote,
        "escapechar": given["escape"],
        "doublequote": given["double_quote"],
        "skipinitialspace": given.get("skip_initial_space", False),
        "lineterminator": given.get("line_end", "\r\n"),
        "quoting": csv.QUOTE_NONE if quote is None else _quoting(given.get("quoting", "minimal")),
        "strict": given.get("strict", False),
    }
    for name, option in (("delimiter", "delimiter"), ("quote", "quotechar"), ("escape", "escapechar")):
        _check_character(name, options[option], option != "delimiter")
    if len({options["delimiter"], quote, given["escape"]} - {None}) < 3 - (quote, given["escape"]).count(
        None
    ):
        raise InvalidArgValueError("delimiter, quote and escape must be different characters")
    return _made(options)


def _known_dialect(dialect: Any) -> Any:
    if isinstance(dialect, str) and dialect not in csv.list_dialects():
        raise InvalidArgValueError(
            f"the csv module has no dialect {dialect!r}; it has {', '.join(csv.list_dialects())}"
        )
    made = type(csv.reader([]).dialect)
    known = isinstance(dialect, (str, csv.Dialect, made)) or (
        isinstance(dialect, type) and issubclass(dialect, csv.Dialect)
    )
    try:
        if known:
            return csv.reader([], dialect).dialect
    except (TypeError, csv.Error) as error:
        raise InvalidArgTypeError(f"the csv module refuses the dialect {dialect!r:.80}: {error}") from None
    raise InvalidArgTypeError(
        f"dialect must be the name or the class of a dialect of the csv module, got {dialect!r:.80}"
    )


def _made(options: dict[str, Any]) -> Any:
    try:
        return csv.reader([], **options).dialect
    except TypeError as error:
        raise InvalidArgTypeError(f"the csv module refuses these options: {error}") from None


def _quoting(quoting: Any) -> int:
    if quoting not in QUOTING:
        raise InvalidArgValueError(f"quoting must be one of {', '.join(QUOTING)}, got {quoting!r}")
    return QUOTING[quoting]


def _check_character(name: str, value: Any, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, str):
        raise InvalidArgTypeError(
            f"{name} must be a character{' or None' if optional else ''}, got {value!r}"
        )
    if len(value) != 1 or value in "\r\n":
        raise InvalidArgValueError(f"{name} must be one character, and no line end, got {value!r}")
