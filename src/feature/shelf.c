/* SPDX-License-Identifier: MIT
 * feature/shelf.c: see shelf.h. Rows that were never written are holes in the file: they read as
 * zeros and take no space. */
#include "feature/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/system.h"

enum { HEADER = 2048, RUN = 256 }; /* bytes before the tensors; most rows that are moved at once */

static int64_t row_bytes(const duet_shelf *s) {
    return s->dim * (int64_t)duet_dtype_size(s->stored);
}

static int64_t file_size(const duet_shelf *s) {
    return s->x_at + s->rows * row_bytes(s);
}

/* Eight bytes of length, JSON, spaces. */
static duet_status print_header(const duet_shelf *s, const char *key, char out[HEADER]) {
    const uint64_t length = HEADER - 8;
    const long long rows = s->rows, check = 8 * rows, end = check + rows * row_bytes(s);
    memset(out, ' ', HEADER);
    for (int b = 0; b < 8; b++) out[b] = (char)(length >> (8 * b) & 0xFF);
    const int used =
        snprintf(out + 8, HEADER - 8,
                 "{\"__metadata__\":{\"duet.features\":\"%s\"},\"check\":{\"dtype\":\"I64\","
                 "\"shape\":[%lld],\"data_offsets\":[0,%lld]},"
                 "\"X\":{\"dtype\":\"%s\",\"shape\":[%lld,%lld],\"data_offsets\":[%lld,%lld]}}",
                 key, rows, check, s->stored == DUET_F16 ? "F16" : "F32", rows, (long long)s->dim,
                 check, end);
    if (used < 0 || used >= HEADER - 8)
        return duet_fail(DUET_ARG, "the key of a feature table is too long");
    out[8 + used] = ' ';
    return DUET_OK;
}

static duet_status read_at(int fd, const duet_shelf *s, int64_t offset, void *bytes,
                           int64_t count) {
    for (uint8_t *to = bytes; count > 0;) {
        const ssize_t got = pread(fd, to, (size_t)count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return duet_fail_system(errno, "read", s->path);
        if (got == 0) return duet_fail(DUET_FORMAT, "'%s' ends early", s->path);
        to += got;
        offset += got;
        count -= got;
    }
    return DUET_OK;
}

static duet_status write_at(int fd, const duet_shelf *s, int64_t offset, const void *bytes,
                            int64_t count) {
    for (const uint8_t *from = bytes; count > 0;) {
        const ssize_t put = pwrite(fd, from, (size_t)count, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 || put == 0)
            return duet_fail_system(put < 0 ? errno : ENOSPC, "write", s->path);
        from += put;
        offset += put;
        count -= put;
    }
    return DUET_OK;
}

static duet_status open_file(const duet_shelf *s, int *fd) {
    *fd = open(s->path, O_RDWR | O_CLOEXEC);
    return *fd < 0 ? duet_fail_system(errno, "open", s->path) : DUET_OK;
}

static duet_status check_file(const duet_shelf *s, const char want[HEADER]) {
    char have[HEADER];
    struct stat info;
    int fd = -1;
    duet_status status = DUET_OK;
    DUET_TRY(open_file(s, &fd));
    if (fstat(fd, &info) != 0) DUET_FAIL(DUET_IO, "cannot look at '%s'", s->path);
    if (info.st_size < HEADER || info.st_size > file_size(s))
        DUET_FAIL(DUET_FORMAT, "the size of '%s' is not that of its rows", s->path);
    DUET_DO(read_at(fd, s, 0, have, HEADER));
    if (memcmp(have, want, HEADER) != 0)
        DUET_FAIL(DUET_FORMAT, "'%s' is not a feature table of these settings", s->path);
    /* The file is shorter where it was truncated: what is missing becomes a hole. */
    if (info.st_size < file_size(s) && ftruncate(fd, (off_t)file_size(s)) != 0)
        status = duet_fail_system(errno, "write", s->path);
done:
    close(fd);
    return status;
}

duet_status duet_shelf_open(duet_shelf *out, const char *path, const char *key, int64_t rows,
                            int64_t dim, duet_dtype stored) {
    duet_shelf s = {.rows = rows, .dim = dim, .stored = stored};
    char header[HEADER];
    if (!*path) {
        s.x_at = 8 * rows;
        DUET_TRY(duet_alloc(&s.memory, file_size(&s), 1));
        *out = s;
        return DUET_OK;
    }
    s.check_at = HEADER;
    s.x_at = HEADER + 8 * rows;
    snprintf(s.path, sizeof s.path, "%s", path);
    DUET_TRY(print_header(&s, key, header));
    if (!duet_path_exists(path)) DUET_TRY(duet_file_write(path, header, HEADER));
    DUET_TRY(check_file(&s, header));
    *out = s;
    return DUET_OK;
}

void duet_shelf_close(duet_shelf *shelf) {
    duet_release(shelf->memory);
    *shelf = (duet_shelf){0};
}

duet_status duet_shelf_present(const duet_shelf *shelf, uint8_t *present) {
    int fd = -1;
    duet_status status = DUET_OK;
    uint64_t check[RUN];
    if (shelf->memory == NULL) DUET_TRY(open_file(shelf, &fd));
    for (int64_t first = 0; first < shelf->rows; first += RUN) {
        const int64_t count = shelf->rows - first < RUN ? shelf->rows - first : RUN;
        if (shelf->memory != NULL)
            memcpy(check, shelf->memory + 8 * first, (size_t)(8 * count));
        else
            DUET_DO(read_at(fd, shelf, shelf->check_at + 8 * first, check, 8 * count));
        for (int64_t i = 0; i < count; i++) present[first + i] &= check[i] != 0;
    }
done:
    if (fd >= 0) close(fd);
    return status;
}

/* The check of a row, never 0. It includes the number of the row, so that rows cannot be
 * exchanged. */
static uint64_t check_of(const duet_shelf *s, int64_t slot, const uint8_t *row) {
    return duet_hash(row, (size_t)row_bytes(s), (uint64_t)slot) | 1;
}

/* The number of consecutive places at the start of slot[count]. */
static int64_t run_of(const int64_t *slot, int64_t count) {
    int64_t n = 1;
    while (n < count && n < RUN && slot[n] == slot[0] + n) n++;
    return n;
}

static duet_status check_range(const duet_shelf *s, const float *x, int64_t count) {
    for (int64_t i = 0; s->stored == DUET_F16 && i < count; i++)
        if (fabsf(x[i]) >= 65520.0f)
            return duet_fail(DUET_NUMERIC,
                             "a feature is %g, which f16 cannot hold; keep features as f32",
                             (double)x[i]);
    return DUET_OK;
}

duet_status duet_shelf_put(duet_shelf *shelf, const int64_t *slot, int64_t count, const float *x) {
    const int64_t bytes = row_bytes(shelf);
    int fd = -1;
    duet_status status = DUET_OK;
    uint8_t *rows = NULL;
    uint64_t check[RUN];
    DUET_TRY(check_range(shelf, x, count * shelf->dim));
    if (shelf->memory != NULL) {
        for (int64_t i = 0; i < count; i++) {
            duet_convert(shelf->memory + shelf->x_at + slot[i] * bytes, shelf->stored,
                         x + i * shelf->dim, DUET_F32, shelf->dim);
            memset(shelf->memory + 8 * slot[i], 1, 8);
        }
        return DUET_OK;
    }
    DUET_DO(open_file(shelf, &fd));
    DUET_DO(duet_alloc(&rows, RUN * bytes, 1));
    for (int64_t i = 0; i < count;) {
        const int64_t n = run_of(slot + i, count - i);
        duet_convert(rows, shelf->stored, x + i * shelf->dim, DUET_F32, n * shelf->dim);
        for (int64_t k = 0; k < n; k++) check[k] = check_of(shelf, slot[i] + k, rows + k * bytes);
        DUET_DO(write_at(fd, shelf, shelf->x_at + slot[i] * bytes, rows, n * bytes));
        DUET_DO(write_at(fd, shelf, shelf->check_at + 8 * slot[i], check, 8 * n));
        i += n;
    }
done:
    if (fd >= 0) close(fd);
    duet_release(rows);
    return status;
}

/* Reads one run of rows; damaged ones are marked by a check of 0. */
static duet_status get_run(duet_shelf *s, int fd, int64_t slot, int64_t n, uint8_t *rows, float *x,
                           int64_t *damaged) {
    const int64_t bytes = row_bytes(s);
    uint64_t check[RUN];
    DUET_TRY(read_at(fd, s, s->check_at + 8 * slot, check, 8 * n));
    DUET_TRY(read_at(fd, s, s->x_at + slot * bytes, rows, n * bytes));
    for (int64_t k = 0; k < n; k++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): read_at fills it */
        if (check[k] == check_of(s, slot + k, rows + k * bytes)) continue;
        const uint64_t none = 0;
        DUET_TRY(write_at(fd, s, s->check_at + 8 * (slot + k), &none, 8));
        ++*damaged;
    }
    duet_convert(x, DUET_F32, rows, s->stored, n * s->dim);
    return DUET_OK;
}

duet_status duet_shelf_get(duet_shelf *shelf, const int64_t *slot, int64_t count, float *x,
                           int64_t *damaged) {
    const int64_t bytes = row_bytes(shelf);
    int fd = -1;
    duet_status status = DUET_OK;
    uint8_t *rows = NULL;
    *damaged = 0;
    if (shelf->memory != NULL) {
        for (int64_t i = 0; i < count; i++)
            duet_convert(x + i * shelf->dim, DUET_F32,
                         shelf->memory + shelf->x_at + slot[i] * bytes, shelf->stored, shelf->dim);
        return DUET_OK;
    }
    DUET_DO(open_file(shelf, &fd));
    DUET_DO(duet_alloc(&rows, RUN * bytes, 1));
    for (int64_t i = 0; i < count;) {
        const int64_t n = run_of(slot + i, count - i);
        DUET_DO(get_run(shelf, fd, slot[i], n, rows, x + i * shelf->dim, damaged));
        i += n;
    }
done:
    if (fd >= 0) close(fd);
    duet_release(rows);
    return status;
}
