"""Make every compiled class without its `__init__`, and use all its attributes and methods; none may crash.

Arguments: a file for what is being tried, so that its last state names what ended the process; then the classes that are to
be left out. Whatever is raised is right.
"""

import asyncio
import contextlib
import copy
import importlib
import io
import operator
import os
import pickle
import pkgutil
import signal
import sys
import warnings
import weakref

import forebay

HEAP_TYPE = 1 << 9
SECONDS = 0.25
# Those of the interpreter's own, which every object has.
PLAIN = set(dir(object))


class TooLongError(BaseException):
    pass


def too_long(*_):
    raise TooLongError


def compiled_classes():
    found = {}
    for module in pkgutil.walk_packages(forebay.__path__, "forebay."):
        if module.name.endswith("__main__"):
            continue
        with contextlib.suppress(ImportError):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and value.__module__.startswith("forebay"):
                    for cls in value.__mro__:
                        if cls.__module__.startswith("forebay") and not cls.__flags__ & HEAP_TYPE:
                            found[f"{cls.__module__}.{cls.__qualname__}"] = cls
    return dict(sorted(found.items()))


def forgetful(cls):
    """A subclass whose `__init__` calls no other."""
    return type("Forgetful", (cls,), {"__init__": lambda self, *args: None})


def makers(cls):
    """Ways to an object of the class without its `__init__`."""
    for args in ((), (1,), (b"x",), (None,), (object(),)):
        try:
            cls.__new__(cls, *args)
        except Exception:
            continue
        yield lambda args=args: cls.__new__(cls, *args)
        break
    else:
        return
    with contextlib.suppress(TypeError):
        sub = forgetful(cls)
        sub(*args)
        yield lambda: sub(*args)


def shapes(blank):
    yield ()
    for value in (None, 1, -1, b"x", "data", bytearray(b"xy"), ValueError("x"), print, blank, [b"x"], ("x",)):
        yield (value,)
    yield (None, None)
    yield (b"x", 1)
    yield (1, 1)
    yield ("data", print)
    yield (blank, blank)
    yield (None, None, None)
    yield ("data", print, None)
    yield (ValueError, ValueError("x"), None)


def awaited(value):
    step = value.__await__()
    try:
        step.send(None)
    finally:
        getattr(step, "close", int)()


def iterated(value):
    for _, each in zip(range(3), value, strict=False):
        repr(each)


def entered(value):
    with value:
        pass


OPERATIONS = {
    "repr": repr,
    "str": str,
    "format": format,
    "hash": hash,
    "len": len,
    "bool": bool,
    "iter": iterated,
    "next": next,
    "aiter": aiter,
    "anext": lambda value: anext(value).send(None),
    "await": awaited,
    "with": entered,
    "call": lambda value: value(),
    "call1": lambda value: value(b"x"),
    "equal": lambda value: value == value,
    "less": lambda value: value < value,
    "contains": lambda value: operator.contains(value, 1) if hasattr(value, "__contains__") else None,
    "item": lambda value: value[0],
    "slice": lambda value: value[1:2],
    "set item": lambda value: operator.setitem(value, 0, 1),
    "or": lambda value: value | value,
    "add": lambda value: value + value,
    "index": operator.index,
    "memoryview": lambda value: bytes(memoryview(value)),
    "bytes": bytes,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "weakref": lambda value: weakref.ref(value)(),
    "writelines": lambda value: io.BytesIO().write(value),
    "vars": lambda value: repr(vars(value)),
}


def names_of(cls):
    return [
        name for name in dir(cls) if name not in PLAIN or name in ("__init__", "__reduce__", "__sizeof__")
    ]


def programs(cls, make):
    """Everything that can be asked of an object: a name, and a function of the object."""
    for name, operation in OPERATIONS.items():
        yield name, operation
    for name in names_of(cls):
        yield f"get {name}", lambda blank, name=name: repr(getattr(blank, name))
        yield f"set {name}", lambda blank, name=name: setattr(blank, name, None)
        yield f"delete {name}", lambda blank, name=name: delattr(blank, name)
        for index, _ in enumerate(shapes(None)):

            def call(blank, name=name, index=index):
                *_, args = (args for _, args in zip(range(index + 1), shapes(make()), strict=False))
                result = getattr(blank, name)(*args)
                repr(result)
                if hasattr(result, "__await__"):
                    awaited(result)
                elif hasattr(result, "send"):
                    next(result)

            yield f"call {name} shape {index}", call


class Progress:
    def __init__(self, path):
        # Far from the numbers that a method may be given as a descriptor.
        self.fd = os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 500)

    def say(self, text):
        os.pwrite(self.fd, text.encode().ljust(200), 0)


def try_one(program, make):
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            program(make())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException:
        # Any exception is right.
        return


async def try_all(classes, progress):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    for full_name, cls in classes.items():
        for way, make in enumerate(makers(cls)):
            for name, program in programs(cls, make):
                progress.say(f"{full_name}|way {way}|{name}")
                try_one(program, make)
            # What they have queued runs on them as well.
            for _ in range(3):
                progress.say(f"{full_name}|way {way}|a turn of the loop")
                with contextlib.suppress(BaseException):
                    await asyncio.sleep(0)


def main():
    progress = Progress(sys.argv[1])
    left_out = sys.argv[2:]
    classes = {name: cls for name, cls in compiled_classes().items() if name not in left_out}
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    signal.signal(signal.SIGALRM, too_long)
    for name, cls in classes.items():
        for make in makers(cls):
            for what, program in programs(cls, make):
                progress.say(f"{name}|without a loop|{what}")
                try_one(program, make)
    with contextlib.suppress(BaseException):
        asyncio.run(try_all(classes, progress))
    progress.say(f"tried {len(classes)}")
    os._exit(0)


main()
