"""The stream that hashes what passes."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.codecs._worker import WorkerTransform, is_constant
from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["Hashing"]

# Bytes from which on a chunk is worth a call in a worker: some 50 us there and back.
_LARGE_TO_HASH = 64 * 1024
# Bytes that may pass on before they are hashed.
_MOST_UNHASHED = 1024 * 1024


class Hashing(WorkerTransform):
    """The stream that `hashing` returns. ``name`` is the name of the hash."""

    def __init__(self, name: str, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if not isinstance(name, str):
            raise InvalidArgTypeError(f"name must be a str, got {name!r}")
        try:
            self._hash: Any = hashlib.new(name, usedforsecurity=False)
        except ValueError:
            raise InvalidArgValueError(f"no hash is called {name!r}") from None
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        #: The name of the hash, as it was given.
        self.name = name
        self._unhashed: list[Any] = []
        self._unhashed_bytes = 0
        # The chunks that a worker has.
        self._at_work = 0
        # A chunk that waits for others to be hashed, and whether it waits for itself too.
        self._held: tuple[Completion, Any, bool] | None = None

    def hexdigest(self) -> str:
        """Return the hash of the data so far in hexadecimal digits. Once the stream has ended, it is that of all the data.

        The extendable hashes ``shake_128`` and ``shake_256`` are cut at 32 and 64 bytes.

        Raises:
            RuntimeError: A worker is still hashing chunks.
        """
        if self._at_work:
            raise RuntimeError(
                "hexdigest() while chunks are still being hashed; wait for the end of the stream"
            )
        if self._hash.digest_size == 0:
            # SHAKE hashes have no digest size of their own. A digest of twice the strength in bits keeps the full strength.
            length: Any = 64 if "256" in self._hash.name else 32
            return str(self._hash.hexdigest(length))
        return str(self._hash.hexdigest())

    def _transform(self, chunk: Any) -> Any:
        if not len(chunk):
            return None
        if not self._at_work and len(chunk) < _LARGE_TO_HASH:
            self._hash.update(chunk)
            return chunk
        self._unhashed.append(chunk)
        self._unhashed_bytes += len(chunk)
        if not self._at_work:
            self._hash_more()
        # The next stage could change a mutable buffer before it is hashed.
        alone = not is_constant(chunk)
        if not alone and self._unhashed_bytes < _MOST_UNHASHED:
            return chunk
        self._held = (Completion(), chunk, alone)
        return self._held[0]

    def _hash_more(self) -> None:
        """Give a worker the waiting chunks. Raises RuntimeError if no thread can be started."""
        chunks, self._unhashed = self._unhashed, []
        self._at_work = self._unhashed_bytes
        self._worker().submit(partial(_update, self._hash, chunks), self._hashed)

    def _hashed(self, _: Any, error: BaseException | None) -> None:
        self._unhashed_bytes -= self._at_work
        self._at_work = 0
        if self.destroyed:
            return
        try:
            if error is not None:
                raise error
            if self._unhashed:
                self._hash_more()
        except Exception as failure:
            self.destroy(failure)
            return
        if self._held is not None:
            done, chunk, alone = self._held
            if self._unhashed_bytes < (1 if alone else _MOST_UNHASHED):
                self._held = None
                done.resolve(chunk)

    def _flush(self) -> Any:
        if not self._at_work:
            return None
        self._held = (Completion(), None, True)
        return self._held[0]

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._held = None
        self._unhashed.clear()
        return super()._destroy(error)


def _update(digest: Any, chunks: list[Any]) -> None:
    for chunk in chunks:
        digest.update(chunk)
