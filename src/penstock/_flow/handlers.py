"""Listeners of penstock's own, and the list of an event that has many.

A few stand in a plain list, which is copied at each change; see events.
"""

from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType

from penstock._flow.ticks import Ticked


class Listener(Ticked):
    """A listener of penstock's own. It deals with exceptions itself: none may leave it."""

    def _notify0(self):
        return None

    def _notify1(self, arg):
        return None


class Standin(Listener):
    """A listener in the place of a function, by which it can be found."""


class Handlers:
    """Many listeners in order: adding one and taking one away cost the same however many there are.

    One that goes leaves a hole, so that the others keep their places; holes are closed up when they are the greater
    part. An emission goes over `_items` up to the length that they had at its start: what is added behind does not
    concern it. While there is an emission (`_readers`) nothing is taken out of this object; the emitter goes on with a
    `copy`.
    """

    def __init__(self, listeners):
        self._readers = 0
        self._fill(listeners)

    def _fill(self, listeners):
        self._items = listeners
        self._live = len(listeners)
        self._first = self._base = 0
        self._places = None
        self._odd = False

    def snapshot(self):
        listeners = []
        for item in self._items:
            if item is not None:
                listeners.append(item)
        return listeners

    def copy(self):
        return Handlers(self.snapshot())

    def append(self, listener):
        self._items.append(listener)
        self._live += 1
        if self._places is not None:
            self._note(listener, len(self._items) - 1 + self._base, True)

    def prepend(self, listener):
        if self._first == 0:
            # Room for as many again, in a new list: an emission goes on over the old one.
            room = len(self._items)
            self._items = [None] * room + self._items
            self._first = room
            self._base -= room
        self._first -= 1
        self._items[self._first] = listener
        self._live += 1
        if self._places is not None:
            self._note(listener, self._first + self._base, False)

    def remove_at(self, index):
        """Take one away. Not while there are readers."""
        items = self._items
        items[index] = None
        self._live -= 1
        while self._first < len(items) and items[self._first] is None:
            self._first += 1
        if len(items) > 32 and self._live < len(items) // 4:
            self._fill(self.snapshot())

    # ---- where a listener stands

    def find(self, fn):
        """The index of the latest registration of ``fn``, which is about to be removed, or -1."""
        if isinstance(fn, Standin):
            return self._find_same(fn)
        if self._places is None and not self._odd:
            self._index()
        if self._odd or not _is_compared_by_identity(fn):
            return self._scan(fn)
        return self._find_place(fn)

    def _index(self):
        """Make the table of places."""
        self._places = {}
        for at in range(self._first, len(self._items)):
            if self._items[at] is not None:
                self._note(self._items[at], at + self._base, True)
            if self._odd:
                return

    def _note(self, listener, place, last):
        """Remember where a listener stands: as the last of its kind, or as the first."""
        fn = function_of(listener)
        if not _is_compared_by_identity(fn):
            self._places = None
            self._odd = True
            return
        before = self._places.get(fn)
        if before is None:
            self._places[fn] = place
            return
        if type(before) is not deque:
            before = self._places[fn] = deque((before,))
        if last:
            before.append(place)
        else:
            before.appendleft(place)

    def _find_place(self, fn):
        places = self._places.pop(fn, None)
        if places is None:
            return -1
        if type(places) is not deque:
            places = deque((places,))
        found = -1
        while places and found < 0:
            index = places.pop() - self._base
            # Those that were called once have gone by themselves.
            if self._items[index] is not None:
                found = index
        if places:
            self._places[fn] = places
        return found

    def _find_same(self, listener):
        """The index of this very one; most often the first, as those that are called once go in order."""
        items = self._items
        index = self._first
        while index < len(items):
            if items[index] is listener:
                return index
            index += 1
        return -1

    def _scan(self, fn):
        items = self._items
        self._readers += 1
        try:
            index = len(items) - 1
            while index >= 0:
                listener = items[index]
                if listener is not None and matches(listener, fn):
                    return index
                index -= 1
            return -1
        finally:
            self._readers -= 1


def matches(listener, fn):
    """Whether ``off(fn)`` means this listener."""
    if listener is not fn and isinstance(listener, Standin):
        standin = listener
        return standin._fn == fn
    return listener == fn


def function_of(listener):
    """What was given to `on` or `once`."""
    if isinstance(listener, Standin):
        standin = listener
        return standin._fn
    return listener


def _is_compared_by_identity(fn):
    """Whether comparing it, and its hash, run nobody's code."""
    kind = type(fn)
    if kind is MethodType:
        kind = type(fn.__func__)
    if kind is FunctionType or kind is BuiltinFunctionType:
        return True
    return kind.__eq__ is object.__eq__ and kind.__hash__ is object.__hash__
