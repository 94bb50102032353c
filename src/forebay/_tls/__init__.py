"""TLS between ciphertext and plain bytes, for sockets and for asyncio's streams."""
