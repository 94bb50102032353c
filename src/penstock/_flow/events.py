"""EventEmitter: named events and their listeners, called in order on the spot.

Internal listeners (`Listener`) are called without a Python frame between; all others are ordinary callables.
"""

from penstock import _calls as calls
from penstock._flow.ticks import Ticked, current_queue, report
from penstock.errors import InvalidArgTypeError, StreamError

# Names of events are interned where they come in, so that looking which one it is compares addresses.
_DATA = "data"


class Listener(Ticked):
    """A listener of penstock's own."""

    def _notify0(self):
        return None

    def _notify1(self, arg):
        return None


class OnceListener(Listener):
    """Calls its function for the first event only, and is off the list by then."""

    def __init__(self, emitter, event, fn):
        self._emitter = emitter
        self._event = event
        self._fn = fn
        self._fired = False

    def _take(self):
        # A nested emission may have been first, over the snapshot that also holds this listener.
        if self._fired:
            return False
        self._fired = True
        emitter = self._emitter
        self._emitter = None
        if emitter is not None:
            emitter._s_remove(self._event, self)
        return True

    def _notify0(self):
        emitter = self._emitter
        if self._take():
            call0(emitter, self._fn)

    def _notify1(self, arg):
        emitter = self._emitter
        if self._take():
            call1(emitter, self._fn, arg)

    def __call__(self, *args):
        emitter = self._emitter
        if self._take():
            _call_many(emitter, self._fn, args)


def _settle(emitter, result):
    # A coroutine listener runs as a task of its own; its failure destroys the stream. What else can be awaited runs
    # without that: ``source.on("close", request.destroy)`` returns the request and asks for nothing.
    if result is not None and hasattr(type(result), "__await__") and hasattr(type(result), "throw"):
        watch = getattr(emitter, "_s_watch_listener", None)
        if watch is not None:
            watch(result)


def call0(emitter, fn):
    if isinstance(fn, Listener):
        listener = fn
        listener._notify0()
        return
    result = fn()
    if result is not None:
        _settle(emitter, result)


def call1(emitter, fn, arg):
    if isinstance(fn, Listener):
        listener = fn
        listener._notify1(arg)
        return
    result = fn(arg)
    if result is not None:
        _settle(emitter, result)


def _call_many(emitter, fn, args):
    count = len(args)
    if count == 0:
        call0(emitter, fn)
    elif count == 1:
        call1(emitter, fn, args[0])
    else:
        result = fn(*args)
        if result is not None:
            _settle(emitter, result)


def _matches(listener, fn):
    if listener is not fn and isinstance(listener, OnceListener):
        once = listener
        return once._fn == fn
    return listener == fn


def _function(listener):
    if isinstance(listener, OnceListener):
        once = listener
        return once._fn
    return listener


class EventEmitter(Ticked):
    """Named events with listeners that are called in the order in which they were added, inside ``emit``.

    The rules are those of Node's EventEmitter: an emission goes to the listeners that were there at its start; a
    listener's exception leaves ``emit``; an ``'error'`` event that nobody listens to is raised.
    """

    def __init__(self):
        pass

    # ---- the list of listeners

    def on(self, event, fn=None):
        """Call ``fn`` at every ``event``; return the emitter. Without ``fn``, a decorator: ``@stream.on("end")``.

        A listener may be a coroutine function: it runs as a task, and an exception in it destroys the stream.
        """
        if fn is None:
            return _Decorator(self, event, False)
        self._s_add(_checked(event, fn), fn, False)
        return self

    add_listener = on

    def once(self, event, fn=None):
        """Call ``fn`` at the next ``event`` only; return the emitter. Without ``fn``, a decorator."""
        if fn is None:
            return _Decorator(self, event, True)
        event = _checked(event, fn)
        self._s_add(event, OnceListener(self, event, fn), False)
        return self

    def prepend_listener(self, event, fn):
        """Like `on`, but before all listeners that are there now."""
        self._s_add(_checked(event, fn), fn, True)
        return self

    def prepend_once_listener(self, event, fn):
        """Like `once`, but before all listeners that are there now."""
        event = _checked(event, fn)
        self._s_add(event, OnceListener(self, event, fn), True)
        return self

    def off(self, event, fn):
        """Remove the latest registration of ``fn`` for ``event``, if there is one; return the emitter."""
        self._s_remove(calls.interned(event), fn)
        return self

    remove_listener = off

    def remove_all_listeners(self, event=None):
        """Remove every listener of ``event``, or of all events; return the emitter."""
        if self._s_events is not None:
            for name in list(self._s_events) if event is None else [event]:
                if name in self._s_events:
                    self._s_store(name, None)
        self._s_removed("readable" if event is None else calls.interned(event))
        return self

    def listener_count(self, event):
        """How many listeners ``event`` has."""
        return self._s_count(event)

    def listeners(self, event):
        """The listeners of ``event``, in order."""
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return []
        functions = []
        # No comprehension: Cython 3.3 drops an item of one twice when there is no memory for the list to grow.
        for item in handler if type(handler) is list else [handler]:
            functions.append(_function(item))
        return functions

    def event_names(self):
        """The events that have a listener."""
        return [] if self._s_events is None else list(self._s_events)

    def emit(self, event, *args):
        """Call the listeners of ``event`` with ``args``; return whether there was any.

        Raises what a listener raises, and the error itself for an ``'error'`` event without a listener.
        """
        count = len(args)
        if count == 0 and event != "error":
            return bool(self._s_emit0(event))
        if count == 1:
            return bool(self._s_emit1(event, args[0]))
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            if event == "error":
                self._s_unlistened(args[0] if args else None)
            return False
        for fn in list(handler) if type(handler) is list else [handler]:
            _call_many(self, fn, args)
        return True

    # ---- for the streams

    def _s_add(self, event, fn, first):
        if self._s_events is None:
            events = {}
            # Looked at again after each object is made: the garbage collector may have run, and with it anything.
            if self._s_events is None:
                self._s_events = events
        while True:
            handler = self._s_events.get(event)
            if handler is None:
                changed = fn
            elif type(handler) is list:
                # A new list: an emission that is going on keeps the one that it started with.
                changed = [fn, *handler] if first else calls.with_last(handler, fn)
            else:
                changed = [fn, handler] if first else [handler, fn]
            if self._s_events.get(event) is handler:
                break
        self._s_store(event, changed)
        self._s_added(event)

    def _s_remove(self, event, fn):
        handler = None if self._s_events is None else self._s_events.get(event)
        if type(handler) is list:
            index = len(handler) - 1
            while index >= 0 and not _matches(handler[index], fn):
                index -= 1
            if index >= 0:
                self._s_take_off(event, handler[index])
        elif handler is not None and _matches(handler, fn):
            self._s_take_off(event, handler)
        self._s_removed(event)

    def _s_take_off(self, event, listener):
        """Take the last registration of this very listener away, which a comparison may have done meanwhile."""
        while True:
            handler = self._s_events.get(event)
            rest = None
            if type(handler) is list:
                index = len(handler) - 1
                while index >= 0 and handler[index] is not listener:
                    index -= 1
                if index < 0:
                    return
                rest = calls.without(handler, index)
                if len(rest) == 1:
                    rest = rest[0]
            elif handler is not listener:
                return
            # As in _s_add.
            if self._s_events.get(event) is handler:
                self._s_store(event, rest)
                return

    def _s_store(self, event, handler):
        # What was there is let go of last, for that may run anything.
        before = self._s_events.get(event)
        if handler is None:
            self._s_events.pop(event, None)
        else:
            self._s_events[event] = handler
        if event is _DATA:
            self._s_data_listener = handler if isinstance(handler, Listener) else None
            self._s_data_handler = handler
        del before

    def _s_loosen_once(self):
        """Let the listeners of once() go on without the emitter, which holds them."""
        if self._s_events is not None:
            for handler in self._s_events.values():
                for fn in handler if type(handler) is list else (handler,):
                    if isinstance(fn, OnceListener):
                        once = fn
                        once._emitter = None

    def _s_count(self, event):
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return 0
        return len(handler) if type(handler) is list else 1

    def _s_emit0(self, event):
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return False
        if type(handler) is list:
            for fn in handler:
                call0(self, fn)
        else:
            call0(self, handler)
        return True

    def _s_emit1(self, event, arg):
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            if event == "error":
                self._s_unlistened(arg)
            return False
        if type(handler) is list:
            self._s_call_all1(handler, arg)
        else:
            call1(self, handler, arg)
        return True

    def _s_call_all1(self, handlers, arg):
        for fn in handlers:
            call1(self, fn, arg)

    def _s_added(self, event):
        return None

    def _s_removed(self, event):
        return None

    def _s_unlistened(self, error):
        if isinstance(error, BaseException):
            raise error
        raise StreamError(f"'error' event without a listener: {error!r}")

    def _s_watch_listener(self, awaitable):
        queue = current_queue()

        async def run():
            try:
                await awaitable
            except Exception as error:
                destroy = getattr(self, "destroy", None)
                if destroy is not None and not getattr(self, "destroyed", False):
                    destroy(error)
                else:
                    report(queue._loop, "Exception in a coroutine listener", error, self)
            finally:
                _listener_tasks.discard(task)

        task = queue._loop.create_task(run())
        _listener_tasks.add(task)


# The loop itself holds tasks only weakly.
_listener_tasks = set()


class _Decorator:
    def __init__(self, emitter, event, once):
        self._emitter = emitter
        self._event = event
        self._once = once

    def __call__(self, fn):
        if self._once:
            self._emitter.once(self._event, fn)
        else:
            self._emitter.on(self._event, fn)
        return fn


def _checked(event, fn):
    """The name of the event, interned. Raises InvalidArgTypeError for what is none, and for a listener that is none."""
    if not isinstance(event, str):
        raise InvalidArgTypeError(f"the event must be a str, such as 'data', got {event!r}")
    if not callable(fn) and not isinstance(fn, Listener):
        raise InvalidArgTypeError(f"the listener of {event!r} must be callable, got {fn!r}")
    return calls.interned(event)
