"""Input in any pieces, cut into blocks of whole records."""

from __future__ import annotations

# Characters of text without a whole record after which the guess about quotes is put to the test; doubled each time.
_FIRST_TEST = 128 * 1024
# Fields over several lines that a search for the beginning of their record goes back.
_MOST_STEPS = 16


class LineBlocks:
    """Bytes, cut into blocks of whole lines."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        #: Bytes that wait for their line end.
        self.size = 0

    def add(self, data: bytes) -> bytes:
        """Return the lines that are complete with ``data``, or ``b""``."""
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._pieces.append(data)
            self.size += len(data)
            return b""
        rest = data[cut:]
        block = data if not rest else data[:cut]
        if self._pieces:
            block = b"".join([*self._pieces, block])
            self._pieces.clear()
        self.size = len(rest)
        if rest:
            self._pieces.append(rest)
        return block

    def rest(self) -> bytes:
        """Take the line that is not complete."""
        rest = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return rest


class RecordBlocks:
    """Text in CSV, cut into blocks that end with a line and, as far as the number of quotes tells, with a record.

    An odd number of quotes before a line end means that it is inside a field. That is right for well-formed CSV. The parser
    finds out where it is wrong, and gives back a record that is not whole.
    """

    def __init__(self, quote: str | None, escape: str | None) -> None:
        self._quote = quote
        self._escaped = None if quote is None or escape is None else escape + quote
        self._pieces: list[str] = []
        self._size = 0
        self._odd = False
        self._doubtful = False
        self._test_at = _FIRST_TEST

    def add(self, text: str) -> str:
        """Return the records that are complete with ``text``, or ``""``."""
        cut = _last_line_end(text)
        if cut and self._quote is not None:
            cut = self._outside_quotes(text, cut)
        if cut and not self._doubtful:
            block = self._joined(text[:cut])
            self._keep(text[cut:])
            return block
        if self._quote is not None and self._quotes(text, 0, len(text)) & 1:
            self._odd = not self._odd
        self._pieces.append(text)
        self._size += len(text)
        return "" if self._size < self._test_at else self.lines()

    def lines(self) -> str:
        """Return all lines that are complete, whether records end with them or not."""
        whole = self._joined("")
        cut = _last_line_end(whole)
        self._keep(whole[cut:])
        self._doubtful = False
        self._test_at = max(_FIRST_TEST, 2 * self._size)
        return whole[:cut]

    def give_back(self, text: str) -> None:
        """Keep the beginning of a record, which was taken for whole ones, before what is kept already.

        The guess is wrong here. The next test comes when there is twice as much, so that the work stays in proportion.
        """
        self._keep(self._joined("", text))
        self._doubtful = True
        self._test_at = max(_FIRST_TEST, 2 * self._size)

    def rest(self) -> str:
        """Take the record that is not complete."""
        return self._joined("")

    def _joined(self, last: str, first: str = "") -> str:
        whole = "".join([first, *self._pieces, last]) if first or self._pieces else last
        self._pieces.clear()
        self._size = 0
        self._odd = False
        return whole

    def _keep(self, text: str) -> None:
        if text:
            self._pieces.append(text)
            self._size = len(text)
            self._odd = self._quote is not None and self._quotes(text, 0, len(text)) & 1 == 1

    def _outside_quotes(self, text: str, cut: int) -> int:
        """The last line end up to ``cut`` before which the number of quotes is even; 0 if there is none in ``text``."""
        quote: str = self._quote  # type: ignore[assignment]
        odd = self._odd ^ (self._quotes(text, 0, cut) & 1 == 1)
        steps = 0
        while odd and cut and steps < _MOST_STEPS:
            steps += 1
            # A record begins before the quote that opened the field.
            opened = text.rfind(quote, 0, cut)
            before = _last_line_end(text, opened) if opened > 0 else 0
            odd ^= self._quotes(text, before, cut) & 1 == 1
            cut = before
        return 0 if odd else cut

    def _quotes(self, text: str, start: int, end: int) -> int:
        quote: str = self._quote  # type: ignore[assignment]
        # Most blocks have none, and to find that out is much faster than to count.
        if text.find(quote, start, end) < 0:
            return 0
        count = text.count(quote, start, end)
        return count if self._escaped is None else count - text.count(self._escaped, start, end)


def _last_line_end(text: str, end: int | None = None) -> int:
    """The index behind the last line end before ``end``; a ``\\r`` in the last place may be half of one."""
    if end is None:
        end = len(text)
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, max(end - 1, 0))) + 1
