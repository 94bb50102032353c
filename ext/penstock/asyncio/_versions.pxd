cdef extern from *:
    """
    static CYTHON_INLINE unsigned int penstock_version_of(PyObject *thing) {
        return Py_TYPE(thing)->tp_version_tag;
    }
    """
    unsigned int penstock_version_of(object thing) noexcept

cdef inline unsigned int version_of(object thing) noexcept:
    return penstock_version_of(thing)
