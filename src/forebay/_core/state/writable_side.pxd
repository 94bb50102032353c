cimport cython

cimport forebay._core.state.constants as k
cimport forebay._core.scheduling.calls as calls
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.state.writable_queue cimport WritableQueue
from forebay._core.data.stalls cimport Stalls

cdef class WritableSide(WritableQueue):
    cdef unsigned char _w_disabled           # a Duplex made with writable=False
    cdef unsigned char _w_need_drain         # write() returned False and owes a 'drain'
    cdef unsigned char _w_ending             # end() was called
    cdef unsigned char _w_ended              # ... and has returned
    cdef unsigned char _w_final_called
    cdef unsigned char _w_final_done
    cdef unsigned char _w_prefinished
    cdef unsigned char _w_finished
    cdef unsigned char _w_expecting          # the outstanding _write or _writev call has not completed yet
    cdef unsigned char _w_sync               # inside _write, _writev or _final
    cdef unsigned char _w_after_pending      # an after-write tick without a callback is queued
    cdef unsigned char _w_hook_self          # _w_hook takes the stream as its first argument
    cdef unsigned char _w_hooks_found        # _w_hook and _w_many_hook are known
    cdef Py_ssize_t _w_hwm
    cdef object _w_hook                      # the _write hook
    cdef object _w_many_hook                 # the _writev hook
    cdef list _w_tick_info                   # [callback, count] of an after-write tick that can still grow
    cdef Py_ssize_t _w_chunks                # number of chunks written so far
    cdef long long _w_bytes
    cdef Py_ssize_t _w_peak                  # the highest _w_length
    cdef Stalls _w_stalls                    # number and duration of stalls of writers after write() returned False
    cdef object _w_start(self, object write, object writev, object final, Py_ssize_t hwm, bint object_mode, object encoding, bint keep_text)
    @cython.locals(size=Py_ssize_t, waits=bint, buffer=Fifo, stalls=Stalls)
    cdef bint _w_write(self, object chunk, object encoding, object callback) except -1
    cdef object _w_write_late(self, object chunk)
    cdef Py_ssize_t _w_measure(self, object chunk) except -2
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
    cdef object _w_cancelled(self)
    @cython.locals(buffer=Fifo, chunks=list, callbacks=list, size=Py_ssize_t, plain=bint)
    cdef object _w_flush_buffered(self)
    cdef object _w_cork(self)
    cdef object _w_uncork_once(self)
    cdef object _w_end(self, object chunk, object encoding, object callback)
    cdef bint _w_need_finish(self) except -1
    cdef object _w_finish_check(self, bint deferred)
    cdef object _w_prefinish(self)
    cdef bint _w_final_is_done(self) except -1
    cdef object _w_final_hook(self)
    cdef object _w_call_final(self)
    cdef object _w_on_final(self, object error)
    cdef object _w_finish(self)
    cpdef bint _w_finish_unobserved(self) except -1
