cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.state.constants as k
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.state.pipe cimport Pipe
from forebay._core.state.stream cimport Stream

cdef Py_ssize_t _ANY_SIZE

@cython.locals(at=Py_ssize_t, count=Py_ssize_t, taken=Py_ssize_t, more=bint)
cpdef bint push_many(Stream stream, list chunks) except -1
@cython.locals(at=Py_ssize_t, count=Py_ssize_t, taken=Py_ssize_t, more=bint)
cpdef bint write_many(Stream stream, list chunks) except -1
cpdef list take_waiting(Stream stream)
@cython.locals(left=Py_ssize_t)
cpdef object read_many(Stream stream, list chunks)
@cython.locals(buffer=Fifo)
cdef Py_ssize_t _read_run(Stream stream, list chunks, Py_ssize_t most) except -1
@cython.locals(more=bint)
cpdef object write_items(Stream stream, object items, object failed)
cdef Py_ssize_t _push_run(Stream stream, list chunks, Py_ssize_t at) except -1
@cython.locals(link=Pipe, end=Py_ssize_t, taken=Py_ssize_t)
cdef Py_ssize_t _pipe_run(Stream stream, list chunks, Py_ssize_t at) except -1
@cython.locals(buffer=Fifo, end=Py_ssize_t, size=Py_ssize_t, taken=Py_ssize_t)
cdef Py_ssize_t _buffer_run(Stream stream, list chunks, Py_ssize_t at) except -1
@cython.locals(buffer=Fifo, room=Py_ssize_t, size=Py_ssize_t, taken=Py_ssize_t)
cdef Py_ssize_t _queue_run(Stream stream, list chunks, Py_ssize_t at, Py_ssize_t end) except -1
@cython.locals(size=Py_ssize_t)
cdef Py_ssize_t _end_of_bytes(list chunks, Py_ssize_t at, Py_ssize_t end, Py_ssize_t room, bint with_empty) except -1
@cython.locals(size=Py_ssize_t)
cdef Py_ssize_t _size_of_bytes(list chunks, Py_ssize_t at, Py_ssize_t end) except -1
