"""Streams in the frameworks that a program has: `asgi` (Starlette, FastAPI, any ASGI server), `aiohttp` and `httpx`.

Each module needs its framework only when it is used; the extras ``forebay[asgi]``, ``forebay[aiohttp]`` and
``forebay[httpx]`` install them.
"""
