from typing import Protocol

class Gathered(Protocol):
    """A `ChunkQueue`."""

    def writev_to(self, fd: int) -> int: ...

def receive(fd: int, pieces: int) -> bytes | list[bytes] | None:
    """What has arrived at a socket, up to ``pieces`` (1 to 4) times 64 KiB, as bytes objects of at most 64 KiB each.

    None where nothing is there yet, ``b""`` at the end. Raises OSError.
    """

def send(fd: int, chunk: object) -> int:
    """Write one bytes-like chunk; the number of bytes taken, or -1 where it would block. Raises OSError."""

def gather(queue: Gathered, fd: int) -> int:
    """Write from the front of a queue; the number of bytes taken, or -1 where it would block. Raises OSError."""

def splice(source: int, dest: int, size: int) -> int:
    """Move up to ``size`` bytes, one end being a pipe; 0 at the end of the source, -1 where it would block.

    Raises OSError, with ENOSYS where the system has no such call.
    """

def sendfile(dest: int, source: int, offset: int, size: int) -> int:
    """Send up to ``size`` bytes of a file; 0 at its end, -1 where it would block. Raises OSError as `splice`."""

def in_memory(fd: int, offset: int, size: int, step: int) -> int:
    """How many of ``size`` bytes of a file the kernel has in memory, as far as one byte in every ``step`` tells.

    0 where the system or the file cannot say. What is behind the file's end needs no memory.
    """

def has_error(fd: int) -> bool:
    """Whether a socket has an error to report, when all that has come is received."""
