"""The metaclass of the reader, writer and protocol classes that replace asyncio's, and the table of replaced classes."""

from __future__ import annotations

import abc
import typing
from typing import Any, ClassVar


class StandInMeta(type(typing.Protocol)):  # type: ignore[misc]  # it has no public name
    """The metaclass of forebay's `StreamReader`, `StreamWriter` and `StreamReaderProtocol`. It changes two things.

    **Checks.** Each class is a subclass of asyncio's class of the same name, so its objects pass checks against asyncio's
    class. While `install` is in effect, the names in asyncio refer to forebay's classes. Then ``isinstance`` and
    ``issubclass`` against forebay's class also accept objects and subclasses of asyncio's class, such as a reader that was
    made before `install`.

    **Subclasses.** A program may combine asyncio's classes with any other base class. Forebay's classes have a compiled base
    and a metaclass, which could conflict with those of the other base. The metaclass therefore derives from that of
    `typing.Protocol`, which is compatible with abstract classes and protocols. A class with two of forebay's classes as
    bases, or with another compiled base, gets asyncio's classes as bases instead.
    """

    #: From each class of forebay that now replaces a class of asyncio to the replaced class.
    stands_for: ClassVar[dict[type, type]] = {}
    #: From each class of forebay to the class of asyncio that it can replace.
    originals: ClassVar[dict[type, type]] = {}

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> StandInMeta:
        originals = StandInMeta.originals
        theirs = tuple(originals.get(base, base) for base in bases)
        if sum(base in originals for base in bases) < 2:
            try:
                return typing.cast(StandInMeta, super().__new__(mcls, name, bases, namespace, **options))
            except TypeError as error:
                if theirs == bases or "lay-out conflict" not in str(error):
                    raise
        return typing.cast(StandInMeta, super().__new__(mcls, name, theirs, namespace, **options))

    def __instancecheck__(cls, instance: Any) -> bool:
        if abc.ABCMeta.__instancecheck__(cls, instance):
            return True
        original = StandInMeta.stands_for.get(cls)
        return original is not None and isinstance(instance, original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if abc.ABCMeta.__subclasscheck__(cls, subclass):
            return True
        original = StandInMeta.stands_for.get(cls)
        return original is not None and issubclass(subclass, original)


def stand_in(cls: type) -> Any:
    """Register which class of asyncio ``cls`` can replace, and return that class."""
    original: Any = next(base for base in cls.__mro__[1:] if base.__name__ == cls.__name__)
    StandInMeta.originals[cls] = original
    return original
