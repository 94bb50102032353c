/* A library for LD_PRELOAD that makes a chosen system call fail, come up short, or kill the program.
 *
 * `fault_arm` chooses one function, or "*" for each, and the number of the call to change. Descriptors that `fault_spare` has named (those of the
 * event loop, for example) are never touched. Everything else is passed on. Without a call of `fault_arm` nothing changes, unless
 * the environment variable FAULT names what to arm: "function:action:value:number:persistent".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FAIL, SHORTEN, KILL };

#define MOST_FDS 4096
#define MOST_PARTS 1024
#define MOST_FUNCTIONS 128

static char function_name[32];
static int armed_action, armed_value, armed_persistent;
static long armed_number;
static atomic_int armed;
static atomic_long calls, hits, all_calls;
static unsigned char spared[MOST_FDS];
static struct {
    const char *name;
    atomic_long calls;
} counts[MOST_FUNCTIONS];
static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;

/* Spare these descriptors, and no other. */
void fault_spare(const int *fds, int count) {
    memset(spared, 0, sizeof spared);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0 && fds[i] < MOST_FDS) spared[fds[i]] = 1;
}

void fault_arm(const char *function, int action, int value, long number, int persistent) {
    atomic_store(&armed, 0);
    snprintf(function_name, sizeof function_name, "%s", function);
    armed_action = action;
    armed_value = value;
    armed_number = number;
    armed_persistent = persistent;
    atomic_store(&calls, 0);
    atomic_store(&hits, 0);
    atomic_store(&all_calls, 0);
    for (int i = 0; i < MOST_FUNCTIONS; i++) atomic_store(&counts[i].calls, 0);
    atomic_store(&armed, 1);
}

/* Disarm. Returns how many calls were changed. */
long fault_disarm(void) {
    atomic_store(&armed, 0);
    return atomic_load(&hits);
}

/* The calls of a function since the last `fault_arm`. */
long fault_calls(const char *function) {
    for (int i = 0; i < MOST_FUNCTIONS && counts[i].name; i++)
        if (strcmp(counts[i].name, function) == 0) return atomic_load(&counts[i].calls);
    return 0;
}

static void count(const char *function) {
    atomic_fetch_add(&all_calls, 1);
    pthread_mutex_lock(&counts_lock);
    for (int i = 0; i < MOST_FUNCTIONS; i++) {
        if (!counts[i].name) counts[i].name = function;
        if (strcmp(counts[i].name, function) == 0) {
            atomic_fetch_add(&counts[i].calls, 1);
            break;
        }
    }
    pthread_mutex_unlock(&counts_lock);
}

/* The calls of all functions since the last `fault_arm`. */
long fault_all_calls(void) { return atomic_load(&all_calls); }

__attribute__((constructor)) static void from_environment(void) {
    const char *text = getenv("FAULT");
    char name[32];
    int action, value, persistent;
    long number;
    if (text && sscanf(text, "%31[^:]:%d:%d:%ld:%d", name, &action, &value, &number, &persistent) == 5)
        fault_arm(name, action, value, number, persistent);
}

static int is_spared(int fd) { return fd >= 0 && fd < MOST_FDS && spared[fd]; }

/* Whether this call is the one to change. */
static int chosen(const char *function, int fd) {
    if (!atomic_load(&armed) || is_spared(fd)) return 0;
    count(function);
    if (strcmp(function, function_name) != 0 && strcmp(function_name, "*") != 0) return 0;
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (number != armed_number && !(armed_persistent && number > armed_number)) return 0;
    atomic_fetch_add(&hits, 1);
    if (armed_action == KILL) kill(getpid(), SIGKILL);
    return 1;
}

static size_t shorter(size_t size) {
    size_t most = armed_value > 0 ? (size_t)armed_value : size / 2;
    if (most == 0) most = 1;
    return size < most ? size : most;
}

/* Copy the first parts of a vector that hold at most the bytes of a short call. */
static int shorter_parts(const struct iovec *parts, int count, struct iovec *out) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    size_t left = shorter(size);
    int used = 0;
    for (int i = 0; i < count && i < MOST_PARTS && left > 0; i++) {
        out[used] = parts[i];
        if (out[used].iov_len > left) out[used].iov_len = left;
        left -= out[used].iov_len;
        used++;
    }
    return used;
}

#define REAL(type, name, ...)                                            \
    static type (*real)(__VA_ARGS__);                                    \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

#define FAILED(name, fd)                                                 \
    int is_chosen = chosen(name, fd);                                    \
    if (is_chosen && armed_action == FAIL) {                             \
        errno = armed_value;                                             \
        return -1;                                                       \
    }

ssize_t read(int fd, void *data, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    FAILED("read", fd)
    return real(fd, data, is_chosen ? shorter(size) : size);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    FAILED("write", fd)
    return real(fd, data, is_chosen ? shorter(size) : size);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    REAL(ssize_t, "recv", int, void *, size_t, int);
    FAILED("recv", fd)
    return real(fd, data, is_chosen ? shorter(size) : size, flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(ssize_t, "send", int, const void *, size_t, int);
    FAILED("send", fd)
    return real(fd, data, is_chosen ? shorter(size) : size, flags);
}

#define AT_OFFSET(name, buffer)                                                              \
    ssize_t name(int fd, buffer data, size_t size, off_t offset) {                           \
        REAL(ssize_t, #name, int, buffer, size_t, off_t);                                    \
        FAILED(#name, fd)                                                                    \
        return real(fd, data, is_chosen ? shorter(size) : size, offset);                     \
    }                                                                                        \
    ssize_t name##64(int fd, buffer data, size_t size, off_t offset) { return name(fd, data, size, offset); }

AT_OFFSET(pread, void *)
AT_OFFSET(pwrite, const void *)

#define WITH_PARTS(name)                                                                     \
    ssize_t name(int fd, const struct iovec *parts, int count) {                             \
        REAL(ssize_t, #name, int, const struct iovec *, int);                                \
        FAILED(#name, fd)                                                                    \
        struct iovec fewer[MOST_PARTS];                                                      \
        if (is_chosen) count = shorter_parts(parts, count, fewer);                           \
        return real(fd, is_chosen ? fewer : parts, count);                                   \
    }

WITH_PARTS(readv)
WITH_PARTS(writev)

#define PARTS_AT_OFFSET(name)                                                                \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) {               \
        REAL(ssize_t, #name, int, const struct iovec *, int, off_t);                         \
        FAILED(#name, fd)                                                                    \
        struct iovec fewer[MOST_PARTS];                                                      \
        if (is_chosen) count = shorter_parts(parts, count, fewer);                           \
        return real(fd, is_chosen ? fewer : parts, count, offset);                           \
    }                                                                                        \
    ssize_t name##64(int fd, const struct iovec *parts, int count, off_t offset) {           \
        return name(fd, parts, count, offset);                                               \
    }

PARTS_AT_OFFSET(preadv)
PARTS_AT_OFFSET(pwritev)

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
    FAILED("sendmsg", fd)
    struct iovec fewer[MOST_PARTS];
    struct msghdr other = *message;
    if (is_chosen) {
        other.msg_iovlen = (size_t)shorter_parts(message->msg_iov, (int)message->msg_iovlen, fewer);
        other.msg_iov = fewer;
    }
    return real(fd, is_chosen ? &other : message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    REAL(ssize_t, "recvmsg", int, struct msghdr *, int);
    FAILED("recvmsg", fd)
    return real(fd, message, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t size) {
    REAL(ssize_t, "sendfile", int, int, off_t *, size_t);
    FAILED("sendfile", out)
    return real(out, in, offset, is_chosen ? shorter(size) : size);
}
ssize_t sendfile64(int out, int in, off_t *offset, size_t size) { return sendfile(out, in, offset, size); }

ssize_t splice(int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags) {
    REAL(ssize_t, "splice", int, off_t *, int, off_t *, size_t, unsigned);
    FAILED("splice", in)
    return real(in, in_offset, out, out_offset, is_chosen ? shorter(size) : size, flags);
}

ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);
    FAILED("copy_file_range", in)
    return real(in, in_offset, out, out_offset, is_chosen ? shorter(size) : size, flags);
}

/* Functions that only fail. */
#define SIMPLE(name, fd, parameters, arguments)                                              \
    int name parameters {                                                                    \
        static int(*real) parameters;                                                        \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                \
        FAILED(#name, fd)                                                                    \
        return real arguments;                                                               \
    }

SIMPLE(fsync, fd, (int fd), (fd))
SIMPLE(fdatasync, fd, (int fd), (fd))
SIMPLE(ftruncate, fd, (int fd, off_t size), (fd, size))
SIMPLE(ftruncate64, fd, (int fd, off_t size), (fd, size))
SIMPLE(fallocate, fd, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
SIMPLE(fstat, fd, (int fd, struct stat *result), (fd, result))
SIMPLE(fstat64, fd, (int fd, struct stat64 *result), (fd, result))
SIMPLE(fchmod, fd, (int fd, mode_t mode), (fd, mode))
SIMPLE(fchown, fd, (int fd, uid_t owner, gid_t group), (fd, owner, group))
SIMPLE(rename, -1, (const char *from, const char *to), (from, to))
SIMPLE(renameat, -1, (int a, const char *from, int b, const char *to), (a, from, b, to))
SIMPLE(unlink, -1, (const char *path), (path))
SIMPLE(linkat, -1, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
SIMPLE(unlinkat, -1, (int folder, const char *path, int flags), (folder, path, flags))
SIMPLE(link, -1, (const char *from, const char *to), (from, to))
SIMPLE(symlinkat, -1, (const char *to, int folder, const char *path), (to, folder, path))
SIMPLE(fchmodat, -1, (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))
SIMPLE(utimensat, -1, (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
SIMPLE(futimens, fd, (int fd, const struct timespec times[2]), (fd, times))
SIMPLE(mkdir, -1, (const char *path, mode_t mode), (path, mode))
SIMPLE(mkdirat, -1, (int a, const char *path, mode_t mode), (a, path, mode))
SIMPLE(socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
SIMPLE(socketpair, -1, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair))
SIMPLE(connect, fd, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
SIMPLE(bind, fd, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
SIMPLE(listen, fd, (int fd, int backlog), (fd, backlog))
SIMPLE(accept4, fd, (int fd, struct sockaddr *from, socklen_t *size, int flags), (fd, from, size, flags))
SIMPLE(accept, fd, (int fd, struct sockaddr *from, socklen_t *size), (fd, from, size))
SIMPLE(shutdown, fd, (int fd, int how), (fd, how))
SIMPLE(getsockopt, fd, (int fd, int level, int name, void *value, socklen_t *size), (fd, level, name, value, size))
SIMPLE(setsockopt, fd, (int fd, int level, int name, const void *value, socklen_t size), (fd, level, name, value, size))
SIMPLE(pipe2, -1, (int pair[2], int flags), (pair, flags))
SIMPLE(pipe, -1, (int pair[2]), (pair))
SIMPLE(dup, fd, (int fd), (fd))
SIMPLE(eventfd, -1, (unsigned start, int flags), (start, flags))
SIMPLE(poll, -1, (struct pollfd *fds, nfds_t count, int wait), (fds, count, wait))
/* The loop's own calls. Counted with all calls, they show a loop that turns without end. */
SIMPLE(epoll_wait, -1, (int epoll, struct epoll_event *events, int most, int wait), (epoll, events, most, wait))
SIMPLE(epoll_pwait, -1, (int epoll, struct epoll_event *events, int most, int wait, const sigset_t *mask),
       (epoll, events, most, wait, mask))

/* The system may refuse to watch one more descriptor, and nothing else. */
int epoll_ctl(int epoll, int action, int fd, struct epoll_event *event) {
    REAL(int, "epoll_ctl", int, int, int, struct epoll_event *);
    if (action == EPOLL_CTL_ADD) {
        FAILED("epoll_ctl", fd)
    }
    return real(epoll, action, fd, event);
}

/* A close that reports an error has closed the descriptor all the same, as in Linux. */
int close(int fd) {
    REAL(int, "close", int);
    int is_chosen = chosen("close", fd);
    int result = real(fd);
    if (is_chosen && result == 0) {
        errno = armed_value;
        return -1;
    }
    return result;
}

#define OPEN(name)                                                                           \
    int name(const char *path, int flags, ...) {                                             \
        REAL(int, #name, const char *, int, mode_t);                                         \
        va_list more;                                                                        \
        va_start(more, flags);                                                               \
        mode_t mode = va_arg(more, mode_t);                                                  \
        va_end(more);                                                                        \
        FAILED("open", -1)                                                                   \
        return real(path, flags, mode);                                                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                         \
    int name(int folder, const char *path, int flags, ...) {                                 \
        REAL(int, #name, int, const char *, int, mode_t);                                    \
        va_list more;                                                                        \
        va_start(more, flags);                                                               \
        mode_t mode = va_arg(more, mode_t);                                                  \
        va_end(more);                                                                        \
        FAILED("openat", -1)                                                                 \
        return real(folder, path, flags, mode);                                              \
    }
OPENAT(openat)
OPENAT(openat64)

static void *mapped(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
    /* Without anonymous memory the interpreter itself hangs when it starts a thread. */
    if (fd >= 0 && chosen("mmap", fd)) {
        errno = armed_value;
        return MAP_FAILED;
    }
    return real(address, size, protection, flags, fd, offset);
}
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return mapped(address, size, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return mapped(address, size, protection, flags, fd, offset);
}

/* Our own code calls some system calls by their number. */
long syscall(long number, ...) {
    REAL(long, "syscall", long, long, long, long, long, long, long);
    long a[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
    va_end(more);
    FAILED("syscall", -1)
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
