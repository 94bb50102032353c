"""Several steps, each of which is taken whatever becomes of the others."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

__all__ = ["release", "tell_each"]


def release(*steps: Callable[[], object]) -> None:
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


def tell_each(loop: AbstractEventLoop, *steps: Callable[[], object]) -> None:
    """Call all of them in order; what a listener raises in one goes to the loop's exception handler."""
    for step in steps:
        try:
            step()
        except Exception as error:
            loop.call_exception_handler(
                {"message": "Exception in a listener of a file stream", "exception": error}
            )
