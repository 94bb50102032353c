cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.state.constants as k
from forebay._core.data.high_water_mark cimport mark
from forebay._core.state.writable_side cimport WritableSide

cdef class TransformSide(WritableSide):
    cdef unsigned char _t_active
    cdef unsigned char _t_pass               # PassThrough: the chunk is the output
    cdef unsigned char _t_held               # a write waits only for room on the readable side
    cdef unsigned char _t_many               # _w_many_hook is the _transform_many hook
    cdef unsigned char _t_flushing           # _t_outputs belongs to _flush
    cdef object _t_outputs                   # the generator that a hook returned and that is not exhausted
    cdef object _t_room                      # called when there is room for the next of several outputs, or None
    cdef Py_ssize_t _t_before                # readable length before the call of _transform
    cdef object _t_call_transform(self, object chunk)
    cdef object _t_call_without_transform(self, object chunk)
    @cython.locals(raised=calls.Raised)
    cdef object _t_answered(self, object result, object name, object hook)
    cdef object _t_returned(self, object result, int kind)
    cdef object _t_done(self, object error, object value)
    cdef object _t_flush_done(self, object error, object value)
    cdef object _t_pull_outputs(self)
    cdef object _t_release_held(self)
