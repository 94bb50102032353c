cimport cython

cdef extern from *:
    """
    /* PyObject_Vectorcall without its second look at the result. `args` has a slot in front that the callee may use. */
    static inline PyObject *forebay_vectorcall(PyObject *fn, PyObject **args, size_t count) {
        PyTypeObject *type = Py_TYPE(fn);
        vectorcallfunc call = PyObject_Vectorcall;
        if (PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) {
            vectorcallfunc own = *(vectorcallfunc *)((char *)fn + type->tp_vectorcall_offset);
            if (own != NULL) call = own;
        }
        return call(fn, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }

    /* Where the stack is now; not the address of a variable, which would cost every caller a guard of its frame. */
    static inline size_t forebay_here(void) {
    #if defined(__GNUC__) && defined(__x86_64__)
        size_t here;
        __asm__("movq %%rsp, %0" : "=r"(here));
        return here;
    #elif defined(__GNUC__) && defined(__aarch64__)
        size_t here;
        __asm__("mov %0, sp" : "=r"(here));
        return here;
    #elif defined(__GNUC__)
        return (size_t)__builtin_frame_address(0);
    #else
        char here;
        return (size_t)&here;
    #endif
    }

    static inline PyObject *forebay_call0(PyObject *fn) {
        PyObject *stack[1] = {NULL};
        return forebay_vectorcall(fn, stack + 1, 0);
    }

    static inline PyObject *forebay_call(PyObject *fn, PyObject *arg) {
        PyObject *stack[2] = {NULL, arg};
        return forebay_vectorcall(fn, stack + 1, 1);
    }

    static inline PyObject *forebay_call_method(PyObject *fn, PyObject *owner, PyObject *arg) {
        PyObject *stack[3] = {NULL, owner, arg};
        return forebay_vectorcall(fn, stack + 1, 2);
    }

    /* The reference is passed on, where a Cython variable would take one of its own and give back this one. */
    static inline PyObject *forebay_or(PyObject *result, PyObject *(*otherwise)(void)) {
        return result != NULL ? result : otherwise();
    }

    static inline PyObject *forebay_with_last(PyObject *items, PyObject *item) {
        Py_ssize_t count = PyList_GET_SIZE(items);
        PyObject *all = PyList_New(count + 1);
        if (all == NULL) return NULL;
        for (Py_ssize_t at = 0; at < count; at++) {
            PyObject *each = PyList_GET_ITEM(items, at);
            Py_INCREF(each);
            PyList_SET_ITEM(all, at, each);
        }
        Py_INCREF(item);
        PyList_SET_ITEM(all, count, item);
        return all;
    }

    static inline PyObject *forebay_without(PyObject *items, Py_ssize_t index) {
        Py_ssize_t count = PyList_GET_SIZE(items);
        PyObject *rest = PyList_New(count - 1);
        if (rest == NULL) return NULL;
        for (Py_ssize_t at = 0, to = 0; at < count; at++) {
            if (at == index) continue;
            PyObject *each = PyList_GET_ITEM(items, at);
            Py_INCREF(each);
            PyList_SET_ITEM(rest, to++, each);
        }
        return rest;
    }

    static inline PyObject *forebay_interned(PyObject *name) {
        if (PyUnicode_CheckExact(name)) {
            Py_INCREF(name);
        } else if (PyUnicode_Check(name)) {
            name = PyUnicode_Type.tp_str(name);
            if (name == NULL) return NULL;
        } else {
            Py_INCREF(name);
            return name;
        }
        PyUnicode_InternInPlace(&name);
        return name;
    }

    /* Whether getattr(owner, name) can find anything, without asking for it; a class with a __getattr__ is asked. */
    static inline int forebay_may_have(PyObject *owner, PyObject *name) {
        PyTypeObject *type = Py_TYPE(owner);
        if (type->tp_dictoffset > 0 && type->tp_getattro == PyObject_GenericGetAttr) {
            PyObject *own = *(PyObject **)((char *)owner + type->tp_dictoffset);
            if (own == NULL || PyDict_GET_SIZE(own) == 0) return _PyType_Lookup(type, name) != NULL;
        }
        return 1;
    }

    /* Whether the type has __await__. A look-up of the name that fails would make an exception for each value. */
    static inline int forebay_has_await(PyObject *value) {
        PyAsyncMethods *methods = Py_TYPE(value)->tp_as_async;
        return methods != NULL && methods->am_await != NULL;
    }

    static inline int forebay_is_plain(PyObject *value) {
        return PyBytes_CheckExact(value) || PyUnicode_CheckExact(value) || PyDict_CheckExact(value)
            || PyTuple_CheckExact(value) || PyList_CheckExact(value);
    }

    /* Cython gives every object a dict at once. Python makes one when there is something to put into it. One that
       other code holds stays: what that code puts into it are attributes. */
    static inline void forebay_drop_empty_dict(PyObject *owner) {
        if (Py_TYPE(owner)->tp_dictoffset > 0) {
            PyObject **own = (PyObject **)((char *)owner + Py_TYPE(owner)->tp_dictoffset);
            if (*own != NULL && PyDict_GET_SIZE(*own) == 0 && Py_REFCNT(*own) == 1) Py_CLEAR(*own);
        }
    }

    /* The interpreter of 3.11 caches where a method is found for an object with a dict, or one that can have none, and
       not for one whose dict is still to come; later ones do. */
    static inline int forebay_ready_for_calls(PyObject *owner) {
    #if PY_VERSION_HEX < 0x030C0000
        if (Py_TYPE(owner)->tp_dictoffset > 0) {
            PyObject **own = (PyObject **)((char *)owner + Py_TYPE(owner)->tp_dictoffset);
            if (*own == NULL) {
                /* Whatever the garbage collector ran meanwhile may have made one. */
                PyObject *made = PyDict_New();
                if (made == NULL) return -1;
                if (*own == NULL) *own = made;
                else Py_DECREF(made);
            }
        }
    #endif
        return 0;
    }
    """
    bint forebay_has_await(object value)
    bint forebay_is_plain(object value) noexcept
    bint forebay_may_have(object owner, object name)
    void forebay_drop_empty_dict(object owner)
    int forebay_ready_for_calls(object owner) except -1
    object forebay_interned(object name)
    object forebay_with_last(object items, object item)
    object forebay_without(object items, Py_ssize_t index)
    size_t forebay_here() noexcept
    object forebay_or(PyObject *result, object (*otherwise)())
    PyObject *forebay_call0(object fn)
    PyObject *forebay_call(object fn, object arg)
    PyObject *forebay_call_method(object fn, object owner, object arg)

cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    Py_ssize_t PyBytes_GET_SIZE(object) noexcept

@cython.final
cdef class Raised:
    cdef readonly object error

# Where the running thread's stack may be used without a second look: from `low` on, for `size` bytes. Of the thread that
# was looked at last; an address of another one is outside. Without the GIL the sizes stay 0, and every address is.
cdef struct Stack:
    size_t low
    size_t size
    size_t near                     # ... and without a look at the interpreter's own limit either: from here to the same end
    size_t near_size

cdef Stack stack

cdef bint look_at_stack(size_t here) noexcept
cdef bint at_end_of_stack(size_t here) noexcept
cdef bint look_at_frames(size_t here) noexcept
cdef object forget_stack()

cdef inline bint has_await(object value):
    return forebay_has_await(value)

cdef inline bint is_plain(object value) noexcept:
    return forebay_is_plain(value)

cdef inline bint deep() noexcept:
    """Whether so much of the stack is used that what can be put off should be."""
    return forebay_here() - stack.low >= stack.size and look_at_stack(forebay_here())

cdef inline bint crowded() noexcept:
    """The same, where other people's calls are nested as well as forebay's own."""
    return forebay_here() - stack.near >= stack.near_size and look_at_frames(forebay_here())

cdef inline bint too_far() noexcept:
    """Whether the stack has no room for foreign code."""
    return forebay_here() - stack.low >= stack.size and at_end_of_stack(forebay_here())

# The exception that is being raised, or without one, the error of a full stack.
cdef object caught()

cdef inline object attempt0(object fn):
    return forebay_or(NULL if too_far() else forebay_call0(fn), caught)

cdef inline object attempt(object fn, object arg):
    return forebay_or(NULL if too_far() else forebay_call(fn, arg), caught)

cdef inline object attempt_method(object fn, object owner, object arg):
    return forebay_or(NULL if too_far() else forebay_call_method(fn, owner, arg), caught)

cdef inline Py_ssize_t bytes_size(object data) noexcept:
    return PyBytes_GET_SIZE(data)

cdef inline object method_of(object owner, object name):
    return getattr(owner, name, None) if forebay_may_have(owner, name) else None

cdef inline int drop_empty_dict(object owner) except -1:
    forebay_drop_empty_dict(owner)
    return 0

cdef inline int ready_for_calls(object owner) except -1:
    return forebay_ready_for_calls(owner)

cdef inline object interned(object name):
    return forebay_interned(name)

cdef inline list with_last(list items, object item):
    return forebay_with_last(items, item)

cdef inline list without(list items, Py_ssize_t index):
    return forebay_without(items, index)
