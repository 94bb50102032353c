"""Import one module of the package first; the argument names it."""

import importlib
import sys

module = importlib.import_module(sys.argv[1])
assert module.__name__ == sys.argv[1]
assert module.__doc__, f"{sys.argv[1]} has no docstring"
