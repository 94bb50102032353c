"""Measurements: single parts under pytest-benchmark, and whole programs beside Node, Python's own means and the kernel.

``python -m benchmarks.versus_node``, ``... versus_python``, ``... versus_kernel`` and ``... versus_asyncio``
run from the root of a checkout with the package installed; ``--help`` says what they take.
"""
