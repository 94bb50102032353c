cimport cython

from forebay._core.state.completion cimport Completion
from forebay._core.state.stream cimport Stream
from forebay._system.syscalls cimport gather, send
from forebay.net._write_burst cimport Burst, Bursting, current_burst

cdef Py_ssize_t _LARGE_BYTES
cdef Py_ssize_t _MOST_ENTRIES
cdef Py_ssize_t _BURST_BYTES

cdef class SendQueue(Bursting):
    cdef object _loop
    cdef readonly int fd            # -1 before it is open and after it is closed
    cdef bint _burst                # has written in the running burst
    cdef bint _yielding             # has written so much that the loop comes first
    cdef bint _blocked              # the kernel takes no more at the moment
    cdef bint _writer               # the loop watches for room to write
    cdef bint _closed
    cdef bint _ended_here           # this side was ended before the peer had ended its own
    cdef bint _sending              # inside a system call that sends, or one has failed
    cdef Py_ssize_t _burst_bytes    # sent since the loop had its turn
    cdef object _queue              # a ChunkQueue; made when the first chunk has to wait
    cdef Completion _done           # of the write in flight
    cdef Completion _final_done     # of _final, while it waits for the queue
    cdef list _free_calls
    cdef readonly long long bytes_out
    cdef public bint watched        # a timeout needs active_at
    cdef readonly double active_at  # when bytes came or went last, on the monotonic clock
    cdef public object layer
    cdef readonly object owner
    cdef readonly object fault
    cdef readonly bint peer_ended
    cpdef object note_fault(self, object error)
    cpdef object find_fault(self)
    cdef object _failed(self, object error)
    @cython.locals(size=Py_ssize_t, taken=Py_ssize_t)
    cpdef object write(self, object chunk)
    cdef bint _held(self)
    cdef Completion _pending(self)
    cdef object _queued(self, object chunk)
    @cython.locals(burst=Burst)
    cdef object _sent(self, Py_ssize_t size)
    cpdef object _yielded(self)
    cdef object _go_on(self)
    @cython.locals(waiting=Py_ssize_t, entries=Py_ssize_t, taken=Py_ssize_t)
    cdef bint _send_queued(self) except -1
    cdef object _block(self)
    cdef object _stop_writer(self)
    cpdef object on_writable(self)
    cdef object _all_sent(self)
    cdef object _write_failed(self, object error)
    cdef object _tell_free(self)
    cpdef object acquire(self, object owner)
    cpdef object wait_writable(self)
    cpdef object count_out(self, Py_ssize_t size)
    cpdef object release(self)

@cython.locals(data=bytes)
cdef Py_ssize_t _size_of(object chunk) except -1
