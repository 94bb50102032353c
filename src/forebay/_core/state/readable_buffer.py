"""The buffer of the readable side: unread chunks, which are split, joined and decoded. Rule R14."""

from __future__ import annotations

from typing import Any

from forebay._core.data.chunk import byte_chunk, invalid_chunk, text_chunk
from forebay._core.data.encodings import encoding_name, make_decoder
from forebay._core.data.stalls import Stalls
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.scheduling.fifo import Fifo
from forebay._core.state.lifecycle import Lifecycle


class ReadableBuffer(Lifecycle):
    _r_object: bool
    _r_buffer: Any
    _r_offset: int
    _r_length: int
    _r_changes: int
    _r_decoder: Any
    _r_stalls: Any

    def _r_checked(self, chunk: Any, encoding: Any) -> Any:
        """Return the chunk as bytes, or as text if the stream decodes. After an error is reported, return None."""
        if isinstance(chunk, str):
            if self._r_decoder is not None and (
                encoding is None or encoding_name(encoding) == self._s_find("encoding")
            ):
                return chunk
            if encoding is not None:
                return text_chunk(chunk, encoding)
            data = None
        else:
            data = byte_chunk(chunk)
        if data is None:
            self._s_fail(invalid_chunk(chunk), False)
        return data

    def _r_decode(self, chunk: Any) -> Any:
        if self._r_object:
            data = byte_chunk(chunk)
            return chunk if data is None else self._r_decoder.decode(bytes(data))
        return self._r_decoder.decode(chunk)

    def _r_make_room(self) -> Fifo:
        """Make room for one more chunk. Return the buffer."""
        buffer: Fifo = self._r_buffer
        if buffer is None:
            self._s_check_started()
            buffer = Fifo()
            # The garbage collector may have run foreign code.
            if self._r_buffer is None:
                self._r_buffer = buffer
            calls.ready_for_calls(self)
            buffer = self._r_buffer
        buffer.reserve(1)
        return buffer

    def _r_make_room_in_front(self) -> Fifo:
        buffer = self._r_make_room()
        while self._r_offset:
            # The first chunk is half read: replace it by its rest.
            changes = self._r_changes
            rest = buffer.first()[self._r_offset :]
            if changes == self._r_changes:
                self._r_changes += 1
                self._r_offset = 0
                buffer.replace_first(rest)
            buffer = self._r_make_room()
        return buffer

    def _r_first_left(self) -> int:
        """Return how much of the first chunk is left; 0 if the buffer is empty.

        A chunk whose len() raises makes the stream fail, and is dropped.
        """
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return 0
        left = buffer.first_bytes() - self._r_offset
        return left if left > 0 else self._r_measure_first()

    def _r_measure_first(self) -> int:
        """Do the work of `_r_first_left` for a chunk other than bytes: its len() may run foreign code, and raise."""
        buffer = self._r_buffer
        while buffer.size:
            chunk = buffer.first()
            changes = self._r_changes
            try:
                left = len(chunk) - self._r_offset
            except Exception as error:
                if changes == self._r_changes:
                    self._r_drop_first()
                self._s_fail(error, False)
                return 0
            if changes != self._r_changes:
                continue
            if left > 0:
                return left
            # The owner has shortened the chunk: nothing of it is left.
            self._r_drop_first()
        return 0

    def _r_drop_first(self) -> None:
        buffer = self._r_buffer
        self._r_changes += 1
        self._r_offset = 0
        if buffer.size == 1:
            self._r_length = 0
        buffer.popleft()

    def _r_take(self, n: int) -> Any:
        """Take n bytes, n characters or 1 object from the front of the buffer. Return None if it is empty."""
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return None
        if not self._r_object and (self._r_offset or buffer.first_bytes() != n):
            taken = buffer.take_bytes(self._r_offset, n)
            if taken is not None:
                self._r_changes += 1
                self._r_offset = buffer.cut
                self._r_length -= n
                if self._r_length <= 0 or buffer.size == 0:
                    self._r_length = buffer.size
                buffer.trim()
                return taken
            if self._r_first_left() != n or self._r_offset:
                return self._r_cut(n)
            if buffer.size == 0:
                return None
        self._r_changes += 1
        # The owner of a bytearray may have resized it: the count of an empty buffer is 0, and that of another one is not.
        self._r_length -= n
        if self._r_length <= 0 or buffer.size == 1:
            self._r_length = buffer.size - 1
        return buffer.popleft()

    def _r_cut(self, n: int) -> Any:
        """Take n bytes or characters that are not exactly one chunk. Return fewer, or None, if there are too few."""
        buffer = self._r_buffer
        taken = None
        whole = left = offset = 0
        changes = self._r_changes - 1
        try:
            # len() or a slice of a chunk may run foreign code that reads this stream, so fields change last.
            while changes != self._r_changes:
                changes = self._r_changes
                parts = []
                whole = 0
                left = n
                offset = self._r_offset
                while left > 0 and whole < buffer.size:
                    chunk = buffer.at(whole)
                    size = len(chunk) - offset
                    if size > left:
                        parts.append(chunk[offset : offset + left])
                        offset += left
                        left = 0
                        break
                    if size > 0:
                        parts.append(chunk[offset:] if offset else chunk)
                        left -= size
                    whole += 1
                    offset = 0
                taken = self._r_joined(parts, offset)
        except Exception as error:
            # One of the chunks cannot be read any more: drop the first one.
            if changes == self._r_changes and buffer.size:
                self._r_drop_first()
            self._s_fail(error, False)
            return None
        self._r_changes += 1
        self._r_offset = offset
        self._r_length -= n - left
        if self._r_length <= 0 or buffer.size == whole:
            self._r_length = buffer.size - whole
        while whole > 0:
            whole -= 1
            chunk = buffer.popleft()
            if type(chunk) is not bytes:
                # Hold the chunk until all are removed, so that its `__del__` sees a consistent buffer.
                parts.append(chunk)
        return taken

    def _r_joined(self, parts: list[Any], offset: int) -> Any:
        """Join parts of chunks. ``offset`` is the position at which the last chunk was cut."""
        if not parts:
            return None
        if len(parts) == 1:
            part = parts[0]
            return part if not offset or isinstance(part, (bytes, str)) else bytes(part)
        if self._r_decoder is not None:
            return "".join(parts)
        return b"".join(parts)

    def _r_set_encoding(self, encoding: Any) -> None:
        """Decode the buffered chunks from now on (R14)."""
        decoder = make_decoder(encoding)
        self._s_keep("encoding", encoding_name(encoding))
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            self._r_decoder = decoder
            return
        changes = self._r_changes - 1
        # As in _r_cut, no field changes before all chunks are decoded.
        while changes != self._r_changes:
            changes = self._r_changes
            decoder = make_decoder(encoding)
            decoded = self._r_decoded(decoder)
            text = "" if self._r_object else "".join(decoded)
            held = []
        self._r_decoder = decoder
        self._r_changes += 1
        self._r_offset = 0
        if self._r_object:
            for item in decoded:
                held.append(buffer.popleft())
                buffer.put(item)
            return
        self._r_length = len(text)
        while buffer.size > 1:
            held.append(buffer.popleft())
        if text:
            buffer.replace_first(text)
        else:
            buffer.popleft()

    def _r_decoded(self, decoder: Any) -> list[Any]:
        """Return the chunks of the buffer as text."""
        buffer = self._r_buffer
        decoded = []
        offset = self._r_offset
        index = 0
        while index < buffer.size:
            chunk = buffer.at(index)
            index += 1
            if offset:
                chunk = chunk[offset:]
                offset = 0
            data = chunk
            if self._r_object and not isinstance(chunk, str):
                data = byte_chunk(chunk)
            if data is None or isinstance(data, str):
                decoded.append(chunk)
            else:
                decoded.append(decoder.decode(bytes(data)))
        return decoded

    def _r_stall(self) -> None:
        if self._r_stalls is None:
            stalls = Stalls()
            if self._r_stalls is None:
                self._r_stalls = stalls
        stalls = self._r_stalls
        stalls.begin()

    def _r_unstall(self) -> None:
        stalls = self._r_stalls
        if stalls is not None:
            stalls.end()


give_defaults(ReadableBuffer)
