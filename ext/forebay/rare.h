/* Included before the C code of each module. What leads to a call of these is seldom run: the compiler keeps it out of the
   way, and makes it small. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define FOREBAY_RARE __attribute__((cold))

FOREBAY_RARE PyObject *PyErr_Format(PyObject *, const char *, ...);
FOREBAY_RARE void PyErr_SetString(PyObject *, const char *);
FOREBAY_RARE void PyErr_SetNone(PyObject *);
/* Of Cython: it ends the way of every exception out of a function. */
FOREBAY_RARE static void __Pyx_AddTraceback(const char *, int, int, const char *);
