from typing import Any

from forebay.asyncio._compiled.receive_area import Area

class ProtocolCore:
    """What a `StreamReaderProtocol` does for every piece of data, in and out."""

    _stream_reader_wr: Any
    _paused: bool
    _connection_lost: bool
    _transport: Any
    def _set_up(self, area: Area, plain: bool, pauses_late: bool) -> None: ...
    def _is_plain(self) -> bool: ...
    def _take_over(self, transport: Any, fd: int) -> None: ...
    def _let_go(self) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview:
        """The memory that the loop receives into; shared by all connections of the loop."""
    def buffer_updated(self, nbytes: int) -> None:
        """``nbytes`` were received."""
    def pause_writing(self) -> None:
        """The transport's buffer is over its high-water mark."""
    def resume_writing(self) -> None:
        """The transport's buffer is below its low-water mark."""
