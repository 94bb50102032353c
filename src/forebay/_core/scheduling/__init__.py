"""Ticks, their queue, awaitable operations, and the task that runs async hooks."""
