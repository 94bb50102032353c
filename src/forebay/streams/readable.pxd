cimport forebay._core.scheduling.this_thread as this_thread
cimport forebay._core.state.constants as k
from forebay._core.data.high_water_mark cimport mark
from forebay._core.state.many cimport push_many as _push_many
from forebay._core.state.pipe cimport pipe as _pipe, unpipe as _unpipe
from forebay.streams.readable_operators cimport ReadableOperators

cdef class Readable(ReadableOperators):
    pass
