cdef extern from *:
    """
    static CYTHON_INLINE unsigned int forebay_version_of(PyObject *thing) {
        return Py_TYPE(thing)->tp_version_tag;
    }
    """
    unsigned int forebay_version_of(object thing) noexcept

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object thing, object name, object value) except -1

cdef inline unsigned int version_of(object thing) noexcept:
    return forebay_version_of(thing)

cdef inline int set_attribute(object thing, object name, object value) except -1:
    return PyObject_GenericSetAttr(thing, name, value)
