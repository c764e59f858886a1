/* SPDX-License-Identifier: MIT
 * fuzz/replay.c: runs a fuzz target without libFuzzer: on files and the members of .tar.gz files
 * (the committed corpora); with --truncate on every cut of the files too, with --mutate N on N
 * random changes of all, spread evenly. Says what it did, the slowest input and the peak of memory.
 * A crash or a sanitizer's finding ends it.
 *   fuzz_store --mutate 100000 tests/golden/torch_zip.pt */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <duet/registry.h>

#include "base/file.h"
#include "base/str.h"
#include "fuzz/target.h"
#include "io/tar.h"

enum { MOST_SEEDS = 65536, LARGE_SEED = 1 << 14, MOST_MEMBER = 1 << 24 };

typedef struct run {
    duet_bytes seeds[MOST_SEEDS];
    bool whole[MOST_SEEDS]; /* of a corpus: not cut, fuzzing did that */
    int64_t seed_count, inputs;
    double slowest;
    uint64_t state;
} run;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void give(run *r, const uint8_t *data, int64_t size) {
    const double start = now();
    LLVMFuzzerTestOneInput(data, (size_t)size);
    const double took = now() - start;
    if (took > r->slowest) r->slowest = took;
    r->inputs++;
}

/* A copy of its own: the sanitizer then sees a byte read beyond the end. */
static void give_part(run *r, const uint8_t *data, int64_t size) {
    uint8_t *const copy = malloc(size > 0 ? (size_t)size : 1);
    if (copy == NULL) abort();
    memcpy(copy, data, (size_t)size);
    give(r, copy, size);
    free(copy);
}

static uint64_t next(run *r) { /* xorshift: the same changes at every run */
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    return r->state ^= r->state << 17;
}

/* One to eight changes: a bit, a byte, an interesting number, a piece copied, cut out or zeroed. */
static int64_t change(run *r, uint8_t *data, int64_t size) {
    static const uint64_t numbers[] = {0,          1,         0x7f,      0x80,       0xff,
                                       0x7fff,     0x8000,    0xffff,    0x7fffffff, 0x80000000,
                                       0xffffffff, INT64_MAX, UINT64_MAX};
    for (uint64_t changes = 1 + next(r) % 8; changes > 0 && size > 0; changes--) {
        const int64_t at = (int64_t)(next(r) % (uint64_t)size), left = size - at,
                      other = (int64_t)(next(r) % (uint64_t)size);
        const int64_t count = 1 + (int64_t)(next(r) % (uint64_t)(left < 64 ? left : 64)),
                      room = size - other < count ? size - other : count;
        const int64_t width = (int64_t)1 << next(r) % 4;
        switch (next(r) % 6) {
        case 0:
            data[at] = (uint8_t)(data[at] ^ 1u << next(r) % 8);
            break;
        case 1:
            data[at] = (uint8_t)next(r);
            break;
        case 2:
            memcpy(data + at, &numbers[next(r) % (uint64_t)DUET_COUNT(numbers)],
                   (size_t)(width < left ? width : left));
            break;
        case 3:
            memmove(data + other, data + at, (size_t)room);
            break;
        case 4:
            memmove(data + at, data + at + count, (size_t)(left - count));
            size -= count;
            break;
        default:
            memset(data + at, 0, (size_t)count);
            break;
        }
    }
    return size;
}

static void mutate(run *r, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const duet_bytes *const seed = &r->seeds[i % r->seed_count];
        uint8_t *const copy = malloc(seed->size > 0 ? (size_t)seed->size : 1);
        if (copy == NULL) abort();
        memcpy(copy, seed->data, (size_t)seed->size);
        give_part(r, copy, change(r, copy, seed->size));
        free(copy);
    }
}

static void keep(run *r, duet_bytes bytes, bool whole) {
    if (r->seed_count == MOST_SEEDS) abort();
    r->whole[r->seed_count] = whole;
    r->seeds[r->seed_count++] = bytes;
}

static duet_status load(run *r, const char *path) {
    duet_bytes bytes = {0};
    duet_tar *tar = NULL;
    const char *name = "";
    if (!duet_ends_with(path, ".tar.gz")) {
        const duet_status status = duet_file_read(&bytes, path);
        if (status == DUET_OK) keep(r, bytes, false);
        return status;
    }
    duet_status status = duet_tar_open(&tar, path);
    while (status == DUET_OK && name != NULL) {
        status = duet_tar_next(tar, &name, &bytes, MOST_MEMBER);
        if (status == DUET_OK && name != NULL) keep(r, bytes, true);
        bytes = (duet_bytes){0};
    }
    duet_tar_close(tar);
    return status;
}

static void report(const run *r) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%lld seeds, %lld inputs, the slowest took %.1f ms, peak of memory %ld MiB\n",
           (long long)r->seed_count, (long long)r->inputs, 1e3 * r->slowest, usage.ru_maxrss >> 10);
}

int main(int argc, char **argv) {
    static run r = {.state = 88172645463325252u};
    bool truncate = false;
    int64_t count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--truncate") == 0)
            truncate = true;
        else if (strcmp(argv[i], "--mutate") == 0 && i + 1 < argc)
            count = strtoll(argv[++i], NULL, 10);
        else if (load(&r, argv[i]) != DUET_OK)
            return fprintf(stderr, "%s\n", duet_error_message()), 1;
    }
    if (r.seed_count == 0)
        return fprintf(stderr, "usage: %s [--truncate] [--mutate N] FILE|CORPUS.tar.gz …\n",
                       argv[0]),
               1;
    for (int64_t i = 0; i < r.seed_count; i++) give_part(&r, r.seeds[i].data, r.seeds[i].size);
    for (int64_t i = 0; i < r.seed_count && truncate; i++) {
        if (r.whole[i]) continue;
        for (int64_t size = 0; size<r.seeds[i].size; size += r.seeds[i].size> LARGE_SEED
                                   ? 1 + r.seeds[i].size / 4096
                                   : 1)
            give_part(&r, r.seeds[i].data, size);
    }
    mutate(&r, count);
    report(&r);
    for (int64_t i = 0; i < r.seed_count; i++) duet_bytes_free(&r.seeds[i]);
    return 0;
}
