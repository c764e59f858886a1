/* SPDX-License-Identifier: MIT
 * fuzz/file.c: bytes as a file in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/target.h"

const char *fuzz_file(const uint8_t *data, size_t size) {
    static int file = -1;
    static char path[64];
    if (file < 0) file = memfd_create("fuzz", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (file < 0 || ftruncate(file, 0) != 0 ||
        (size > 0 && pwrite(file, data, size, 0) != (ssize_t)size))
        abort();
    return path;
}
