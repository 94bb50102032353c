cimport cython

cimport forebay._core.state.constants as state
cimport forebay.streams.operators.constants as k
from forebay._core.scheduling.hook_runner cimport HookRunner, is_awaitable
from forebay._core.state.stream cimport Stream
from forebay.streams.readable cimport Readable


cdef class Slot:
    cdef OperatorStream _stream     # None once settled
    cdef object _item
    cdef HookRunner _runner         # who awaits; free again when it is settled
    cdef int _state
    cdef object _value              # the result or the error
    @cython.locals(stream=OperatorStream)
    cdef object _settle(self, int state)

cdef class OperatorStream(Readable):
    cdef readonly Stream source
    cdef readonly int kind
    cdef readonly object fn
    cdef readonly object count      # of take and drop: how many are left
    cdef Py_ssize_t _concurrency
    cdef Py_ssize_t _limit          # how many items may be under way or done, in all
    cdef object _abort_signal
    cdef object _puller             # None before the first read, and after destroy()
    cdef bint _started              # the source is read
    cdef bint _driven               # ... by another operator; see run_by
    cdef bint _pumping
    cdef bint _wanted               # the last push said that there is room
    cdef object _plain              # the type of the last result; known to be no awaitable
    cdef object _slots              # a deque, from the first awaitable on
    cdef list _runners_made
    cdef list _free                 # runners that await nothing
    cdef Py_ssize_t _busy           # awaitables that are not done
    cdef bint _unordered            # a result is given when it is there
    cdef Py_ssize_t _done           # ... and so many are, at the front of the slots
    cpdef object _pump(self)
    @cython.locals(slot=Slot, stream=Stream)
    cdef object _work(self)
    @cython.locals(slot=Slot, runner=HookRunner)
    cdef object _await(self, object item, object awaitable)
    cdef bint _give(self, object item, object value) except -1
    cdef object _end_of_source(self)
    cdef object _enough(self)
    @cython.locals(slot=Slot)
    cdef object _abandon(self)

cdef class WindowStream(OperatorStream):
    cdef Py_ssize_t _step
    cdef bint _partial              # the last list may be shorter
    cdef Py_ssize_t _skip           # items between two windows
    cdef list _items                # of the window that is not full

cdef class FlatMapStream(OperatorStream):
    cdef object _items              # the iterator that is being given
    cdef object _async_items
    cdef object _room               # a future: the async iterator may go on
    cdef object _task
    cdef bint _begun                # the task has taken its first step
    cdef object _expand(self)
