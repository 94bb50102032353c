cdef extern from *:
    """
    #include <time.h>
    static inline double penstock_monotonic(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
    """
    double penstock_monotonic()

cdef inline double monotonic():
    return penstock_monotonic()
