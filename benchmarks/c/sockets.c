/* The sockets that forebay is compared with, and its peers: one connection, from its beginning to its end.

   sockets send PORT BYTES        connect, send so many bytes from memory, end, wait for the other end
   sockets drain PORT             connect, receive until the end
   sockets hold PORT COUNT        open so many connections, keep them until standard input ends
   sockets sink                   listen, receive until the end of the first connection
   sockets splice PORT            listen, move what comes to PORT through a pipe, end
   sockets copy PORT              the same through a buffer of 64 KiB
   sockets sendfile FILE          listen, send the file by sendfile
   sockets readsend FILE          the same by read and send of 64 KiB

   Those that listen print their port first. All but the peers print one line of JSON in the end: bytes, seconds from
   the first byte to the last, CPU seconds of the process meanwhile. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (64 * 1024)
#define LARGE (256 * 1024)
#define PIPE (1024 * 1024)

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu_now(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct sockaddr_in address_of(int port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int connect_to(int port) {
    struct sockaddr_in address = address_of(port);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int accept_one(void) {
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    int fd, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 8) < 0)
        fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    if (fd < 0) fail("accept");
    close(listener);
    return fd;
}

static long long receive_all(int fd) {
    static char buffer[LARGE];
    long long total = 0;
    ssize_t taken;
    while ((taken = recv(fd, buffer, sizeof buffer, 0)) > 0) total += taken;
    if (taken < 0) fail("recv");
    return total;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t taken = send(fd, data, size, MSG_NOSIGNAL);
        if (taken < 0) fail("send");
        data += taken;
        size -= taken;
    }
}

static long long splice_all(int from, int to) {
    int ends[2];
    long long total = 0;
    if (pipe(ends) < 0) fail("pipe");
    int size = fcntl(ends[1], F_SETPIPE_SZ, PIPE);
    if (size < 0) size = fcntl(ends[1], F_GETPIPE_SZ);
    for (;;) {
        ssize_t held = splice(from, NULL, ends[1], NULL, size, SPLICE_F_MOVE);
        if (held < 0) fail("splice");
        if (held == 0) return total;
        total += held;
        while (held > 0) {
            ssize_t taken = splice(ends[0], NULL, to, NULL, held, SPLICE_F_MOVE);
            if (taken < 0) fail("splice");
            held -= taken;
        }
    }
}

static long long copy_all(int from, int to) {
    static char buffer[BLOCK];
    long long total = 0;
    ssize_t taken;
    while ((taken = recv(from, buffer, sizeof buffer, 0)) > 0) {
        send_all(to, buffer, taken);
        total += taken;
    }
    if (taken < 0) fail("recv");
    return total;
}

static long long send_file(int to, const char *path) {
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0) fail(path);
    off_t at = 0;
    while (at < status.st_size)
        if (sendfile(to, file, &at, status.st_size - at) < 0) fail("sendfile");
    return at;
}

static long long read_and_send(int to, const char *path) {
    static char buffer[BLOCK];
    long long total = 0;
    ssize_t taken;
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path);
    while ((taken = read(file, buffer, sizeof buffer)) > 0) {
        send_all(to, buffer, taken);
        total += taken;
    }
    return total;
}

static void send_from_memory(int fd, long long left) {
    static char buffer[BLOCK];
    memset(buffer, 'x', sizeof buffer);
    while (left > 0) {
        size_t size = left < BLOCK ? left : BLOCK;
        send_all(fd, buffer, size);
        left -= size;
    }
    shutdown(fd, SHUT_WR);
    receive_all(fd);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const char *given = argc > 2 ? argv[2] : "0";
    if (!strcmp(what, "send") && argc > 3) {
        send_from_memory(connect_to(atoi(given)), atoll(argv[3]));
        return 0;
    }
    if (!strcmp(what, "hold") && argc > 3) {
        for (int left = atoi(argv[3]); left > 0; left--) connect_to(atoi(given));
        while (getchar() != EOF) continue;
        return 0;
    }
    if (!strcmp(what, "drain")) {
        receive_all(connect_to(atoi(given)));
        return 0;
    }
    if (!strcmp(what, "sink")) {
        receive_all(accept_one());
        return 0;
    }
    int to_port = !strcmp(what, "splice") || !strcmp(what, "copy");
    if (!to_port && strcmp(what, "sendfile") && strcmp(what, "readsend")) {
        fprintf(stderr, "usage: see the head of sockets.c\n");
        return 2;
    }
    int fd = accept_one();
    int to = to_port ? connect_to(atoi(given)) : -1;
    double began = seconds_now(), cpu = cpu_now();
    long long total;
    if (!strcmp(what, "splice"))
        total = splice_all(fd, to);
    else if (!strcmp(what, "copy"))
        total = copy_all(fd, to);
    else if (!strcmp(what, "sendfile"))
        total = send_file(fd, given);
    else
        total = read_and_send(fd, given);
    if (to >= 0) shutdown(to, SHUT_WR);
    printf("{\"bytes\": %lld, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"rate\": %.6f}\n", total,
           seconds_now() - began, cpu_now() - cpu, total / 1e6 / (seconds_now() - began));
    return 0;
}
