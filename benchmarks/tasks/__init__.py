"""Common tasks with streams, each once for every library that supports it.

A module is named after its library and holds that library's programs, called ``LIBRARY:TASK``; it is imported only where
one of them runs. Every program of a task takes the same parameters and does the same work.
"""

# The content of files and of chunks of lines.
LINE = b"x" * 99 + b"\n"
