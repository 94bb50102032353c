"""The metaclass of the classes that replace asyncio's."""

from __future__ import annotations

import abc
import typing
from typing import Any, ClassVar


class Standing(type(typing.Protocol)):  # type: ignore[misc]  # it has no public name
    """What ``isinstance`` says while they do, and what a class of users is made of.

    They are subclasses of asyncio's, so an object of forebay is always one of asyncio's too. While they stand under
    asyncio's names, the check goes the other way as well: a reader that was made before, or by a subclass that was,
    still is an `asyncio.StreamReader`.

    asyncio's classes have no metaclass and no memory of their own, so that any class may have them among its bases. This
    one is the metaclass of `typing.Protocol`, which covers abstract classes; and a class of
    several of forebay's, or with another compiled base, is made of asyncio's.
    """

    #: asyncio's class for each of forebay's that stands in its place now.
    stands_for: ClassVar[dict[type, type]] = {}
    #: asyncio's class for each of forebay's.
    originals: ClassVar[dict[type, type]] = {}

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Standing:
        originals = Standing.originals
        theirs = tuple(originals.get(base, base) for base in bases)
        if sum(base in originals for base in bases) < 2:
            try:
                return typing.cast(Standing, super().__new__(mcls, name, bases, namespace, **options))
            except TypeError as error:
                if theirs == bases or "lay-out conflict" not in str(error):
                    raise
        return typing.cast(Standing, super().__new__(mcls, name, theirs, namespace, **options))

    def __instancecheck__(cls, instance: Any) -> bool:
        if abc.ABCMeta.__instancecheck__(cls, instance):
            return True
        original = Standing.stands_for.get(cls)
        return original is not None and isinstance(instance, original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if abc.ABCMeta.__subclasscheck__(cls, subclass):
            return True
        original = Standing.stands_for.get(cls)
        return original is not None and issubclass(subclass, original)


def stand_in(cls: type) -> Any:
    """The class of asyncio's that a class of forebay can stand in for: noted, and returned."""
    original: Any = next(base for base in cls.__mro__[1:] if base.__name__ == cls.__name__)
    Standing.originals[cls] = original
    return original
