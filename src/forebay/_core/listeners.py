"""Internal listeners, and the list of an event that has many listeners.

An event with few listeners has a plain list, which is copied at each change; see events.
"""

from __future__ import annotations

from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from forebay._core.fields import give_defaults
from forebay._core.scheduling.ticks import Ticked


class Listener(Ticked):
    """An internal listener. It handles every exception itself."""

    def _notify0(self) -> None:
        return None

    def _notify1(self, arg: Any) -> None:
        return None


class Standin(Listener):
    """A listener that wraps a function. `off` finds it by this function."""

    _fn: Any


class Decorator:
    """What `on` and `once` return without a listener: it adds the function that it decorates."""

    def __init__(self, emitter: Any, event: Any, once: Any) -> None:
        self._emitter = emitter
        self._event = event
        self._once = once

    def __call__(self, fn: Any) -> Any:
        add = self._emitter.once if self._once else self._emitter.on
        add(self._event, fn)
        return fn


class Handlers:
    """Many listeners in order. Adding and removing a listener take constant time.

    A removed listener leaves None, so that the others keep their index. The list is compacted when most items are None. An
    emission calls `_items` up to their length at its start, so it skips listeners that are added later. During an
    emission (`_readers`) nothing is removed from this object; the emitter changes a copy.

    An allocation may run the garbage collector and with it foreign code. `reserve` and `make_places` allocate, before any
    change; `append`, `prepend` and `place_of` do not.
    """

    _items: Any
    _first: int
    _live: int
    _near: int
    _base: int
    _places: Any
    _odd: bool
    _readers: int

    def __init__(self, listeners: list[Any]) -> None:
        self._readers = 0
        self._places = None
        self._fill(listeners)

    def _fill(self, listeners: list[Any]) -> None:
        # Release the objects that only the table holds last.
        before = self._places
        self._places = None
        self._items = listeners
        self._live = len(listeners)
        self._first = self._base = self._near = 0
        self._odd = False
        del before

    def snapshot(self) -> list[Any]:
        listeners = []
        for item in self._items:
            if item is not None:
                listeners.append(item)
        return listeners

    def take_over(self, other: Handlers) -> None:
        """Take the listeners of ``other``."""
        self._fill(other.snapshot())

    # ---- adding

    def reserve(self, listener: Any, first: bool) -> None:
        """Allocate all that `append` or `prepend` of this listener needs."""
        fn = function_of(listener)
        if not self._odd and not is_compared_by_identity(fn):
            self._odd = True
            self._places = None
        if first and self._first == 0:
            self._make_room(len(self._items) + 1)
        while self._places is not None:
            place = self._places.get(fn)
            if place is None or type(place) is deque:
                break
            several: deque[int] = deque()
            if self._places is not None and self._places.get(fn) is place:
                several.append(place)
                self._places[fn] = several

    def _make_room(self, room: int) -> None:
        # Make a new list, because a running emission iterates over the old one.
        items = [None] * room
        if self._first == 0:
            items.extend(self._items)
            self._items = items
            self._first = room
            self._base -= room

    def append(self, listener: Any) -> None:
        items = self._items
        index = len(items)
        items.append(listener)
        self._live += 1
        if self._places is not None:
            _note(self._places, listener, self._base + index, True)

    def prepend(self, listener: Any) -> None:
        self._first -= 1
        self._items[self._first] = listener
        self._live += 1
        if self._places is not None:
            _note(self._places, listener, self._base + self._first, False)

    # ---- removing

    def remove_at(self, index: int) -> Any:
        """Remove a listener and return it. There must be no readers."""
        items = self._items
        gone = items[index]
        items[index] = None
        self._live -= 1
        count = len(items)
        while self._first < count and items[self._first] is None:
            self._first += 1
        if count > 32 and self._live < count // 4:
            self._fill(self.snapshot())
        return gone

    # ---- finding

    def make_places(self) -> bool:
        """Make the table of places. Return whether there is one."""
        while self._places is None and not self._odd:
            items = self._items
            count = len(items)
            first = self._first
            places: dict[Any, Any] = {}
            for at in range(first, count):
                listener = items[at]
                if listener is None:
                    continue
                if not is_compared_by_identity(function_of(listener)):
                    self._odd = True
                    return False
                _note(places, listener, at + self._base, True)
                if self._items is not items or len(items) != count:
                    break
            if self._items is items and len(items) == count and self._first == first:
                self._places = places
        return self._places is not None

    def place_of(self, fn: Any) -> int:
        """Return the index of the latest registration of ``fn``, or -1, and drop it from the table, which must exist."""
        places = self._places.get(fn)
        if places is None:
            return -1
        index = -1
        if type(places) is deque:
            # Skip once-listeners that were removed after their call.
            while places and index < 0:
                index = self._checked(places.pop() - self._base, fn)
        else:
            index = self._checked(places - self._base, fn)
            places = None
        if not places:
            del self._places[fn]
        return index

    def _checked(self, index: int, fn: Any) -> int:
        """Return the index, or -1 if ``fn`` is not registered there any more."""
        items = self._items
        if index < self._first or index >= len(items) or items[index] is None:
            return -1
        return index if function_of(items[index]) == fn else -1

    def index_of(self, listener: Any) -> int:
        """Return the index of the latest registration of this listener object, or -1.

        A once-listener has one registration. Once-listeners are removed in order, so the search starts at the last result.
        """
        items = self._items
        count = len(items)
        if not isinstance(listener, Standin):
            index = count - 1
            while index >= 0 and items[index] is not listener:
                index -= 1
            return index
        start = self._near if self._first <= self._near < count else self._first
        index = start
        while index < count and items[index] is not listener:
            index += 1
        if index == count:
            index = self._first
            while index < start and items[index] is not listener:
                index += 1
            if index == start:
                return -1
        self._near = index
        return index

    def is_odd(self, fn: Any) -> bool:
        """Return whether a search for ``fn`` has to compare it with each listener."""
        return self._odd or not is_compared_by_identity(fn)

    def scan(self, fn: Any) -> Any:
        """Return the latest listener for ``fn``, or None. A comparison may run foreign code."""
        self._readers += 1
        try:
            items = self._items
            index = len(items) - 1
            while index >= 0:
                listener = items[index]
                if listener is not None and matches(listener, fn):
                    return listener
                index -= 1
            return None
        finally:
            self._readers -= 1


def _note(places: dict[Any, Any], listener: Any, place: int, last: bool) -> None:
    """Add the place of a listener to the table, behind or before the other places of its function."""
    fn = function_of(listener)
    before = places.get(fn)
    if before is None:
        places[fn] = place
        return
    if type(before) is not deque:
        several: deque[int] = deque()
        several.append(before)
        before = places[fn] = several
    if last:
        before.append(place)
    else:
        before.appendleft(place)


def matches(listener: Any, fn: Any) -> bool:
    """Return whether ``off(fn)`` means this listener."""
    if listener is not fn and isinstance(listener, Standin):
        standin = listener
        return bool(standin._fn == fn)
    return bool(listener == fn)


def function_of(listener: object) -> Any:
    """Return the function that was given to `on` or `once`."""
    if isinstance(listener, Standin):
        standin = listener
        return standin._fn
    return listener


def is_compared_by_identity(fn: Any) -> bool:
    """Return whether comparing and hashing ``fn`` run no foreign code."""
    kind: Any = type(fn)
    if kind is MethodType:
        kind = type(fn.__func__)
    if kind is FunctionType or kind is BuiltinFunctionType:
        return True
    return kind.__eq__ is object.__eq__ and kind.__hash__ is object.__hash__


give_defaults(Listener, Standin, Handlers)
