"""Node's stream model for Python: streams that tell their producers to wait."""

import importlib
import typing

from forebay._backend import backend as backend

if typing.TYPE_CHECKING:
    from forebay._public import *  # noqa: F403 - the list of the names is there
    from forebay.fs import create_read_stream as create_read_stream
    from forebay.fs import create_write_stream as create_write_stream
else:
    # The streams and asyncio take ten times as long to load as the interpreter takes to start. The command, and a module that a
    # program imports by its name, load only what they need.
    _OF_FILES = ("create_read_stream", "create_write_stream")

    def __getattr__(name: str) -> object:
        """Load the public names when a program asks for the first one, and the file streams for the first of them."""
        if name == "__all__":
            public = importlib.import_module("forebay._public").__all__
            value = sorted([*public, *_OF_FILES, "backend"])
        elif name == "fs" or name in _OF_FILES:
            fs = importlib.import_module("forebay.fs")
            value = fs if name == "fs" else getattr(fs, name)
        elif name.startswith("__"):
            raise AttributeError(f"module 'forebay' has no attribute {name!r}")
        else:
            public = importlib.import_module("forebay._public")
            globals().update({each: getattr(public, each) for each in public.__all__})
            value = globals()[name] if name in globals() else _module(name)
        globals()[name] = value
        return value

    def _module(name: str) -> object:
        try:
            return importlib.import_module(f"forebay.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"forebay.{name}":
                raise
        raise AttributeError(f"module 'forebay' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Return the names of the module, with those that are loaded later."""
        return sorted({*globals(), *__getattr__("__all__"), "fs"})


__version__ = "0.1.0"
