# cython: language_level=3
"""Compiled methods as a class's own.

The interpreter calls a compiled method without a detour only where the object is exactly of the class that the method
belongs to. The streams are subclasses of the compiled classes, for they have to be subclasses of asyncio's as well.
"""

from cpython.object cimport PyObject, PyTypeObject

from types import MethodDescriptorType

cdef extern from "Python.h":
    ctypedef struct PyMethodDef:
        pass
    ctypedef struct PyMethodDescrObject:
        PyMethodDef* d_method
    object PyDescr_NewMethod(PyTypeObject* type, PyMethodDef* method)


def own_methods(cls, *bases):
    """Give a class the compiled methods that it has from its bases, as methods of itself."""
    for base in bases:
        for name, method in list(vars(base).items()):
            if type(method) is MethodDescriptorType and getattr(cls, name) is method:
                own = PyDescr_NewMethod(<PyTypeObject*>cls, (<PyMethodDescrObject*><PyObject*>method).d_method)
                setattr(cls, name, own)
