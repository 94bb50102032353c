"""Adapters for frameworks: `asgi` (Starlette, FastAPI, any ASGI server), `aiohttp` and `httpx`.

Each module needs its framework only when it is used. The extras ``asgi``, ``aiohttp`` and ``httpx`` of this package
install them.
"""
