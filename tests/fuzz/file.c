/* SPDX-License-Identifier: MIT
 * fuzz/file.c: bytes as a file in memory, also under several names in a folder. */
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

static char folder[] = "/tmp/duet-fuzz-XXXXXX";
static const char *const *inside; /* names of the links in it */
static int links;

static const char *link_path(int i) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, inside[i]);
    return path;
}

static void clean(void) {
    for (int i = 0; i < links; i++) (void)remove(link_path(i));
    (void)remove(folder);
}

const char *fuzz_folder(const char *file, const char *const *names, int count) {
    if (links > 0) return folder;
    if (mkdtemp(folder) == NULL) abort();
    inside = names;
    links = count;
    atexit(clean);
    for (int i = 0; i < count; i++)
        if (symlink(i == 0 ? file : names[0], link_path(i)) != 0) abort();
    return folder;
}
