/* Preloaded into a server under test: makes the disk fail and the clock jump, as a file says that the test maps.
 *
 * Built for tests only. A seam inside the product would be code that only a test can reach; this one is outside, and
 * reaches every library of the process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The layout is also in tests/support/trouble.py. */
struct faults {
    volatile int64_t sync_errno;   /* what fsync and fdatasync answer; 0 = they work */
    volatile int64_t write_errno;  /* likewise write and pwrite */
    volatile int64_t clock_offset; /* nanoseconds added to the time of day */
    volatile int64_t failed;       /* calls that were made to fail */
    char path[232];                /* only for files whose path contains it */
};

static struct faults *faults(void) {
    static struct faults *mapped;
    static int tried;
    if (tried) return mapped;
    const char *name = getenv("ENGRAM_TEST_FAULTS");
    const int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file >= 0) {
        void *map = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        if (map != MAP_FAILED) mapped = map;
    }
    tried = 1;
    return mapped;
}

__attribute__((constructor)) static void map_early(void) { faults(); }

static int fails(int fd, int64_t error) {
    if (error == 0) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    if (!strstr(path, faults()->path)) return 0;
    __atomic_fetch_add(&faults()->failed, 1, __ATOMIC_RELAXED);
    errno = (int)error;
    return 1;
}

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name)) /* by way of an integer, as POSIX asks of C11 */

int fsync(int fd) {
    if (faults() && fails(fd, faults()->sync_errno)) return -1;
    return NEXT(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd) {
    if (faults() && fails(fd, faults()->sync_errno)) return -1;
    return NEXT(int (*)(int), "fdatasync")(fd);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    if (faults() && fails(fd, faults()->write_errno)) return -1;
    return NEXT(ssize_t (*)(int, const void *, size_t), "write")(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    if (faults() && fails(fd, faults()->write_errno)) return -1;
    return NEXT(ssize_t (*)(int, const void *, size_t, off_t), "pwrite")(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    if (faults() && fails(fd, faults()->write_errno)) return -1;
    return NEXT(ssize_t (*)(int, const void *, size_t, off64_t), "pwrite64")(fd, bytes, n, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = NEXT(int (*)(clockid_t, struct timespec *), "clock_gettime");
    const int failed = real(clock, now);
    if (failed || clock != CLOCK_REALTIME || !faults()) return failed;
    const int64_t all = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + faults()->clock_offset;
    now->tv_sec = all / 1000000000;
    now->tv_nsec = all % 1000000000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
