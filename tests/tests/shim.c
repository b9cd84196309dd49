/* Makes chosen calls of the C library fail, as FAULTS says:
 *
 *     FAULTS="pthread_create:1-2:11,epoll_wait:/3:4"
 *
 * is a list of call:which:errno. `which` is a range of call numbers from 1 ("2-5"; "2-" has no end) or "/n" for
 * every n-th. Built with cc and preloaded by tests/faults.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The errno with which this call is to fail, or 0. */
static int fault(const char *call, atomic_long *count) {
    const char *faults = getenv("FAULTS");
    if (!faults) return 0;
    size_t length = strlen(call);
    for (const char *at = faults; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, call, length) != 0 || at[length] != ':') continue;
        long number = atomic_fetch_add(count, 1) + 1;
        char *end;
        const char *which = at + length + 1;
        int hit;
        if (*which == '/') {
            hit = number % strtol(which + 1, &end, 10) == 0;
        } else {
            long first = strtol(which, &end, 10);
            long last = first;
            if (*end == '-') {
                char *after = end + 1;
                last = *after == ':' ? 0x7fffffff : strtol(after, &after, 10);
                end = after;
            }
            hit = number >= first && number <= last;
        }
        return hit ? (int)strtol(end + 1, NULL, 10) : 0;
    }
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_WITH_ERRNO(name)                 \
    static atomic_long count;                 \
    int error = fault(#name, &count);         \
    if (error) { errno = error; return -1; }

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg) {
    static atomic_long count;
    int error = fault("pthread_create", &count);
    return error ? error : REAL(pthread_create)(thread, attr, start, arg);
}

int epoll_create1(int flags) {
    FAIL_WITH_ERRNO(epoll_create1)
    return REAL(epoll_create1)(flags);
}

int epoll_ctl(int queue, int op, int fd, struct epoll_event *event) {
    FAIL_WITH_ERRNO(epoll_ctl)
    return REAL(epoll_ctl)(queue, op, fd, event);
}

int timerfd_create(int clock, int flags) {
    FAIL_WITH_ERRNO(timerfd_create)
    return REAL(timerfd_create)(clock, flags);
}

int epoll_wait(int queue, struct epoll_event *events, int max, int timeout) {
    FAIL_WITH_ERRNO(epoll_wait)
    return REAL(epoll_wait)(queue, events, max, timeout);
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    FAIL_WITH_ERRNO(accept4)
    return REAL(accept4)(listener, address, length, flags);
}

/* Calls without a function of their own. Only pidfd_open and FUTEX_WAIT, with which the loop sleeps and
 * std does not, can be made to fail. */
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long args[6];
    for (int i = 0; i < 6; i++) args[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_pidfd_open) {
        FAIL_WITH_ERRNO(pidfd_open)
    }
    if (number == SYS_futex && (args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT) {
        FAIL_WITH_ERRNO(futex_wait)
    }
    return REAL(syscall)(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

int eventfd(unsigned value, int flags) {
    FAIL_WITH_ERRNO(eventfd)
    return REAL(eventfd)(value, flags);
}

/* Only the eight bytes of an eventfd count. */
ssize_t write(int fd, const void *bytes, size_t length) {
    if (length == 8) {
        FAIL_WITH_ERRNO(write)
    }
    return REAL(write)(fd, bytes, length);
}
