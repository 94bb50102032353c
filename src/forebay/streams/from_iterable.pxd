cimport forebay._core.state.constants as k
from forebay._core.scheduling.hook_runner cimport is_awaitable
from forebay.streams.readable cimport Readable


cdef class FromIterator(Readable):
    cdef object _items
    cdef type _plain            # the type of the last item; known to be no awaitable
    cdef bint _pulling          # the iterator is being read, here or by a task
