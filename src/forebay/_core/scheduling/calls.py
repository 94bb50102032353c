"""Cheap calls of hooks from compiled code.

`attempt` returns an exception instead of raising it. `deep` and `crowded` say whether nested calls have left so little of
the stack that work must be postponed.

In compiled code, a ``try`` saves the exception state at every call, which costs more than the rest of the call. These
functions avoid that. On the pure-Python backend they are plain functions.
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
    """Return whether so much of the stack is used that work must be postponed."""
    try:
        sys._getframe(sys.getrecursionlimit() // 2)
    except (ValueError, MemoryError):
        return False
    return True


#: The same limit for places where the code of the program nests calls as well.
crowded = deep


def forget_stack() -> None:
    """Forget the stack limits of the previous thread, because a new thread runs here."""


def attempt0(fn: Callable[[], Any]) -> Any:
    """Return ``fn()``, or a `Raised` as for `attempt`."""
    try:
        return fn()
    except BaseException as error:
        heed(error)
        return Raised(error)


def attempt(fn: Callable[[Any], Any], arg: Any) -> Any:
    """Return ``fn(arg)``, or a `Raised` for any exception: an exception must not leave a stream in the middle of its hook."""
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
    """Return the length of an object of exactly the type ``bytes``."""
    return len(data)


def has_await(value: object) -> bool:
    """Return whether the type of ``value`` has ``__await__``."""
    return hasattr(type(value), "__await__")


_PLAIN = frozenset((bytes, str, dict, tuple, list))


def is_plain(value: object) -> bool:
    """Return whether ``value`` is of a type that is common for chunks and, being exactly that type, can only be a chunk."""
    return type(value) in _PLAIN


def method_of(owner: Any, name: str) -> Any:
    """Return the method of ``owner`` with that name, or None. For a hook that most streams do not have."""
    return getattr(owner, name, None)


def drop_empty_dict(owner: object) -> None:
    """Free the empty dict that a compiled object starts with."""


def ready_for_calls(owner: object) -> None:
    """Prepare ``owner`` for frequent method calls. This may cost a little memory."""


def interned(name: Any) -> Any:
    """Return the interned ``name``."""
    return sys.intern(str.__str__(name)) if isinstance(name, str) else name


def with_last(items: list[Any], item: Any) -> list[Any]:
    """Return a new list of ``items`` and ``item``."""
    return [*items, item]


def without(items: list[Any], index: int) -> list[Any]:
    """Return a new list of ``items`` except the one at ``index``."""
    return items[:index] + items[index + 1 :]
