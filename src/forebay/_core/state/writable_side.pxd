cimport cython

cimport forebay._core.state.constants as k
cimport forebay._core.scheduling.calls as calls
from forebay._core.data.chunk cimport byte_chunk, text_chunk
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.state.lifecycle cimport Lifecycle
from forebay._core.state.readable_side cimport ReadableSide
from forebay._core.data.stalls cimport Stalls
from forebay._core.scheduling.ticks cimport current_queue


cdef class WritableSide(ReadableSide):
    cdef unsigned char _w_object             # object mode
    cdef unsigned char _w_disabled           # a Duplex made with writable=False
    cdef unsigned char _w_need_drain         # write() returned False and owes a 'drain'
    cdef unsigned char _w_ending             # end() was called
    cdef unsigned char _w_ended              # ... and has returned
    cdef unsigned char _w_final_called
    cdef unsigned char _w_final_done
    cdef unsigned char _w_prefinished
    cdef unsigned char _w_finished
    cdef unsigned char _w_writing            # a _write or _writev call is outstanding
    cdef unsigned char _w_expecting          # ... and has not completed yet
    cdef unsigned char _w_sync               # inside _write, _writev or _final
    cdef unsigned char _w_flushing           # the buffered chunks are being handed over
    cdef unsigned char _w_after_pending      # an after-write tick without callback is queued
    cdef unsigned char _w_keep_text          # decode_strings=False
    cdef unsigned char _w_hook_self          # _w_hook takes the stream as its first argument
    cdef unsigned char _w_hooks_found        # _w_hook and _w_many_hook are looked up
    cdef int _w_corked
    cdef Fifo _w_buffer                      # chunk, callback; two slots for each write
    cdef Py_ssize_t _w_length                # bytes or objects queued and in flight
    cdef Py_ssize_t _w_writelen              # of these, in flight
    cdef Py_ssize_t _w_hwm
    cdef Py_ssize_t _w_pending               # writes, and _final, whose end was not yet told
    cdef object _w_hook                      # the _write hook
    cdef object _w_many_hook                 # the _writev hook
    cdef object _w_callback                  # of the write in flight: a callable, or a list of them
    cdef list _w_tick_info                   # [callback, count] of an after-write tick that can still grow
    cdef object _w_encoding                  # for str chunks; None refuses them
    cdef Py_ssize_t _w_chunks                # chunks written, ever
    cdef long long _w_bytes
    cdef Py_ssize_t _w_peak                  # the highest _w_length
    cdef Stalls _w_stalls                    # how often and how long write() told a healthy stream's writer to wait
    cdef object _w_start(self, object write, object writev, object final, Py_ssize_t hwm, bint object_mode, object encoding)
    cdef object _w_checked(self, object chunk, object encoding)
    @cython.locals(size=Py_ssize_t, waits=bint, buffer=Fifo, stalls=Stalls)
    cdef bint _w_write(self, object chunk, object encoding, object callback) except -1
    cdef object _w_write_late(self, object chunk)
    @cython.locals(buffer=Fifo)
    cdef bint _w_has_room(self) except -1
    @cython.locals(buffer=Fifo)
    cdef object _w_put(self, object chunk, object callback)
    @cython.locals(buffer=Fifo)
    cdef object _w_make_room(self)
    cdef Py_ssize_t _w_measure(self, object chunk) except -2
    @cython.locals(size=Py_ssize_t)
    cdef object _w_forget(self, object chunk)
    cdef object _w_refuse(self, object callback)
    cdef object _w_refusal(self, str what)
    cdef object _w_find_hooks(self)
    cdef object _w_method(self, object hook, object name)
    cdef object _w_call_write(self, object chunk)
    @cython.locals(raised=calls.Raised)
    cdef object _w_returned(self, object result)
    cdef object _w_call_writev(self, list chunks)
    @cython.locals(sync=bint, waiting=bint, buffer=Fifo)
    cdef object _w_written(self, object error)
    cdef object _w_after_write(self, Py_ssize_t count, object callback)
    @cython.locals(stalls=Stalls)
    cdef object _w_unstall_writers(self)
    cdef object _w_write_failed(self, object callback, object error)
    cdef object _w_run_callback(self, object callback, object error)
    cdef object _w_tell(self, object callback, object error)
    @cython.locals(buffer=Fifo, chunks=list, callbacks=list, size=Py_ssize_t)
    cdef object _w_flush_buffered(self)
    @cython.locals(buffer=Fifo, chunks=list)
    cdef list _w_take_waiting(self)
    @cython.locals(buffer=Fifo)
    cdef object _w_fail_buffered(self)
    cdef object _w_fail_first(self, Fifo buffer)
    cdef object _w_uncork_once(self)
    cdef object _w_end(self, object chunk, object encoding, object callback)
    cdef bint _w_need_finish(self) except -1
    cdef object _w_finish_check(self, bint deferred)
    cdef object _w_prefinish(self)
    cdef bint _w_final_is_done(self) except -1
    cdef object _w_call_final(self)
    cdef object _w_on_final(self, object error)
    cdef object _w_finish(self)
    cdef object _w_run_end_callbacks(self, object error)
    cdef object _w_add_end_callback(self, object callback)
