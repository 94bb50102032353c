"""Streams over synchronous code that runs in a thread of its own."""
