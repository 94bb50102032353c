# cython: language_level=3, boundscheck=False, wraparound=False
"""The base of the byte ring: C helpers, argument checks, and its fields. The rules are in ring.pyx."""

from cpython.buffer cimport (
    PyBUF_FULL_RO, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer,
)
from cpython.pythread cimport PyThread_release_lock, PyThread_type_lock
from libc.string cimport memcpy


cdef extern from *:
    """
    #include <errno.h>
    #include <pthread.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>
    #if defined(__linux__) && !defined(FOREBAY_NO_MIRROR)
    #include <sys/mman.h>
    #define RING_CAN_MIRROR 1
    #endif

    #define ring_load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
    #define ring_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
    #if defined(__x86_64__) || defined(__i386__)
    #define ring_pause() __builtin_ia32_pause()
    #else
    #define ring_pause() __atomic_signal_fence(__ATOMIC_SEQ_CST)
    #endif

    /* One shared memory at two neighbouring addresses, or NULL. mremap() of zero bytes of a shared
       mapping makes a second one: unlike a memfd this needs no descriptor, and the memory is
       accounted for now, so that too much of it fails here and not as a SIGBUS on first touch. */
    static inline char *ring_map(size_t *bytes) {
    #ifdef RING_CAN_MIRROR
        size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (*bytes + page - 1) / page * page;
        char *base = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED) return NULL;
        if (mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
                != MAP_FAILED
            && mremap(base, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, base + size) != MAP_FAILED) {
            *bytes = size;
            return base;
        }
        munmap(base, 2 * size);
    #endif
        (void)bytes;
        return NULL;
    }
    static inline void ring_unmap(char *base, size_t bytes) {
    #ifdef RING_CAN_MIRROR
        munmap(base, 2 * bytes);
    #endif
        (void)base; (void)bytes;
    }
    /* Copy n bytes written at `at`, in either image, into the other; the run may cross the border. */
    static inline void ring_mirror(char *base, size_t image, size_t at, size_t n) {
        size_t first;
        if (at >= image) {
            memcpy(base + at - image, base + at, n);
            return;
        }
        first = n < image - at ? n : image - at;
        memcpy(base + image + at, base + at, first);
        memcpy(base, base + image, n - first);
    }
    static inline Py_ssize_t ring_find(const char *in, size_t n, const char *sub, size_t m) {
        const char *at = memmem(in, n, sub, m);
        return at ? at - in : -1;
    }
    /* The kernel moves at most this much in one call; some others refuse more. */
    #define RING_IO_MAX ((size_t)0x7ffff000)
    static inline Py_ssize_t ring_read(int fd, char *into, size_t n) {
        ssize_t got = read(fd, into, n < RING_IO_MAX ? n : RING_IO_MAX);
        return got < 0 ? -errno : got;
    }
    static inline Py_ssize_t ring_write(int fd, const char *from, size_t n) {
        ssize_t sent = write(fd, from, n < RING_IO_MAX ? n : RING_IO_MAX);
        return sent < 0 ? -errno : sent;
    }
    static inline long long ring_now_ns(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    #define RING_BYTE_FORMAT ((char *)"B")
    /* The cursors are private to a process, a mapped memory is not: a child must not use the ring. */
    static unsigned long ring_forks = 0;
    static inline void ring_forked(void) { ring_forks++; }
    static inline int ring_watch_forks(void) { return pthread_atfork(NULL, NULL, ring_forked); }
    """
    size_t load "ring_load"(const size_t *) noexcept nogil
    int load_flag "ring_load"(const int *) noexcept nogil
    void store "ring_store"(size_t *, size_t) noexcept nogil
    void store_flag "ring_store"(int *, int) noexcept nogil
    void pause "ring_pause"() noexcept nogil
    char *ring_map(size_t *) noexcept
    void ring_unmap(char *, size_t) noexcept
    void ring_mirror(char *, size_t, size_t, size_t) noexcept nogil
    Py_ssize_t ring_find(const char *, size_t, const char *, size_t) noexcept nogil
    Py_ssize_t ring_read(int, char *, size_t) noexcept nogil
    Py_ssize_t ring_write(int, const char *, size_t) noexcept nogil
    long long ring_now_ns() noexcept nogil
    unsigned long ring_forks
    char *BYTE_FORMAT "RING_BYTE_FORMAT"
    int ring_watch_forks() noexcept


cdef extern from "Python.h":
    unsigned long this_thread "PyThread_get_thread_ident"() noexcept nogil
    int PyThread_acquire_lock_timed(PyThread_type_lock, long long microseconds, int intr) noexcept nogil
    void *PyMem_RawCalloc(size_t, size_t) noexcept nogil
    void PyMem_RawFree(void *) noexcept nogil
    Py_ssize_t PY_SSIZE_T_MAX


cdef enum:
    SLAB_BYTES = 4096           # up to one page a slab costs less to make than a mapping saves
    NOGIL_BYTES = 1048576       # a shorter copy is over before another thread would give the GIL back
    SPINS = 200                 # polls before a waiter sleeps, a few microseconds
    LONGEST_SLEEP_US = 3600000000
    INTERRUPTED = 2             # PY_LOCK_INTR


cdef inline long long _nanoseconds(object timeout) except -2:
    """A timeout, -1 for none."""
    if timeout is None:
        return -1
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be None or seconds, not {type(timeout).__name__} ({timeout!r})")
    if not timeout >= 0:
        raise ValueError(f"timeout must be 0 or more seconds, not {timeout}")
    return <long long> (timeout * 1e9) if timeout < 1e9 else -1


cdef inline int _buffer(object source, str name, bint writable, Py_buffer *view) except -1:
    """Take a buffer of single bytes in one piece. The caller releases it."""
    if not PyObject_CheckBuffer(source):
        hint = "; encode it first" if isinstance(source, str) else ""
        raise TypeError(f"{name} must be a bytes-like object, not {type(source).__name__}{hint}")
    PyObject_GetBuffer(source, view, PyBUF_FULL_RO)
    cdef Py_ssize_t item = view.itemsize
    cdef bint whole = PyBuffer_IsContiguous(view, b"C"), readonly = view.readonly
    if item == 1 and whole and not (writable and readonly):
        return 0
    PyBuffer_Release(view)
    if not whole:
        way = "a bytearray" if writable else f"bytes({name})"
        raise BufferError(f"{name} must be contiguous; pass {way}")
    if item != 1:
        raise TypeError(f"{name} has items of {item} bytes; pass memoryview({name}).cast('B')")
    raise TypeError(f"{name} must be writable, and this {type(source).__name__} is not; pass a bytearray")


cdef inline void _copy(char *into, const char *data, size_t n, bint *busy) noexcept:
    """memcpy; a long one without the GIL, in which time the role is `busy`: it cannot be handed over."""
    if n < NOGIL_BYTES:
        memcpy(into, data, n)
        return
    busy[0] = True
    with nogil:
        memcpy(into, data, n)
    busy[0] = False


cdef inline void _wake(bint *waits, PyThread_type_lock lock) noexcept:
    if waits[0]:
        waits[0] = False
        PyThread_release_lock(lock)


cdef struct Pin:
    size_t start         # cursor of the first byte held
    Py_ssize_t exports   # buffers exported from that cursor and not yet released; 0: unused
    Pin *older           # neighbours in order of start
    Pin *newer


cdef inline void _append_pin(Pin *pin, Pin **oldest, Pin **newest) noexcept:
    pin.newer = NULL
    pin.older = newest[0]
    if pin.older == NULL:
        oldest[0] = pin
    else:
        pin.older.newer = pin
    newest[0] = pin


cdef inline void _remove_pin(Pin *pin, Pin **oldest, Pin **newest) noexcept:
    if pin.newer == NULL:
        newest[0] = pin.older
    else:
        pin.newer.older = pin.older
    if pin.older == NULL:
        oldest[0] = pin.newer
    else:
        pin.older.newer = pin.newer


cdef class RingBuffer:
    # Set once.
    cdef char *_base                      # first image; the second begins _image_bytes above
    cdef size_t _image_bytes              # distance between the images, >= _capacity
    cdef size_t _capacity                 # bytes asked for
    cdef bint _mapped                     # the images are one memory; else the producer keeps them equal
    cdef unsigned long _forks             # forks this process had seen when the ring was made

    # Shared flags, written with the GIL held or inside the ring's critical section.
    cdef int _closed                      # close() was called
    cdef bint _reader_waits               # the consumer sleeps, or is about to, on _reader_lock
    cdef bint _writer_waits               # the same for the producer
    cdef PyThread_type_lock _reader_lock  # held except between a wake-up and its receipt
    cdef PyThread_type_lock _writer_lock

    # The producer's. The padding keeps its cursor off the consumer's cache line.
    cdef char _pad_producer[64]
    cdef size_t _head                     # bytes ever written
    cdef size_t _write_at                 # _head modulo _image_bytes
    cdef size_t _freed_seen               # last value of _freed that the producer loaded
    cdef size_t _offered                  # bytes that commit() may still take
    cdef size_t _offered_at               # where write_view() showed them: _write_at or one image above
    cdef Py_ssize_t _write_exports        # live buffers on the free part
    cdef unsigned long _producer          # thread that writes, 0 before the first write
    cdef bint _producing                  # a producer's call runs without the GIL

    # The consumer's.
    cdef char _pad_consumer[64]
    cdef size_t _tail                     # bytes ever consumed
    cdef size_t _read_at                  # _tail modulo _image_bytes
    cdef size_t _freed                    # bytes ever given back to the producer
    cdef size_t _head_seen                # last value of _head that the consumer loaded
    cdef unsigned long _consumer          # thread that reads, 0 before the first read
    cdef bint _consuming                  # a consumer's call runs without the GIL
    cdef Pin *_oldest_pin                 # live buffers on bytes that are or were filled
    cdef Pin *_newest_pin
    cdef Pin _own_pin                     # spares the usual single view a malloc

    # Public: write() and readinto() of memory. They return the number of bytes, and follow the same rules.
    cdef Py_ssize_t put(self, const char *data, Py_ssize_t n) except -1
    cdef Py_ssize_t take(self, char *target, Py_ssize_t n) except -1

    cdef int _be_producer(self) except -1
    cdef int _be_consumer(self) except -1
    cdef int _take_role(self, str role, unsigned long *thread) except -1
    cdef int _check_writable(self) except -1
    cdef int _check_unlent(self) except -1
    cdef size_t _room(self, size_t wanted) noexcept
    cdef size_t _filled(self, size_t wanted) noexcept
    cdef void _mirror(self, size_t at, size_t n) noexcept
    cdef void _publish(self, size_t n) noexcept
    cdef void _advance(self, size_t n) noexcept
    cdef void _give_back(self) noexcept
    cdef bytes _copy_out(self, size_t n)
    cdef Py_ssize_t _find(self, const char *sub, size_t n, size_t begin) except -2
    cdef int _export(self, Py_buffer *view, size_t at, size_t n, bint readonly, int flags) except -1
    cdef bint _ready(self, bint reading) noexcept nogil
    cdef bint _wait(self, bint reading, object timeout) except -1
