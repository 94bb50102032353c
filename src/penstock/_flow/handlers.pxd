cimport cython

from penstock._flow.ticks cimport Ticked

cdef class Listener(Ticked):
    cdef object _notify0(self)
    cdef object _notify1(self, object arg)

cdef class Standin(Listener):
    cdef object _fn             # the function that was given

cdef class Handlers:
    cdef list _items            # listeners in order; None where one was removed, and in the room before the first
    cdef Py_ssize_t _first      # the index of the first one
    cdef Py_ssize_t _live       # how many there are
    cdef Py_ssize_t _base       # what is added to an index to get the number of a place
    cdef dict _places           # function -> the number of its place, or a deque of them; None until one is looked for
    cdef bint _odd              # a listener compares in a way of its own: there can be no table of places
    cdef int _readers           # emissions and searches under way: until they are over nothing may be taken out
    cdef object _fill(self, list listeners)
    cdef list snapshot(self)
    cdef Handlers copy(self)
    cdef object append(self, object listener)
    cdef object prepend(self, object listener)
    cdef object _note(self, object listener, Py_ssize_t place, bint last)
    cdef object _index(self)
    cdef Py_ssize_t find(self, object fn) except -2
    cdef Py_ssize_t _find_place(self, object fn) except -2
    @cython.locals(items=list, index=Py_ssize_t)
    cdef Py_ssize_t _find_same(self, object listener) except -2
    @cython.locals(items=list, index=Py_ssize_t)
    cdef Py_ssize_t _scan(self, object fn) except -2
    @cython.locals(items=list)
    cdef object remove_at(self, Py_ssize_t index)

@cython.locals(standin=Standin)
cpdef bint matches(object listener, object fn) except -1
@cython.locals(standin=Standin)
cpdef object function_of(object listener)
cdef bint _is_compared_by_identity(object fn) except -1
