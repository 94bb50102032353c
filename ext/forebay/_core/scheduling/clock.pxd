cdef extern from *:
    """
    #include <time.h>
    static inline double forebay_monotonic(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    """
    double forebay_monotonic()

cdef inline double monotonic():
    return forebay_monotonic()
