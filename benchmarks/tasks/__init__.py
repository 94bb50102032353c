"""What Python programs do with streams, each task once for every library that can do it.

A module is named after its library and holds that library's programs, called ``LIBRARY:TASK``; it is imported only where
one of them runs. Every program of a task takes the same parameters and does the same work.
"""

# What files and chunks of lines consist of.
LINE = b"x" * 99 + b"\n"
