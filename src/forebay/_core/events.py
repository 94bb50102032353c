"""EventEmitter: named events, and listeners that are called in order.

Internal listeners (`Listener`) are called without a Python frame in between; all others are ordinary callables.
"""

from __future__ import annotations

from asyncio import Task, _get_running_loop
from typing import Any

from forebay._core.fields import give_defaults
from forebay._core.listeners import Decorator, Handlers, Listener, Standin, function_of, matches
from forebay._core.representation import count, represent
from forebay._core.scheduling import calls, this_thread
from forebay._core.scheduling.ticks import Ticked, current_queue, fail, report
from forebay._core.usage_errors import unhandled
from forebay.errors import InvalidArgTypeError, StreamError

__all__ = ["EventEmitter", "Listener", "OnceListener"]  # other modules import Listener from here

_MOST_IN_LIST = 16  # a longer list of listeners becomes Handlers
_GONE = Listener()  # in the place of a listener for whose removal there was no memory


class OnceListener(Standin):
    """Call a function for the first event only. The listener is removed before the call."""

    _emitter: Any
    _event: Any
    _fired: bool

    def _take(self) -> bool:
        # A nested emission may have called it already: the outer snapshot still holds this listener.
        if self._fired:
            return False
        self._fired = True
        emitter = self._emitter
        self._emitter = None
        if emitter is not None:
            event = self._event
            emitter._s_take_off(event, self)
            emitter._s_removed(event)
        return True

    def _notify0(self) -> None:
        emitter = self._emitter
        if self._take():
            _tell0(emitter, self._event, self._fn)

    def _notify1(self, arg: Any) -> None:
        emitter = self._emitter
        if self._take():
            _tell1(emitter, self._event, self._fn, arg)

    def __call__(self, *args: Any) -> None:
        emitter = self._emitter
        if self._take():
            _call(emitter, self._fn, args)


# ---- calls by a stream: an exception of a listener must not stop the stream


def _tell0(emitter: EventEmitter, event: Any, fn: Any) -> None:
    if isinstance(fn, Listener):
        listener = fn
        listener._notify0()
        return
    result = calls.attempt0(fn)
    if result is not None:
        _returned(emitter, event, result)


def _tell1(emitter: EventEmitter, event: Any, fn: Any, arg: Any) -> None:
    if isinstance(fn, Listener):
        listener = fn
        listener._notify1(arg)
        return
    result = calls.attempt(fn, arg)
    if result is not None:
        _returned(emitter, event, result)


def _returned(emitter: EventEmitter, event: Any, result: Any) -> None:
    """Handle a result other than None, or an exception, of a listener."""
    if type(result) is calls.Raised:
        raised = result
        _report(emitter, event, raised.error)
        return
    try:
        _settle(emitter, result)
    except Exception as error:
        _report(emitter, event, error)


def _report(emitter: Any, event: Any, error: Any) -> None:
    """Report an exception of a listener without disturbing the emitter or the other listeners."""
    loop = _get_running_loop()
    if loop is None:
        raise error
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        # The loop raises it.
        return
    # Without memory the listener may not have run at all, so the stream must not go on.
    if not isinstance(error, MemoryError) or not fail(emitter, error):
        report(loop, f"Exception in a listener of {event!r}", error, emitter)


# ---- calls by emit(), which raises the exception of a listener


def _call(emitter: Any, fn: Any, args: tuple[Any, ...]) -> None:
    if isinstance(fn, OnceListener):
        once = fn
        emitter = once._emitter
        if not once._take():
            return
        fn = once._fn
    result = fn(*args)
    if result is not None:
        _settle(emitter, result)


def _settle(emitter: Any, result: Any) -> None:
    # A coroutine runs as a task, and its failure destroys the stream. Other awaitables are not awaited:
    # ``source.on("close", request.destroy)`` returns the request, and nothing should wait for it.
    if result is not None and hasattr(type(result), "__await__") and hasattr(type(result), "throw"):
        watch = getattr(emitter, "_s_watch_listener", None)
        if watch is not None:
            watch(result)


class EventEmitter(Ticked):
    """Named events with listeners. An event calls its listeners in the order in which they were added.

    The rules are those of Node's EventEmitter: an emission goes to the listeners that exist at its start; an ``'error'``
    event without a listener is raised. All listeners are called even if one raises. `emit` then raises the exception. If a
    stream itself emits, the exception goes to the event loop's exception handler.
    """

    _s_events: Any

    def __init__(self) -> None:
        pass

    # ---- the list of listeners

    def on(self, event: Any, fn: Any = None) -> Any:
        """Call ``fn`` at every ``event``. Return the emitter.

        A listener may be a coroutine function. It runs as a task, and an exception in it destroys the stream.

        Args:
            event: The name of the event.
            fn: The listener. None makes `on` a decorator: ``@stream.on("end")``.

        Raises:
            InvalidArgTypeError: The event is not a str, or the listener cannot be called.
        """
        if fn is None:
            return Decorator(self, event, False)
        self._s_add(_checked(event, fn), fn, False)
        return self

    def __repr__(self) -> str:
        return represent(self, lambda: count(sum(map(self.listener_count, self.event_names())), "listener"))

    add_listener = on

    def once(self, event: Any, fn: Any = None) -> Any:
        """Call ``fn`` at the next ``event`` only. Return the emitter.

        Args:
            event: The name of the event.
            fn: The listener. None makes `once` a decorator.

        Raises:
            InvalidArgTypeError: The event is not a str, or the listener cannot be called.
        """
        if fn is None:
            return Decorator(self, event, True)
        self._s_add_once(event, fn, False)
        return self

    def prepend_listener(self, event: Any, fn: Any) -> Any:
        """Call ``fn`` at every ``event``, before all present listeners. Return the emitter.

        Args:
            event: The name of the event.
            fn: The listener, as for `on`.
        """
        self._s_add(_checked(event, fn), fn, True)
        return self

    def prepend_once_listener(self, event: Any, fn: Any) -> Any:
        """Call ``fn`` at the next ``event`` only, before all present listeners. Return the emitter.

        Args:
            event: The name of the event.
            fn: The listener, as for `on`.
        """
        self._s_add_once(event, fn, True)
        return self

    def off(self, event: Any, fn: Any) -> Any:
        """Remove the latest registration of a listener, if there is one. Return the emitter.

        Args:
            event: The name of the event.
            fn: The listener.
        """
        self._s_remove(calls.interned(event), fn)
        return self

    remove_listener = off

    def remove_all_listeners(self, event: Any = None) -> Any:
        """Remove every listener of one event, or of all events. Return the emitter.

        Args:
            event: The name of the event. None means all.
        """
        if self._s_events is not None:
            for name in list(self._s_events) if event is None else [event]:
                # Release the listeners last, because that may run foreign code.
                before = self._s_events.get(name)
                if before is not None:
                    self._s_store(name, None)
                before = None
        self._s_removed(None if event is None else calls.interned(event))
        return self

    def listener_count(self, event: Any) -> Any:
        """Return the number of listeners of an event.

        Args:
            event: The name of the event.
        """
        return self._s_count(event)

    def listeners(self, event: Any) -> Any:
        """Return the listeners of an event, in order.

        Args:
            event: The name of the event.
        """
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return []
        functions = []
        # No comprehension: Cython 3.3 drops an item of one twice when there is no memory for the list to grow.
        for item in _all_of(handler):
            functions.append(function_of(item))
        return functions

    def event_names(self) -> Any:
        """Return the names of the events that have a listener."""
        return [] if self._s_events is None else list(self._s_events)

    def emit(self, event: Any, *args: Any) -> Any:
        """Call the listeners of an event. Return whether there was one.

        All listeners are called. Then the first exception is raised; further exceptions go to the event loop's exception
        handler. An ``'error'`` event without a listener raises the error itself.

        Args:
            event: The name of the event.
            args: The arguments of the listeners.

        Raises:
            StreamError: The event is ``'error'``, has no listener, and its argument is not an exception.
        """
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            if event == "error":
                self._s_unlistened(args[0] if args else None)
            return False
        if type(handler) is list or type(handler) is Handlers:
            self._s_call_each(event, handler, args)
        else:
            _call(self, handler, args)
        return True

    def _s_tell(self, event: Any, *args: Any) -> Any:
        """Emit an event of the library. An exception of a listener goes to the loop's exception handler."""
        if event == "error" and self._s_count("error") == 0:
            unhandled(self, args[0], current_queue()._loop)
            return False
        try:
            return self.emit(event, *args)
        except Exception as error:
            _report(self, event, error)
            return True

    # ---- used by the streams

    def _s_add(self, event: Any, fn: Any, first: bool) -> None:
        if this_thread.FREE_THREADED:
            self._s_check_thread("on()")
        if self._s_events is None:
            events: dict[str, Any] = {}
            # Check again after each allocation: the garbage collector may have run foreign code.
            if self._s_events is None:
                self._s_events = events
        while True:
            handler = self._s_events.get(event)
            if handler is None:
                self._s_store(event, fn)
                break
            if type(handler) is Handlers:
                many = handler
                many.reserve(fn, first)
                if self._s_events.get(event) is not many or (first and many._first == 0):
                    continue
                if first:
                    many.prepend(fn)
                else:
                    many.append(fn)
                break
            if type(handler) is list:
                # Replace the list, because a running emission iterates over the old one.
                changed: Any = [fn, *handler] if first else calls.with_last(handler, fn)
                if len(changed) > _MOST_IN_LIST:
                    changed = Handlers(changed)
            else:
                changed = [fn, handler] if first else [handler, fn]
            if self._s_events.get(event) is handler:
                self._s_store(event, changed)
                break
        self._s_added(event)

    def _s_add_once(self, event: Any, fn: Any, first: bool) -> None:
        once = OnceListener.__new__(OnceListener)  # avoids type(), which costs more than the rest
        once._emitter = self
        once._event = _checked(event, fn)
        once._fn = fn
        self._s_add(once._event, once, first)

    def _s_remove(self, event: Any, fn: Any) -> None:
        if this_thread.FREE_THREADED:
            self._s_check_thread("off()")
        handler = None if self._s_events is None else self._s_events.get(event)
        if type(handler) is list:
            index = len(handler) - 1
            while index >= 0 and not matches(handler[index], fn):
                index -= 1
            if index >= 0:
                self._s_take_off(event, handler[index])
        elif type(handler) is Handlers:
            self._s_remove_of_many(event, fn)
        elif handler is not None and matches(handler, fn):
            self._s_take_off(event, handler)
        self._s_removed(event)

    def _s_take_off(self, event: Any, listener: Any) -> None:
        """Remove the last registration of this listener object, unless a comparison has removed it meanwhile."""
        while True:
            handler = self._s_events.get(event)
            if handler is listener:
                self._s_store(event, None)
                return
            if type(handler) is list:
                index = len(handler) - 1
                while index >= 0 and handler[index] is not listener:
                    index -= 1
                if index < 0:
                    return
                try:
                    rest = calls.without(handler, index)
                except MemoryError:
                    # The place stays, and its listener does nothing.
                    handler[index] = _GONE
                    return
                if len(rest) == 1:
                    rest = rest[0]
            elif type(handler) is Handlers:
                many = handler
                if many._readers:
                    self._s_replace_many(event, many)
                    continue
                index = many.index_of(listener)
                if index >= 0:
                    self._s_remove_at(event, many, index)
                return
            else:
                return
            # Check again, as in _s_add.
            if self._s_events.get(event) is handler:
                self._s_store(event, rest)
                return

    def _s_remove_of_many(self, event: Any, fn: Any) -> None:
        while True:
            handler = self._s_events.get(event)
            if type(handler) is not Handlers:
                self._s_remove(event, fn)
                return
            many = handler
            if isinstance(fn, Standin):
                self._s_take_off(event, fn)
                return
            if many.is_odd(fn):
                # A comparison may run foreign code, so the found listener is removed by identity.
                listener = many.scan(fn)
                if listener is not None:
                    self._s_take_off(event, listener)
                return
            if many._readers:
                self._s_replace_many(event, many)
            elif many.make_places() and self._s_events.get(event) is many:
                index = many.place_of(fn)
                if index >= 0:
                    self._s_remove_at(event, many, index)
                return

    def _s_replace_many(self, event: Any, many: Handlers) -> None:
        """Continue with a copy: an emission or a search iterates over the present list."""
        copy = Handlers([])
        copy.take_over(many)
        if self._s_events.get(event) is many:
            self._s_store(event, copy)

    def _s_remove_at(self, event: Any, many: Handlers, index: int) -> None:
        # Release the removed object last, because that may run foreign code.
        gone = many.remove_at(index)
        if many._live == 0 and self._s_events.get(event) is many:
            self._s_store(event, None)
        del gone

    def _s_store(self, event: Any, handler: Any) -> None:
        """Store the listeners of an event: a callable, a list of callables, Handlers, or None.

        The caller holds the old value, because releasing it may run foreign code.
        """
        if handler is None:
            self._s_events.pop(event, None)
        else:
            self._s_events[event] = handler

    def _s_loosen_once(self) -> None:
        """Detach the listeners of once() from the emitter that holds them."""
        if self._s_events is not None:
            for handler in list(self._s_events.values()):
                for fn in _all_of(handler):
                    if isinstance(fn, OnceListener):
                        once = fn
                        once._emitter = None

    def _s_count(self, event: Any) -> int:
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return 0
        if type(handler) is list:
            return len(handler)
        if type(handler) is Handlers:
            many = handler
            return many._live
        return 1

    def _s_emit0(self, event: Any) -> bool:
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            return False
        if type(handler) is list:
            self._s_tell_all(event, handler, False, None)
        elif type(handler) is Handlers:
            self._s_tell_many(event, handler, False, None)
        else:
            _tell0(self, event, handler)
        return True

    def _s_emit1(self, event: Any, arg: Any) -> bool:
        handler = None if self._s_events is None else self._s_events.get(event)
        if handler is None:
            if event == "error":
                self._s_unlistened(arg)
            return False
        if type(handler) is list:
            self._s_tell_all(event, handler, True, arg)
        elif type(handler) is Handlers:
            self._s_tell_many(event, handler, True, arg)
        else:
            _tell1(self, event, handler, arg)
        return True

    def _s_tell_all(self, event: Any, listeners: list[Any], with_arg: bool, arg: Any) -> None:
        """Call a list of listeners up to its present length. A list of Handlers contains None for removed listeners."""
        index = 0
        count = len(listeners)
        while index < count:
            try:
                while index < count:
                    fn = listeners[index]
                    index += 1
                    if fn is None:
                        continue
                    if with_arg:
                        _tell1(self, event, fn, arg)
                    else:
                        _tell0(self, event, fn)
            except Exception as error:
                _report(self, event, error)

    def _s_tell_many(self, event: Any, many: Handlers, with_arg: bool, arg: Any) -> None:
        many._readers += 1
        try:
            self._s_tell_all(event, many._items, with_arg, arg)
        finally:
            many._readers -= 1

    def _s_call_each(self, event: Any, handler: Any, args: tuple[Any, ...]) -> None:
        """Call all listeners, then raise the first exception."""
        first = None
        listeners = _all_of(handler)
        index = 0
        while index < len(listeners):
            try:
                while index < len(listeners):
                    index += 1
                    _call(self, listeners[index - 1], args)
            except Exception as error:
                if first is None:
                    first = error
                else:
                    _report_beside(self, event, error, first)
        if first is not None:
            try:
                raise first
            finally:
                # The traceback refers to this frame.
                first = None

    def _s_added(self, event: Any) -> None:
        return None

    def _s_removed(self, event: Any) -> None:
        return None

    def _s_unlistened(self, error: Any) -> None:
        if isinstance(error, BaseException):
            raise error
        raise StreamError(f"'error' event without a listener: {error!r}")

    def _s_watch_listener(self, awaitable: Any) -> None:
        queue = current_queue()

        async def run() -> None:
            try:
                await awaitable
            except Exception as error:
                destroy = getattr(self, "destroy", None)
                if destroy is not None and not getattr(self, "destroyed", False):
                    destroy(error)
                else:
                    report(queue._loop, "Exception in a coroutine listener", error, self)

        def done(task: Any) -> None:
            _listener_tasks.discard(task)
            # If the loop cancels the task before its first step, the task has not started the coroutine.
            close = getattr(awaitable, "close", None)
            if close is not None and task.cancelled():
                close()

        task = queue._loop.create_task(run())
        _listener_tasks.add(task)
        task.add_done_callback(done)


# The loop holds its tasks by weak references only.
_listener_tasks: set[Task[Any]] = set()


def _all_of(handler: Any) -> list[Any]:
    """Return the stored handlers of an event as a list that must not be changed."""
    if type(handler) is list:
        return handler
    if type(handler) is Handlers:
        many = handler
        return many.snapshot()
    return [handler]


def _report_beside(emitter: Any, event: Any, error: Any, first: Any) -> None:
    """Report a second exception besides the raised one: to the loop, or as a note if no loop is running."""
    if _get_running_loop() is None:
        first.add_note(f"another listener of {event!r} raised {error!r}")
    else:
        _report(emitter, event, error)


def _checked(event: Any, fn: Any) -> Any:
    """Return the interned name of the event. Raise InvalidArgTypeError if the name or the listener has the wrong type."""
    if not isinstance(event, str):
        raise InvalidArgTypeError(f"the event must be a str, such as 'data', got {event!r}")
    if not callable(fn) and not isinstance(fn, Listener):
        raise InvalidArgTypeError(f"the listener of {event!r} must be callable, got {fn!r}")
    return calls.interned(event)


give_defaults(OnceListener, EventEmitter)
