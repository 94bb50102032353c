"""Errors of obstore as they may be shown: one paragraph, without signatures."""

from __future__ import annotations

from forebay.storage._places import without_secrets

__all__ = ["shortened"]

_DETAILS = "\n\nDebug source:"


def shortened(error: BaseException) -> BaseException:
    """Cut the dump of internal values from the message of an error. Return the error."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (without_secrets(error.args[0].partition(_DETAILS)[0]),)
    return error
