"""Fuzzing: programs that give each parser unexpected bytes.

A target is a module of `fuzz.targets` with a function ``one(data)``. It raises `Finding` if a parser does what it must not do:
an exception that its documentation does not name, another result for the same bytes in other pieces, or more work or memory
than the input is worth.
"""
