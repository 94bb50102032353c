# cython: language_level=3
"""Checks of many rows at once, compiled; the twin, with the documentation, is src/forebay/formats/_checks.py."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.string cimport memchr


def has_none(list rows):
    for row in rows:
        if row is None:
            return True
    return False


def common_type(list rows):
    found = None
    for row in rows:
        if type(row) is not found:
            if found is not None:
                return None
            found = type(row)
    return found


def common_length(list rows):
    cdef Py_ssize_t found = -1, length
    for row in rows:
        length = len(row)
        if length != found:
            if found >= 0:
                return -1
            found = length
    return found


def all_end_with_newline(list lines):
    cdef str line
    cdef Py_ssize_t length
    for line in lines:
        length = PyUnicode_GET_LENGTH(line)
        if length == 0 or line[length - 1] != u"\n":
            return False
    return len(lines) > 0


def one_object_in_each_line(bytes lines not None, Py_ssize_t count):
    cdef const char *start = PyBytes_AS_STRING(lines)
    cdef const char *end = start + PyBytes_GET_SIZE(lines)
    cdef const char *at = start
    cdef const char *last
    cdef Py_ssize_t found = 0
    while at < end:
        if at[0] != b"{":
            return False
        at = <const char *>memchr(at, b"\n", end - at)
        if at == NULL:
            return False
        last = at - 1
        at += 1
        found += 1
        if last > start and last[0] == b"\r":
            last -= 1
        # What stands behind the last object does not matter: the values are as many as the lines.
        if last[0] != b"}" and at < end:
            return False
    return found == count
