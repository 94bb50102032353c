cimport cython

from forebay._core.scheduling.ticks cimport Ticked

cdef class Listener(Ticked):
    cdef object _notify0(self)
    cdef object _notify1(self, object arg)

cdef class Standin(Listener):
    cdef object _fn             # the function that the user added

cdef class Handlers:
    cdef list _items            # listeners in order; None for a removed one and for free space at the front
    cdef Py_ssize_t _first      # the index of the first one
    cdef Py_ssize_t _live       # number of listeners
    cdef Py_ssize_t _near       # index of the latest search result
    cdef Py_ssize_t _base       # added to an index, gives a place; it stays valid if listeners are prepended
    cdef dict _places           # function -> its place, or a deque of places; None before the first search
    cdef bint _odd              # a listener has its own __eq__ or __hash__, so there is no table of places
    cdef int _readers           # running emissions and searches; while there are any, nothing is removed
    cdef object _fill(self, list listeners)
    cdef list snapshot(self)
    cdef object take_over(self, Handlers other)
    cdef object reserve(self, object listener, bint first)
    @cython.locals(items=list)
    cdef object _make_room(self, Py_ssize_t room)
    @cython.locals(items=list, index=Py_ssize_t)
    cdef object append(self, object listener)
    cdef object prepend(self, object listener)
    @cython.locals(items=list, count=Py_ssize_t)
    cdef object remove_at(self, Py_ssize_t index)
    @cython.locals(items=list, count=Py_ssize_t, first=Py_ssize_t, at=Py_ssize_t, places=dict)
    cdef bint make_places(self) except -1
    @cython.locals(index=Py_ssize_t)
    cdef Py_ssize_t place_of(self, object fn) except -2
    @cython.locals(items=list)
    cdef Py_ssize_t _checked(self, Py_ssize_t index, object fn) except -2
    @cython.locals(items=list, count=Py_ssize_t, start=Py_ssize_t, index=Py_ssize_t)
    cdef Py_ssize_t index_of(self, object listener) except -2
    cdef bint is_odd(self, object fn) except -1
    @cython.locals(items=list, index=Py_ssize_t)
    cdef object scan(self, object fn)

cdef object _note(dict places, object listener, Py_ssize_t place, bint last)
@cython.locals(standin=Standin)
cpdef bint matches(object listener, object fn) except -1
@cython.locals(standin=Standin)
cpdef object function_of(object listener)
cpdef bint is_compared_by_identity(object fn) except -1
