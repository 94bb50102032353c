"""Calls of hooks, without what they would cost compiled code.

`attempt`: a call whose exception comes back as a value. `deep` and `crowded`: whether work should be put off, because
calls are nested so deep that there is little room for more.

A ``try`` costs compiled code a save of the exception state at every call, more than the rest of a hook's call; so the
hooks are called through here. On the backend that is not compiled these are the plain functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from forebay._core.scheduling.exit import heed


class Raised:
    """What `attempt` gives for a call that raised ``error``."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def deep() -> bool:
    """Whether so much of the stack is used that what can be put off should be."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)
    except ValueError:
        return False
    return True


#: The same, where other people's calls are nested as well as forebay's own.
crowded = deep


def forget_stack() -> None:
    """A thread is new here: what is known of another one's stack says nothing of its own."""


def attempt0(fn: Callable[[], Any]) -> Any:
    """``fn()``, or a `Raised`, as `attempt`."""
    try:
        return fn()
    except BaseException as error:
        heed(error)
        return Raised(error)


def attempt(fn: Callable[[Any], Any], arg: Any) -> Any:
    """``fn(arg)``, or a `Raised`, whatever it was: a stream must not stand still in the middle of its hook."""
    try:
        return fn(arg)
    except BaseException as error:
        heed(error)
        return Raised(error)


def attempt_method(fn: Callable[[Any, Any], Any], owner: Any, arg: Any) -> Any:
    """``fn(owner, arg)``, or a `Raised`."""
    try:
        return fn(owner, arg)
    except BaseException as error:
        heed(error)
        return Raised(error)


def bytes_size(data: bytes) -> int:
    """The length of what is known to be exactly ``bytes``."""
    return len(data)


def method_of(owner: Any, name: str) -> Any:
    """``owner``'s method of that name, or None; a hook that most streams do not have."""
    return getattr(owner, name, None)


def drop_empty_dict(owner: object) -> None:
    """Give back the dict that a compiled object starts with, where nothing is in it."""


def ready_for_calls(owner: object) -> None:
    """Methods of ``owner`` are about to be called often: what finding them takes may cost a little memory."""


def interned(name: Any) -> Any:
    """``name``, where it is a str, as the one object that all equal strings of the interpreter's own are."""
    return sys.intern(str.__str__(name)) if isinstance(name, str) else name


def with_last(items: list[Any], item: Any) -> list[Any]:
    """A new list of ``items`` and ``item``."""
    return [*items, item]


def without(items: list[Any], index: int) -> list[Any]:
    """A new list of ``items`` but the one at ``index``."""
    return items[:index] + items[index + 1 :]
