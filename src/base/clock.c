/* SPDX-License-Identifier: MIT
 * base/clock.c: what the system tells about time and memory. */
#include <duet/base.h>

#include <sys/resource.h>
#include <time.h>

int64_t duet_peak_memory(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (int64_t)usage.ru_maxrss; /* bytes there, KiB elsewhere */
#else
    return (int64_t)usage.ru_maxrss * 1024;
#endif
}

double duet_clock(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0.0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
