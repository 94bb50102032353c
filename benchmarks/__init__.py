"""Measurements: single parts under pytest-benchmark, and whole programs beside Node, Python's own means and the kernel.

``python -m benchmarks.versus_node``, ``python -m benchmarks.versus_python`` and ``python -m benchmarks.versus_kernel``
run from the root of a checkout with the package installed; ``--help`` says what they take.
"""
