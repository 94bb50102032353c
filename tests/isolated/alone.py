"""Import each of the modules that the arguments name as the first one of the package, in a process of its own."""

import asyncio  # noqa: F401 - loaded once for all of them, with what it loads
import importlib
import os
import sys
import traceback


def check(name):
    module = importlib.import_module(name)
    assert module.__name__ == name
    assert module.__doc__, f"{name} has no docstring"


for name in sys.argv[1:]:
    assert "forebay" not in sys.modules
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check(name)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"{name} cannot be imported first")
