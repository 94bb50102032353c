"""Every module of the package can be imported first; the one to import is the argument."""

import importlib
import sys

module = importlib.import_module(sys.argv[1])
assert module.__name__ == sys.argv[1]
assert module.__doc__, f"{sys.argv[1]} has no docstring"
