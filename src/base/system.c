/* SPDX-License-Identifier: MIT
 * base/system.c: errno values that users meet, in words; the processor. */
#include "base/system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

#include "base/error.h"

static const struct {
    int error;
    const char *text;
} reasons[] = {
    {ENOENT, "no such file or folder"},
    {ENOTDIR, "a part of the path is not a folder"},
    {EISDIR, "it is a folder"},
    {EACCES, "permission denied"},
    {EPERM, "not permitted"},
    {EEXIST, "it exists already"},
    {ENOTEMPTY, "the folder is not empty"},
    {ENOSPC, "no space left on device; free some space or write to another folder"},
    {EDQUOT, "the disk quota is used up; free some space or write to another folder"},
    {EFBIG, "the file would be larger than the file system allows"},
    {EROFS, "the file system is read-only"},
    {ENAMETOOLONG, "the path is too long"},
    {ELOOP, "too many symbolic links"},
    {EXDEV, "the two paths are on different file systems"},
    {EMFILE, "too many open files in this process"},
    {ENFILE, "too many open files in the system"},
    {ENOMEM, "out of memory"},
    {EIO, "the device reported an input or output error"},
    {EPIPE, "the reader has gone away"},
    {ETXTBSY, "the file is being executed"},
};

duet_status duet_fail_system(int error, const char *action, const char *subject) {
    duet_status status = DUET_IO;
    if (error == ENOENT || error == ENOTDIR) status = DUET_NOT_FOUND;
    if (error == ENOMEM) status = DUET_NO_MEMORY;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].error == error)
            return duet_fail(status, "cannot %s '%s': %s", action, subject, reasons[i].text);
    }
    return duet_fail(status, "cannot %s '%s': system error %d", action, subject, error);
}

void duet_cpu_name(char out[128]) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(out, 128, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || value == NULL) continue;
        value += 1 + strspn(value + 1, " \t");
        snprintf(out, 128, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (file != NULL) fclose(file);
}

int64_t duet_near_cache(void) {
    long bytes = 0;
#if defined(_SC_LEVEL2_CACHE_SIZE)
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return bytes > 0 ? bytes : 1 << 20;
}

bool duet_has_amx(void) {
#if defined(__x86_64__) && defined(__linux__)
    const long ask = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM */
    unsigned a = 0, b = 0, c = 0, d = 0;
    return syscall(SYS_arch_prctl, ask, tile_data) == 0 &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1u) != 0;
#else
    return false;
#endif
}
