cimport cython

cimport forebay._core.state.constants as k
cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.this_thread as this_thread
from forebay._core.data.chunk cimport byte_chunk
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.scheduling.ticks cimport TickQueue
from forebay._core.state.readable_buffer cimport ReadableBuffer
from forebay._core.events cimport _returned
from forebay._core.listeners cimport Handlers, Listener
from forebay._core.scheduling.hook_runner cimport is_coroutine_of

cdef object _DATA
cdef object _READABLE
cdef Py_ssize_t _last_mark
cdef object _last_size

cdef class ReadableSide(ReadableBuffer):
    cdef unsigned char _r_disabled           # a Duplex made with readable=False
    cdef unsigned char _r_reading            # a _read call is outstanding
    cdef unsigned char _r_late               # ... and a tick, or the end of the call that runs, will call it
    cdef unsigned char _r_busy               # a call of an async _read runs
    cdef unsigned char _r_sync               # inside _read, or _read was never called
    cdef unsigned char _r_need_readable      # a consumer waits for 'readable'
    cdef unsigned char _r_emitted_readable   # ... and announced
    cdef unsigned char _r_listening          # there are 'readable' listeners
    cdef unsigned char _r_resume_scheduled
    cdef unsigned char _r_reading_more       # a prefetch tick is queued
    cdef unsigned char _r_ended              # end of data received
    cdef unsigned char _r_end_emitted
    cdef unsigned char _r_did_read
    cdef unsigned char _r_hook_kind          # 0 until _r_hook is looked up, READ_FUNCTION, or READ_METHOD of the stream
    cdef unsigned char _r_multi_await        # _r_await is a set of destinations
    cdef signed char _r_flowing              # -1 not decided, 0 no, 1 yes
    cdef signed char _r_paused               # -1 neither, 0 resume() last, 1 pause() last
    cdef Py_ssize_t _r_hwm
    cdef object _r_hook                      # the _read hook
    cdef dict _r_pipes                       # id of a destination -> its Pipe, or a list of pipes
    cdef Py_ssize_t _r_pipe_count
    # The destination that must drain first, or a set of the ids of several, as Node's awaitDrainWriters. A set for one
    # destination would cost several percent of a chunk that waits.
    cdef object _r_await
    cdef Py_ssize_t _r_chunks                # number of chunks received so far
    cdef long long _r_bytes                  # their bytes (characters, objects)
    cdef Py_ssize_t _r_peak                  # the highest _r_length
    cdef object _r_data_handler              # what _s_events holds for 'data'
    cdef Listener _r_data_listener           # ... if it is an internal listener
    cdef object _r_start(self, object read, Py_ssize_t hwm, bint object_mode, object encoding)
    cdef bint _r_can_push(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef bint _r_push(self, object chunk, object encoding) except -1
    @cython.locals(size=Py_ssize_t)
    cdef bint _r_unshift(self, object chunk, object encoding) except -1
    @cython.locals(buffer=Fifo, size=Py_ssize_t)
    cdef bint _r_push_eof(self) except -1
    @cython.locals(buffer=Fifo, at_once=bint, late=bint)
    cdef object _r_add_chunk(self, object chunk, Py_ssize_t size, bint front)
    cdef object _r_emit_data(self, object chunk)
    @cython.locals(buffer=Fifo, left=Py_ssize_t)
    cdef Py_ssize_t _r_how_much(self, Py_ssize_t n) except -1
    cdef object _r_flow_and_read(self)
    @cython.locals(wanted=Py_ssize_t, listener=Listener, queue=TickQueue)
    cdef object _r_read(self, Py_ssize_t n)
    @cython.locals(raised=calls.Raised)
    cdef object _r_call_read(self)
    @cython.locals(late=bint)
    cdef object _r_read_late(self)
    cdef object _s_hook_waits(self, int kind, object awaitable)
    cdef object _r_find_hook(self)
    cdef object _r_read_done(self, object value)
    cdef object _r_announce(self)
    cdef object _r_announce_now(self)
    cdef object _r_flow(self)
    cdef object _r_read_more(self)
    cdef object _r_end_readable(self)
    cdef object _r_emit_end(self)
    cdef object _r_forget_drains(self)
    cdef object _r_pause(self)
    cdef object _r_resume(self)
    cdef object _r_update_listening(self)
    cdef bint _r_writable_done(self) except -1
    cdef object _r_end_writable(self)
    cpdef bint _r_close_unobserved(self, object error) except -1

cdef object _size(Py_ssize_t mark)
