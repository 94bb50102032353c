"""The buffer of the readable side: chunks that came in and were not read yet, cut, joined and decoded. Rule R14."""

from __future__ import annotations

from typing import Any

from forebay._core.data.chunk import byte_chunk, invalid_chunk, text_chunk
from forebay._core.data.encodings import encoding_name, make_decoder
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

    def _r_checked(self, chunk: Any, encoding: Any) -> Any:
        """The chunk as bytes or, where the stream decodes, as the text that it is; None once an error is reported."""
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
        """Room for one more chunk; the buffer."""
        buffer: Fifo = self._r_buffer
        if buffer is None:
            self._s_check_started()
            buffer = Fifo()
            # The garbage collector may have run, and with it anything.
            if self._r_buffer is None:
                self._r_buffer = buffer
            calls.ready_for_calls(self)
            buffer = self._r_buffer
        buffer.reserve(1)
        return buffer

    def _r_make_room_in_front(self) -> Fifo:
        buffer = self._r_make_room()
        while self._r_offset:
            # The front chunk is half read: what is left of it is a chunk of its own from here on.
            changes = self._r_changes
            rest = buffer.first()[self._r_offset :]
            if changes == self._r_changes:
                self._r_changes += 1
                self._r_offset = 0
                buffer.replace_first(rest)
            buffer = self._r_make_room()
        return buffer

    def _r_first_left(self) -> int:
        """What is left of the first chunk: more than 0, or 0 where there is none.

        A chunk whose length cannot be told any more makes the stream fail, and is dropped.
        """
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return 0
        left = buffer.first_bytes() - self._r_offset
        return left if left > 0 else self._r_measure_first()

    def _r_measure_first(self) -> int:
        """`_r_first_left` of a chunk that is not bytes: its length may run anything, and raise."""
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
            # Its owner has cut it meanwhile: there is nothing to give any more.
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
        """n bytes, characters or (1) object from the front of the buffer; None where there is nothing."""
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            return None
        if not self._r_object and (self._r_offset or buffer.first_bytes() != n):
            taken = buffer.take_bytes(self._r_offset, n)
            if taken is not None:
                self._r_changes += 1
                self._r_offset = buffer.cut
                self._r_length = self._r_length - n if buffer.size else 0
                buffer.trim()
                return taken
            if self._r_first_left() != n or self._r_offset:
                return self._r_cut(n)
            if buffer.size == 0:
                return None
        self._r_changes += 1
        # A bytearray that its owner has resized meanwhile must not leave a count behind.
        self._r_length = self._r_length - n if buffer.size > 1 else 0
        return buffer.popleft()

    def _r_cut(self, n: int) -> Any:
        """n bytes or characters, where they are not one whole chunk; fewer, or None, where there are not as many."""
        buffer = self._r_buffer
        taken = None
        whole = left = offset = 0
        changes = self._r_changes - 1
        try:
            # A length or a part of a chunk may run anything; what that took is gone. So nothing changes before all is made.
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
            # One of the chunks cannot be read any more; the first one is dropped with what was asked for.
            if changes == self._r_changes and buffer.size:
                self._r_drop_first()
            self._s_fail(error, False)
            return None
        self._r_changes += 1
        self._r_offset = offset
        self._r_length = max(0, self._r_length - (n - left)) if buffer.size > whole else 0
        while whole > 0:
            whole -= 1
            chunk = buffer.popleft()
            if type(chunk) is not bytes:
                # Held until all are out: what `__del__` of one does finds the buffer whole.
                parts.append(chunk)
        return taken

    def _r_joined(self, parts: list[Any], offset: int) -> Any:
        """Parts of chunks as one; ``offset``: where the last of them was cut."""
        if not parts:
            return None
        if len(parts) == 1:
            part = parts[0]
            return part if not offset or isinstance(part, (bytes, str)) else bytes(part)
        if self._r_decoder is not None:
            return "".join(parts)
        return b"".join(parts)

    def _r_set_encoding(self, encoding: Any) -> None:
        """R14."""
        decoder = make_decoder(encoding)
        self._s_keep("encoding", encoding_name(encoding))
        buffer = self._r_buffer
        if buffer is None or buffer.size == 0:
            self._r_decoder = decoder
            return
        changes = self._r_changes - 1
        # As in _r_cut: nothing changes before all is decoded.
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
        """The chunks of the buffer as text."""
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


give_defaults(ReadableBuffer)
