cimport forebay._core.state.constants as k
from forebay._core.data.high_water_mark cimport mark
from forebay._core.data.stalls cimport stalls_of
from forebay._core.state.transform_side cimport TransformSide

cdef class Stream(TransformSide):
    pass
