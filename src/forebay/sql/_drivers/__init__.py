"""The adapters: one module for each driver, imported when a connection of the driver is handed over.

An adapter module has ``adapt(connection) -> Source | None`` for the connections and pools of its driver. If the driver opens
connections by URL, it also has ``open_url(url) -> Source``.
"""
