cimport cython

cdef extern from *:
    """
    /* PyObject_Vectorcall without its second look at the result. `args` has a slot in front that the callee may use. */
    static inline PyObject *penstock_vectorcall(PyObject *fn, PyObject **args, size_t count) {
        PyTypeObject *type = Py_TYPE(fn);
        if (PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) {
            vectorcallfunc call = *(vectorcallfunc *)((char *)fn + type->tp_vectorcall_offset);
            if (call != NULL) return call(fn, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        }
        return PyObject_Vectorcall(fn, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }

    static inline PyObject *penstock_call(PyObject *fn, PyObject *arg) {
        PyObject *stack[2] = {NULL, arg};
        return penstock_vectorcall(fn, stack + 1, 1);
    }

    static inline PyObject *penstock_call_method(PyObject *fn, PyObject *owner, PyObject *arg) {
        PyObject *stack[3] = {NULL, owner, arg};
        return penstock_vectorcall(fn, stack + 1, 2);
    }
    """
    PyObject *penstock_call(object fn, object arg)
    PyObject *penstock_call_method(object fn, object owner, object arg)

cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    void Py_DECREF(PyObject *)

@cython.final
cdef class Raised:
    cdef readonly object error

cdef object caught()

cdef inline object outcome(PyObject *result):
    if result is NULL:
        return caught()
    cdef object value = <object>result
    # The reference that the call gave; `value` has its own.
    Py_DECREF(result)
    return value

cdef inline object attempt(object fn, object arg):
    return outcome(penstock_call(fn, arg))

cdef inline object attempt_method(object fn, object owner, object arg):
    return outcome(penstock_call_method(fn, owner, arg))
