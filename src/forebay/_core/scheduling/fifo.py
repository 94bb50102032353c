"""A first-in first-out queue of objects, as a circular list.

Compiled code uses it without a call through Python, which ``collections.deque`` needs. It keeps its memory between bursts,
up to a bound.

Making room may run the garbage collector and with it foreign code, which may use the same queue. So a caller makes room
with `reserve`, then decides, and then calls `put`, which runs no foreign code. Related entries thus stay together.
"""

from __future__ import annotations

from typing import Any

# A thousand rows that wait to be written: a chunk and a callback each.
_KEPT_SLOTS = 2048


class Fifo:
    def __init__(self) -> None:
        self._slots: list[Any] = [None] * 8
        self._head = 0
        self.size = 0
        #: Number of bytes of the oldest item that the last `take_bytes` took.
        self.cut = 0

    def has_room(self, count: int) -> bool:
        """Return whether `put` can be called ``count`` times without an allocation."""
        return self.size + count <= len(self._slots)

    def reserve(self, count: int) -> None:
        """Make room for ``count`` more items."""
        while self.size + count > len(self._slots):
            count_of_slots = len(self._slots)
            while count_of_slots < self.size + count:
                count_of_slots *= 2
            slots: list[Any] = [None] * count_of_slots
            if len(slots) > len(self._slots):
                self._move_to(slots)

    def put(self, item: Any) -> None:
        """Add an item at the end. There must be room for it."""
        self._slots[(self._head + self.size) & (len(self._slots) - 1)] = item
        self.size += 1

    def put_items(self, items: list[Any], at: int, end: int) -> int:
        """Add ``items[at:end]``, up to a None, and return how many. There must be room for all."""
        first = at
        while at < end and at < len(items) and items[at] is not None:
            self.put(items[at])
            at += 1
        return at - first

    def put_pairs(self, items: list[Any], at: int, end: int) -> int:
        """Do as `put_items` does, with a None behind each item."""
        first = at
        while at < end and at < len(items) and items[at] is not None:
            self.put(items[at])
            self.put(None)
            at += 1
        return at - first

    def take_items(self, items: list[Any], count: int) -> None:
        """Move the oldest ``count`` items to the end of a list that no other code knows."""
        while count > 0 and self.size > 0:
            count -= 1
            items.append(self.popleft())

    def take_pairs(self, second: list[Any]) -> list[Any]:
        """Take everything, in pairs. Return the first ones, and add the second ones that are not None to ``second``."""
        taken = []
        while self.size:
            taken.append(self.popleft())
            other = self.popleft()
            if other is not None:
                second.append(other)
        return taken

    def put_left(self, item: Any) -> None:
        """Add an item at the front. There must be room for it."""
        head = (self._head - 1) & (len(self._slots) - 1)
        self._slots[head] = item
        self._head = head
        self.size += 1

    def popleft(self) -> Any:
        """Return the oldest item. The caller has checked that there is one."""
        item = self._slots[self._head]
        self._slots[self._head] = None
        self._head = (self._head + 1) & (len(self._slots) - 1)
        self.size -= 1
        self.trim()
        return item

    def trim(self) -> None:
        """Free most of the memory if the queue is empty. This may run foreign code."""
        if self.size == 0 and len(self._slots) > _KEPT_SLOTS:
            self._give_back()

    def at(self, index: int) -> Any:
        """Return the item at ``index``, counted from the oldest."""
        return self._slots[(self._head + index) & (len(self._slots) - 1)]

    def first_bytes(self) -> int:
        """Return the length of the oldest item if it is exactly `bytes`, otherwise -1."""
        item = self._slots[self._head]
        return len(item) if type(item) is bytes else -1

    def take_bytes(self, offset: int, count: int) -> Any:
        """Take ``count`` bytes as one object, starting at ``offset`` in the oldest item. Remove the items that are used up.

        Return None and take nothing if there is no quick way: an item is not exactly `bytes`, or there are too few bytes. The
        pure-Python backend always returns None. This runs no foreign code; call `trim` after all fields are up to date.
        """

    def first(self) -> Any:
        return self._slots[self._head]

    def replace_first(self, item: Any) -> None:
        self._slots[self._head] = item

    def _move_to(self, slots: list[Any]) -> None:
        for index in range(self.size):
            slots[index] = self.at(index)
        self._head = 0
        self._slots = slots

    def _give_back(self) -> None:
        try:
            slots: list[Any] = [None] * 8
        except MemoryError:
            return
        if self.size == 0:
            self._head = 0
            self._slots = slots
