/* SPDX-License-Identifier: MIT
 * tests/clean_folder.c: every test program has a folder of its own for what it writes,
 * DUET_TEST_TMP, and finds it empty: what an earlier run left that was stopped does not count. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int clean_one(const char *path, const struct stat *about, int kind, struct FTW *at) {
    (void)about, (void)kind, (void)at;
    return remove(path);
}

__attribute__((constructor)) static void clean_folder(void) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%s", DUET_TEST_ROOT, program_invocation_short_name);
    (void)nftw(folder, clean_one, 16, FTW_DEPTH | FTW_PHYS);
    if (mkdir(folder, 0777) == 0) return;
    perror(folder);
    exit(1);
}
