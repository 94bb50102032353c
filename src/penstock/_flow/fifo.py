"""A first-in first-out queue of objects, as a circular list.

Unlike ``collections.deque`` it is reached from compiled code without a call through Python, and its memory is kept
between bursts, up to a bound.
"""

_KEPT_SLOTS = 1024


class Fifo:
    def __init__(self):
        self._slots = [None] * 8
        self._head = 0
        self.size = 0

    def append(self, item):
        capacity = len(self._slots)
        if self.size == capacity:
            self._grow()
            capacity = len(self._slots)
        self._slots[(self._head + self.size) & (capacity - 1)] = item
        self.size += 1
        return 0

    def appendleft(self, item):
        if self.size == len(self._slots):
            self._grow()
        self._head = (self._head - 1) & (len(self._slots) - 1)
        self._slots[self._head] = item
        self.size += 1
        return 0

    def popleft(self):
        """The oldest item; the caller has looked that there is one."""
        item = self._slots[self._head]
        self._slots[self._head] = None
        self._head = (self._head + 1) & (len(self._slots) - 1)
        self.size -= 1
        if self.size == 0 and len(self._slots) > _KEPT_SLOTS:
            self.clear()
        return item

    def first(self):
        return self._slots[self._head]

    def first_size(self):
        """The length of the oldest item."""
        return len(self._slots[self._head])

    def replace_first(self, item):
        self._slots[self._head] = item
        return 0

    def clear(self):
        self._slots = [None] * 8
        self._head = 0
        self.size = 0
        return 0

    def _grow(self):
        slots = self._slots
        head = self._head
        self._slots = slots[head:] + slots[:head] + [None] * len(slots)
        self._head = 0
        return 0
