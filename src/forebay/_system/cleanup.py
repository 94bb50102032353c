"""Cleanup in several steps, each of which runs even if another fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["close_all", "run_all"]


class Closable(Protocol):
    """An object with a close(), such as a socket."""

    def close(self) -> object: ...


def run_all(*steps: Callable[[], object]) -> None:
    """Call all steps in order, then raise the first error."""
    first: BaseException | None = None
    for step in steps:
        try:
            step()
        except BaseException as error:
            if first is None:
                first = error
    if first is not None:
        try:
            raise first
        finally:
            # The frame is in the error's traceback.
            first = None


def close_all(resources: Iterable[Closable]) -> None:
    """Close all resources, then raise the first error."""
    run_all(*(each.close for each in resources))
