"""The compiled cores of the replacements of asyncio's stream classes."""
