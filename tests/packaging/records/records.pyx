# cython: language_level=3
"""Records of a C struct through the buffers of forebay, without a Python object for each."""

from forebay cimport ChunkQueue, RingBuffer


cdef struct Record:
    long long number
    double value


def through_ring(RingBuffer ring, long long count):
    """Write and read so many records, and return the sum of their numbers."""
    cdef Record out, back
    cdef long long number, total = 0
    for number in range(count):
        out.number, out.value = number, 0.5
        if ring.put(<const char *> &out, sizeof(out)) != sizeof(out):
            raise BufferError("the ring is full")
        if ring.take(<char *> &back, sizeof(back)) != sizeof(back) or back.value != 0.5:
            raise ValueError("the record did not come back")
        total += back.number
    return total


def through_queue(ChunkQueue queue, long long count):
    """Append so many records, then take them all, and return the sum of their numbers."""
    cdef Record out, back
    cdef long long number, total = 0
    for number in range(count):
        out.number, out.value = number, 0.5
        queue.put(<const char *> &out, sizeof(out))
    while queue.take(<char *> &back, sizeof(back)) == sizeof(back):
        total += back.number
    return total


def put_nothing(ChunkQueue queue, RingBuffer ring):
    """Return what put() and take() of no bytes, and of less than none, say."""
    cdef char byte = 0
    queue.put(&byte, 0)
    queue.put(&byte, -1)
    return [queue.take(&byte, 0), ring.put(&byte, 0), ring.put(&byte, -1), ring.take(&byte, -1), ring.take(&byte, 1)]


def put_bytes(RingBuffer ring, bytes data):
    """Return what put() of the data says."""
    return ring.put(data, len(data))
