"""Cleanup in several steps, each of which runs even if another fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Protocol

__all__ = ["close_all", "close_descriptors", "run_all"]


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


def close_descriptors(*fds: int) -> None:
    """Close the descriptors that are not negative: those of pipes, processes, folders, and files that were only read.

    An error of their close has no meaning: no data can be lost, and the descriptor is closed all the same.
    """
    for fd in fds:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
