"""The programs that are measured, each a coroutine function that is run by name in a process of its own.

``python -m benchmarks.programs NAME key=value ...`` runs one and prints a line of JSON.
"""
