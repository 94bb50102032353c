# cython: language_level=3
"""Compiled methods as a class's own.

The interpreter calls a compiled method without a detour only where the object is exactly of the class that the method
belongs to. The streams are subclasses of the compiled classes, for they have to be subclasses of asyncio's as well.

Those that asyncio's classes have, too, look like functions: to `inspect`, to mocks with a spec, and to code that
asks whether they are coroutine functions.
"""

cimport cython
from cpython.object cimport PyObject, PyTypeObject

from types import FunctionType, MethodDescriptorType, MethodType

cdef extern from "Python.h":
    ctypedef PyObject* (*PyCFunction)(PyObject* self, PyObject* argument) noexcept
    ctypedef struct PyMethodDef:
        const char* ml_name
        PyCFunction ml_meth
        int ml_flags
    ctypedef struct PyMethodDescrObject:
        PyMethodDef* d_method
    int METH_O
    int METH_NOARGS
    int METH_FASTCALL
    int METH_KEYWORDS
    object PyDescr_NewMethod(PyTypeObject* type, PyMethodDef* method)
    bint PyObject_TypeCheck(PyObject* thing, PyTypeObject* type) noexcept
    PyObject* PyObject_Vectorcall(PyObject* called, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept

cdef extern from *:
    """
    typedef PyObject *(*forebay_call)(PyObject *, PyObject **, size_t, PyObject *);
    typedef PyObject *(*forebay_fast)(PyObject *, PyObject **, Py_ssize_t, PyObject *);

    /* The interpreter calls such a descriptor with the object as the first argument: it makes no bound method. */
    static void forebay_method_install(PyTypeObject *type, Py_ssize_t offset) {
        type->tp_vectorcall_offset = offset;
        type->tp_call = PyVectorcall_Call;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
        PyType_Modified(type);
    }
    """
    ctypedef PyObject* (*forebay_call)(PyObject* called, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept
    ctypedef PyObject* (*forebay_fast)(PyObject* self, PyObject** args, Py_ssize_t n, PyObject* kwnames) noexcept
    void forebay_method_install(PyTypeObject* type, Py_ssize_t offset) noexcept


@cython.final
cdef class Method:
    """A compiled method that looks like the function that it replaces."""

    cdef forebay_call _call        # the function that the interpreter calls
    cdef PyTypeObject* _type        # the class of the method, held by `_compiled`; NULL in a blank object
    cdef PyCFunction _code
    cdef object _compiled           # the method descriptor
    cdef object _function           # the function that it looks like
    cdef object _original           # asyncio's, for an object of another class

    def __get__(self, instance, owner):
        return self if instance is None else MethodType(self, instance)

    @property
    def __class__(self):
        return FunctionType

    @property
    def __doc__(self):
        doc = self._function.__doc__
        if doc is None:
            doc = self._compiled.__doc__
        return doc

    @property
    def __module__(self):
        return self._compiled.__objclass__.__module__

    @property
    def __qualname__(self):
        return f"{self._compiled.__objclass__.__qualname__}.{self._function.__name__}"

    def __getattr__(self, name):
        return getattr(self._function, name)

    def __reduce__(self):
        return self.__qualname__

    def __repr__(self):
        return f"<function {self.__qualname__} at {id(self):#x}>"


# One for each calling convention, so that a call makes only the necessary checks.

cdef PyObject* call_object(PyObject* me, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept:
    if PyVectorcall_NARGS(nargsf) == 2 and kwnames == NULL and PyObject_TypeCheck(args[0], (<Method>me)._type):
        return (<Method>me)._code(args[0], args[1])
    return call_other(me, args, nargsf, kwnames)


cdef PyObject* call_bare(PyObject* me, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept:
    if PyVectorcall_NARGS(nargsf) == 1 and kwnames == NULL and PyObject_TypeCheck(args[0], (<Method>me)._type):
        return (<Method>me)._code(args[0], NULL)
    return call_other(me, args, nargsf, kwnames)


cdef PyObject* call_fast(PyObject* me, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept:
    cdef Py_ssize_t n = PyVectorcall_NARGS(nargsf)
    if n > 0 and PyObject_TypeCheck(args[0], (<Method>me)._type):
        return (<forebay_fast>(<Method>me)._code)(args[0], args + 1, n - 1, kwnames)
    return call_other(me, args, nargsf, kwnames)


cdef PyObject* call_other(PyObject* me, PyObject** args, size_t nargsf, PyObject* kwnames) noexcept:
    """Call asyncio's for an object of another class; raise what the descriptor does where the call does not fit."""
    if PyVectorcall_NARGS(nargsf) > 0 and not PyObject_TypeCheck(args[0], (<Method>me)._type):
        return PyObject_Vectorcall(<PyObject*>(<Method>me)._original, args, nargsf, kwnames)
    return PyObject_Vectorcall(<PyObject*>(<Method>me)._compiled, args, nargsf, kwnames)


cdef forebay_call call_for(int flags) noexcept:
    if flags == METH_O:
        return call_object
    if flags == METH_NOARGS:
        return call_bare
    if flags == METH_FASTCALL | METH_KEYWORDS:
        return call_fast
    return call_other


cdef Method _blank = Method.__new__(Method)
forebay_method_install(<PyTypeObject*>Method, <char*>&_blank._call - <char*><void*>_blank)


def own_methods(cls, original, functions, *bases):
    """Copy the compiled methods of the bases of a class into the class.

    Methods that ``original`` also has look like the methods of that class, or like those in ``functions``.
    """
    cdef Method method
    cdef PyMethodDef* definition
    for base in bases:
        for name, compiled in list(vars(base).items()):
            if type(compiled) is not MethodDescriptorType or getattr(cls, name) is not compiled:
                continue
            definition = (<PyMethodDescrObject*><PyObject*>compiled).d_method
            own = PyDescr_NewMethod(<PyTypeObject*>cls, definition)
            theirs = getattr(original, name, None)
            if isinstance(theirs, FunctionType):
                method = Method.__new__(Method)
                method._call = call_for(definition.ml_flags)
                method._type = <PyTypeObject*>cls
                method._code = definition.ml_meth
                method._compiled = own
                method._function = functions.get(name, theirs)
                method._original = theirs
                own = method
            setattr(cls, name, own)
