"""Calls of hooks that are cheap for compiled code.

`attempt` is a call that returns the exception as a value. `deep` and `crowded` tell whether to put work off, because calls
are nested so deep that there is little stack left.

A ``try`` makes compiled code save the exception state at every call, which costs more than the rest of a hook's call. So
hooks are called through this module. On the pure-Python backend these are plain functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from forebay._core.scheduling.exit import heed


class Raised:
    """The result of `attempt` for a call that raised ``error``."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def deep() -> bool:
    """Return whether so much of the stack is used that work should be put off."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)
    except ValueError:
        return False
    return True


#: The same, where other people's calls are nested as well as forebay's own.
crowded = deep


def forget_stack() -> None:
    """Forget the stack of another thread: a new thread runs here."""


def attempt0(fn: Callable[[], Any]) -> Any:
    """Return ``fn()``, or a `Raised`, as `attempt` does."""
    try:
        return fn()
    except BaseException as error:
        heed(error)
        return Raised(error)


def attempt(fn: Callable[[Any], Any], arg: Any) -> Any:
    """Return ``fn(arg)``, or a `Raised` for any exception: a stream must not stop in the middle of its hook."""
    try:
        return fn(arg)
    except BaseException as error:
        heed(error)
        return Raised(error)


def attempt_method(fn: Callable[[Any, Any], Any], owner: Any, arg: Any) -> Any:
    """Return ``fn(owner, arg)``, or a `Raised`."""
    try:
        return fn(owner, arg)
    except BaseException as error:
        heed(error)
        return Raised(error)


def bytes_size(data: bytes) -> int:
    """Return the length of an object that is exactly ``bytes``."""
    return len(data)


def method_of(owner: Any, name: str) -> Any:
    """Return ``owner``'s method of that name, or None; for a hook that most streams do not have."""
    return getattr(owner, name, None)


def drop_empty_dict(owner: object) -> None:
    """Free the dict that a compiled object starts with, if it is empty."""


def ready_for_calls(owner: object) -> None:
    """Prepare ``owner`` for frequent method calls. This may cost a little memory."""


def interned(name: Any) -> Any:
    """Return a str ``name`` as the one object that all equal interned strings are."""
    return sys.intern(str.__str__(name)) if isinstance(name, str) else name


def with_last(items: list[Any], item: Any) -> list[Any]:
    """Return a new list of ``items`` and ``item``."""
    return [*items, item]


def without(items: list[Any], index: int) -> list[Any]:
    """Return a new list of ``items`` except the one at ``index``."""
    return items[:index] + items[index + 1 :]
