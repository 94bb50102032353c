/* copy METHOD SRC DST BLOCK: copies a file and prints the seconds and CPU seconds that it took, as JSON.
 *
 * METHOD is read_write, sendfile, splice or copy_file_range; the last three are Linux's. BLOCK is how many bytes a
 * system call moves at most, and for splice the size of the pipe. The clock runs from before the first open() to after
 * the last close(). DST is made anew or emptied.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static ssize_t checked(ssize_t count, const char *what) {
    if (count < 0) fail(what);
    return count;
}

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static long long by_read_write(int source, int dest, size_t block) {
    char *buffer = malloc(block);
    long long total = 0;
    ssize_t count;
    if (buffer == NULL) fail("malloc");
    while ((count = checked(read(source, buffer, block), "read")) > 0) {
        for (ssize_t at = 0; at < count;) at += checked(write(dest, buffer + at, count - at), "write");
        total += count;
    }
    free(buffer);
    return total;
}

#ifdef __linux__
static long long by_sendfile(int source, int dest, size_t block) {
    long long total = 0;
    ssize_t count;
    while ((count = checked(sendfile(dest, source, NULL, block), "sendfile")) > 0) total += count;
    return total;
}

static long long by_copy_file_range(int source, int dest, size_t block) {
    long long total = 0;
    ssize_t count;
    while ((count = checked(copy_file_range(source, NULL, dest, NULL, block, 0), "copy_file_range")) > 0)
        total += count;
    return total;
}

static long long by_splice(int source, int dest, size_t block) {
    int ends[2];
    long long total = 0;
    ssize_t count;
    if (pipe(ends) < 0) fail("pipe");
    if (fcntl(ends[1], F_SETPIPE_SZ, (int)block) < 0) fail("F_SETPIPE_SZ");
    while ((count = checked(splice(source, NULL, ends[1], NULL, block, SPLICE_F_MOVE), "splice")) > 0) {
        total += count;
        while (count > 0) count -= checked(splice(ends[0], NULL, dest, NULL, count, SPLICE_F_MOVE), "splice");
    }
    close(ends[0]);
    close(ends[1]);
    return total;
}
#endif

static const struct {
    const char *name;
    long long (*copy)(int source, int dest, size_t block);
} METHODS[] = {
    {"read_write", by_read_write},
#ifdef __linux__
    {"sendfile", by_sendfile},
    {"splice", by_splice},
    {"copy_file_range", by_copy_file_range},
#endif
};

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s METHOD SRC DST BLOCK\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        if (strcmp(METHODS[i].name, argv[1]) != 0) continue;
        double cpu = cpu_seconds(), wall = wall_seconds();
        int source = open(argv[2], O_RDONLY | O_CLOEXEC);
        if (source < 0) fail(argv[2]);
        int dest = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (dest < 0) fail(argv[3]);
        long long total = METHODS[i].copy(source, dest, strtoull(argv[4], NULL, 10));
        close(source);
        if (close(dest) < 0) fail(argv[3]);
        wall = wall_seconds() - wall;
        cpu = cpu_seconds() - cpu;
        printf("{\"operations\": %lld, \"seconds\": %.9f, \"rate\": %.3f, \"cpu_seconds\": %.6f}\n", total, wall,
               total / wall / 1e6, cpu);
        return 0;
    }
    fprintf(stderr, "%s: not on this system\n", argv[1]);
    return 3;
}
