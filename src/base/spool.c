/* SPDX-License-Identifier: MIT
 * base/spool.c: see spool.h. */
#include "base/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/system.h"

duet_status duet_spool_open(duet_spool *out, const char *path) {
    char name[DUET_PATH_SIZE];
    const int length = snprintf(name, sizeof name, "%s.tmp.XXXXXX", path);
    if (length < 0 || length >= DUET_PATH_SIZE)
        return duet_fail(DUET_ARG, "path '%.64s…' is too long", path);
    const int file = mkstemp(name);
    if (file < 0) return duet_fail_system(errno, "make a file beside", path);
    unlink(name);
    *out = (duet_spool){.open = true, .file = file};
    return DUET_OK;
}

duet_status duet_spool_put(duet_spool *spool, const void *bytes, int64_t count) {
    const uint8_t *at = bytes;
    for (int64_t left = count; left > 0;) {
        const ssize_t n = write(spool->file, at, (size_t)left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return duet_fail_system(errno, "write", "the images so far");
        at += n;
        left -= n;
    }
    spool->size += count;
    return DUET_OK;
}

duet_status duet_spool_map(duet_spool *spool, const uint8_t **out) {
    static const uint8_t nothing = 0;
    *out = &nothing;
    if (spool->size == 0) return DUET_OK;
    void *const map = mmap(NULL, (size_t)spool->size, PROT_READ, MAP_PRIVATE, spool->file, 0);
    if (map == MAP_FAILED) return duet_fail_system(errno, "read", "the images so far");
    spool->map = map;
    *out = map;
    return DUET_OK;
}

void duet_spool_close(duet_spool *spool) {
    if (spool->map != NULL) munmap(spool->map, (size_t)spool->size);
    if (spool->open) close(spool->file);
    *spool = (duet_spool){.open = false};
}
