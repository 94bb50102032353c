# cython: language_level=3
"""Calls that return the exception instead of raising it; the pure-Python twin describes them.

The calls themselves are in the .pxd, to be inlined.
"""

cimport cython
from cpython.exc cimport PyErr_Occurred

from forebay._core.scheduling.this_thread cimport FREE_THREADED

from forebay._core.scheduling.exit import heed

cdef extern from *:
    """
    /* The exception that is being raised, taken. */
    static PyObject *forebay_caught(void) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != NULL) PyException_SetTraceback(value, traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
        return value;
    }

    /* The lowest address of the running thread's stack and its size; 0 if they are unknown. */
    #if defined(__linux__)
    #include <pthread.h>
    static size_t forebay_stack_of_thread(size_t *size) {
        pthread_attr_t attr;
        void *low = NULL;
        *size = 0;
        if (pthread_getattr_np(pthread_self(), &attr) != 0) return 0;
        if (pthread_attr_getstack(&attr, &low, size) != 0) low = NULL;
        pthread_attr_destroy(&attr);
        return (size_t)low;
    }
    #elif defined(__APPLE__)
    #include <pthread.h>
    static size_t forebay_stack_of_thread(size_t *size) {
        *size = pthread_get_stacksize_np(pthread_self());
        return (size_t)pthread_get_stackaddr_np(pthread_self()) - *size;
    }
    #elif defined(_WIN32)
    #include <windows.h>
    static size_t forebay_stack_of_thread(size_t *size) {
        ULONG_PTR low, high;
        GetCurrentThreadStackLimits(&low, &high);
        *size = (size_t)(high - low);
        return (size_t)low;
    }
    #else
    static size_t forebay_stack_of_thread(size_t *size) {
        *size = 0;
        return 0;
    }
    #endif

    #if defined(_MSC_VER)
    #define FOREBAY_THREAD __declspec(thread)
    #else
    #define FOREBAY_THREAD __thread
    #endif
    /* Asked once for each thread: for the main thread the C library reads a file for it. */
    static FOREBAY_THREAD size_t forebay_low, forebay_size;
    static FOREBAY_THREAD int forebay_asked;

    static void forebay_ask(void) {
        if (!forebay_asked) {
            forebay_asked = 1;
            forebay_low = forebay_stack_of_thread(&forebay_size);
            if (forebay_low == 0) forebay_size = 0;
        }
    }

    /* The lowest address that may be used when a share of the stack, at most `most` bytes, is to stay free. */
    static size_t forebay_limit(int share, size_t most) {
        size_t rest;
        forebay_ask();
        rest = forebay_size / share;
        return forebay_low + (rest < most ? rest : most);
    }

    static int forebay_is_of_thread(size_t here) {
        forebay_ask();
        return forebay_size != 0 && here - forebay_low < forebay_size;
    }

    static size_t forebay_top(void) {
        forebay_ask();
        return forebay_low + forebay_size;
    }

    /* Whether the interpreter is close to the depth at which it raises RecursionError. */
    static int forebay_few_frames(void) {
    #if defined(PYPY_VERSION) || PY_VERSION_HEX < 0x030B0000
        return 0;
    #elif PY_VERSION_HEX < 0x030C0000
        PyThreadState *thread = PyThreadState_Get();
        return thread->recursion_remaining < thread->recursion_limit / 4;
    #else
        PyThreadState *thread = PyThreadState_Get();
    #if PY_VERSION_HEX < 0x030E0000
        if (thread->c_recursion_remaining < 200) return 1;
    #endif
        return thread->py_recursion_remaining < thread->py_recursion_limit / 4;
    #endif
    }
    """
    object forebay_caught()
    size_t forebay_limit(int share, size_t most) noexcept
    bint forebay_is_of_thread(size_t here) noexcept
    size_t forebay_top() noexcept
    bint forebay_few_frames() noexcept

cdef enum:
    # What stays free below the depth from which work is put off, and below the one from which nothing is called.
    _SHARE = 2
    _MOST_BYTES = 1048576
    _LAST_SHARE = 8
    _LAST_MOST_BYTES = 524288
    # Nested calls take so much of the stack before they can be as many as the interpreter allows.
    _NEAR_BYTES = 98304


@cython.final
cdef class Raised:
    def __cinit__(self, error):
        self.error = error


cdef object caught():
    if PyErr_Occurred() is NULL:
        return Raised(RecursionError("maximum recursion depth exceeded: streams that call each other directly"))
    error = forebay_caught()
    if not isinstance(error, Exception):
        heed(error)
    return Raised(error)


cdef bint look_at_stack(size_t here) noexcept:
    """`deep`, where the address is not known to be safe."""
    if not forebay_is_of_thread(here):
        # A stack that other code made: its size cannot be known.
        return False
    cdef size_t limit = forebay_limit(_SHARE, _MOST_BYTES)
    if here < limit:
        return True
    if FREE_THREADED:
        # Threads that run at the same time would replace each other's limits. Each is asked for its own every time.
        return False
    stack.low = limit
    stack.size = forebay_top() - limit
    stack.near_size = stack.size if stack.size < _NEAR_BYTES else _NEAR_BYTES
    stack.near = forebay_top() - stack.near_size
    return False


cdef bint at_end_of_stack(size_t here) noexcept:
    return look_at_stack(here) and here < forebay_limit(_LAST_SHARE, _LAST_MOST_BYTES)


cdef bint look_at_frames(size_t here) noexcept:
    """`crowded`, where the address is not known to be safe."""
    return look_at_stack(here) or forebay_few_frames()


cdef object forget_stack():
    if not FREE_THREADED:
        stack.low = stack.size = stack.near = stack.near_size = 0
