# cython: language_level=3
"""What compiled modules use of syscalls.pyx; the functions are described in syscalls.py."""

cpdef object receive(int fd, int pieces)
cpdef Py_ssize_t send(int fd, object chunk) except -2
cpdef Py_ssize_t gather(object queue, int fd) except -2
cpdef Py_ssize_t splice(int source, int dest, Py_ssize_t size) except -2
cpdef Py_ssize_t sendfile(int dest, int source, long long offset, Py_ssize_t size) except -2
cpdef Py_ssize_t in_memory(int fd, long long offset, Py_ssize_t size, Py_ssize_t step) except -1
cpdef bint has_error(int fd) except -1
