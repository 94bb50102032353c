"""What a worker of an executor runs. The module imports nothing of the package, because the worker may be a new process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from traceback import format_exception
from typing import Any


def call_each(
    fn: Callable[[Any], Any], items: list[Any], flat: bool
) -> tuple[list[Any], Exception | None, str]:
    """Call ``fn`` with each item. Return the results, and the exception of the first call that failed, with its traceback.

    With ``flat`` a result is an iterable, which becomes a list; text and bytes become a list of one.
    """
    results: list[Any] = []
    for item in items:
        try:
            result = fn(item)
            if flat:
                result = _listed(result)
            results.append(result)
        except Exception as error:
            return results, error, "".join(format_exception(error))
    return results, None, ""


def _listed(result: Any) -> list[Any]:
    if isinstance(result, str | bytes | bytearray | memoryview):
        return [result]
    if not isinstance(result, Iterable):
        raise TypeError(f"flat_map(): the function must give an iterable, got {result!r:.80}")
    return list(result)
