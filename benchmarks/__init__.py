"""Measurements: forebay beside Node, Python's own means, the kernel and other libraries, and single parts.

``python -m benchmarks`` is the front page. It runs from the root of a checkout with the package installed; README.md says
what it can do.
"""
