"""Several steps, each of which is taken whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["close_all", "run_all"]


class Closable(Protocol):
    """A socket, for one."""

    def close(self) -> object: ...


def run_all(*steps: Callable[[], object]) -> None:
    """Call all of them in order; then raise the first error that there was."""
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
    """Close every one of them; then raise the first error that there was."""
    run_all(*(each.close for each in resources))
