"""The decoder that a worker runs: members one after the other, limits, and what is wrong with the data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from forebay.codecs._detection import Detector
from forebay.codecs._format import Format, Member
from forebay.errors import DamagedDataError, ExpansionLimitError, TruncatedDataError

__all__ = ["Decoder"]

# Bytes that a library gets at a time, so that the position of damage is known to this.
_PIECE = 64 * 1024
# Bytes of output before `max_ratio` counts. A little input may be a header of a large file.
_FREE_OUTPUT = 1024 * 1024


class Decoder:
    """Decompresses one or several members.

    ``format`` is None until the first bytes show which one it is. ``held`` is the number of bytes of input that wait.
    """

    def __init__(
        self, format: Format | None, limit: int | None, max_ratio: float | None, max_window: int
    ) -> None:
        self.format = format
        self.held = 0
        self._detector = None if format is not None else Detector()
        self._limit = limit
        self._max_ratio = max_ratio
        self._max_window = max_window
        self._inputs: deque[memoryview] = deque()
        # The decoder of the present member; None between members. Whether one was read to its end.
        self._member: Member | None = None
        self._whole = False
        # Whether the member has output left, or input that it was given before.
        self._has_more = False
        # The number of zeros behind the last member.
        self._zeros = 0
        # The bytes that the library was given, those of the last piece, and those that came out.
        self._taken = 0
        self._piece = 0
        self._given = 0
        # An error that is raised when the output before it has been handed on.
        self._error: Exception | None = None

    def step(self, chunks: Iterable[Any], room: int) -> tuple[bytes, bool]:
        """Take in chunks, and return up to ``room`` bytes of output and whether only more input can bring more.

        Raises:
            DamagedDataError: The data is not in its format, or is damaged.
            ExpansionLimitError: The output is larger than the limits allow.
            ImportError: The library of a format that was detected is missing.
        """
        for chunk in chunks:
            self._inputs.append(memoryview(chunk))
            self.held += len(chunk)
        outputs: list[bytes] = []
        try:
            if self._error is not None:
                raise self._error
            hungry = self._decode(outputs, room)
        except Exception as error:
            if not outputs:
                raise
            self._error = error
            hungry = False
        return b"".join(outputs), hungry

    @property
    def is_untouched(self) -> bool:
        """Whether there was no input at all."""
        return not self._taken and not self.held

    def end(self) -> None:
        """Check that the data may end here. Raises TruncatedDataError, DamagedDataError."""
        if self.format is None and self.held:
            # The data is shorter than any beginning that is known.
            assert self._detector is not None
            raise self._detector.failure(self._all_inputs())
        if self._member is not None or self.held:
            raise TruncatedDataError(
                f"the compressed data ends too early, after {self._taken + self.held:,} bytes",
                position=self._taken + self.held,
            )
        if not self._whole:
            raise TruncatedDataError("there is no compressed data", position=0)
        self._check_padding()

    # ---- one step

    def _decode(self, outputs: list[bytes], room: int) -> bool:
        while room > 0:
            if not self._has_more:
                data = self._next_piece()
                if data is None:
                    return True
            else:
                data = memoryview(b"")
            output = self._decompress(data, room)
            if output:
                self._given += len(output)
                self._check_limits()
                outputs.append(output)
                room -= len(output)
        return False

    def _decompress(self, data: memoryview, room: int) -> bytes:
        member = self._member
        format = self.format
        assert member is not None
        assert format is not None
        if self._limit is not None:
            # One more byte than is allowed shows that there is more.
            room = min(room, self._limit - self._given + 1)
        try:
            output = member.decompress(data, room)
        except format.errors as error:
            raise self._damaged(f"the compressed data is damaged: {format.in_words(error)}") from None
        self._has_more = False
        if member.eof:
            self._member = None
            self._whole = True
            self._put_back(member.unused_data or b"")
        elif len(output) >= room or (not member.needs_input and (output or len(data))):
            # A library may hold output that had no room, with all of its input taken.
            self._has_more = True
        return output

    def _next_piece(self) -> memoryview | None:
        """Return input for the member, which this begins if there is none; None if there is not enough input."""
        while self._inputs or self.format is None:
            if self.format is None:
                if not self._detect():
                    return None
                continue
            data = self._inputs.popleft()
            if len(data) > _PIECE:
                self._inputs.appendleft(data[_PIECE:])
                data = data[:_PIECE]
            self.held -= len(data)
            self._taken += len(data)
            self._piece = len(data)
            if self._member is None:
                data = self._begin(data)
            if len(data):
                return data
        return None

    def _begin(self, data: memoryview) -> memoryview:
        """Begin a member with ``data``, unless that is empty or consists of the zeros behind a member."""
        format = self.format
        assert format is not None
        if self._whole and format.padding:
            kept = bytes(data).lstrip(b"\0")
            self._zeros += len(data) - len(kept)
            data = memoryview(kept)
        if not len(data):
            return data
        if self._whole:
            self._check_padding()
        if (self._whole and not format.many) or not format.begins(bytes(data[:16])):
            if self._whole:
                raise self._damaged(
                    f"something that is not in {format.name} format follows the compressed data"
                )
            raise self._damaged(f"not in {format.name} format")
        self._member = format.member(self._max_window)
        return data

    def _put_back(self, data: bytes) -> None:
        if data:
            self._inputs.appendleft(memoryview(data))
            self.held += len(data)
            self._taken -= len(data)

    def _check_padding(self) -> None:
        assert self.format is not None
        padding = self.format.padding
        zeros, self._zeros = self._zeros, 0
        if padding and zeros % padding:
            raise self._damaged(
                f"{zeros} zeros follow the compressed data, and {self.format.name} pads by {padding}"
            )

    def _check_limits(self) -> None:
        if self._limit is not None and self._given > self._limit:
            raise ExpansionLimitError(
                f"the decompressed data has more than the {self._limit:,} bytes that limit= allows"
            )
        if (
            self._max_ratio is not None
            and self._given > _FREE_OUTPUT
            and self._given > self._max_ratio * self._taken
        ):
            raise ExpansionLimitError(
                f"{self._taken:,} compressed bytes gave {self._given:,} bytes,"
                f" more than the {self._max_ratio:g} times that max_ratio= allows"
            )

    # ---- the format

    def _detect(self) -> bool:
        """Find the format by the first bytes. Return False if there are too few."""
        assert self._detector is not None
        data = self._all_inputs()
        skipped, found = self._detector.look(data)
        self._inputs.clear()
        if skipped < len(data):
            self._inputs.append(memoryview(data)[skipped:])
        self.held -= skipped
        self._taken += skipped
        if found is None:
            return False
        found.load()
        self.format = found
        return True

    def _all_inputs(self) -> bytes:
        return b"".join(self._inputs)

    def _damaged(self, text: str) -> DamagedDataError:
        begin = self._taken - self._piece
        return DamagedDataError(f"{text} (between byte {begin:,} and byte {self._taken:,})", position=begin)
