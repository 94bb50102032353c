cimport forebay._core.state.constants as k
from forebay._core.data.high_water_mark cimport mark
from forebay._core.data.stalls cimport stalls_of
from forebay._core.state.transform_side cimport TransformSide

cdef class Stream(TransformSide):
    cpdef object _r_end_unannounced(self)
    cpdef object _r_got_nothing(self)
    cpdef object _r_undecide(self)
    cpdef object _w_has_own_hooks(self)
    cpdef object _w_end_unannounced(self)
    cpdef object _s_destroy_unannounced(self, object error)
    cpdef object _s_error_is_told(self)
