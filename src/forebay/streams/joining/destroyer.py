"""Destroy the stages of a failed pipeline."""

from __future__ import annotations

from typing import Any

from forebay._core.waiting.finished import Finished, finished
from forebay.errors import StreamDestroyedError


class Destroyer:
    """Destroy one stage when the pipeline fails, unless the stage was done before."""

    def __init__(self, stream: Any, reading: bool, writing: bool) -> None:
        self._stream = stream
        self._over = False
        stream.on("close", self._closed)
        self._watch = finished(stream, readable=reading, writable=writing)
        self._watch.add_done_callback(self._done)

    def _closed(self) -> None:
        self._over = True

    def _done(self, watch: Finished) -> None:
        self._over = watch.exception() is None

    def forget(self) -> None:
        self._watch.cancel()

    def destroy(self, error: BaseException | None) -> None:
        if not self._over:
            self._over = True
            if not self._stream.destroyed:
                self._stream.destroy(
                    error
                    if error is not None
                    else StreamDestroyedError("the pipeline is over and this stage is not")
                )
