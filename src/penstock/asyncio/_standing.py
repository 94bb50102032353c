"""What ``isinstance`` says while penstock's classes stand in the place of asyncio's."""

from __future__ import annotations

from typing import Any, ClassVar


class Standing(type):
    """The metaclass of the classes that `install` puts in the place of asyncio's.

    They are subclasses of asyncio's, so an object of penstock is always one of asyncio's too. While they stand under
    asyncio's names, the check goes the other way as well: a reader that was made before, or by a subclass that was,
    still is an `asyncio.StreamReader`.
    """

    #: asyncio's class for each of penstock's that stands in its place now.
    stands_for: ClassVar[dict[type, type]] = {}

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        original = Standing.stands_for.get(cls)
        return original is not None and isinstance(instance, original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        original = Standing.stands_for.get(cls)
        return original is not None and issubclass(subclass, original)
