/* SPDX-License-Identifier: MIT
 * io/archive_write.c: zip archives of tensors, see archive.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "io/archive.h"

/* The source from which libzip reads a new member: its head, then the elements, converted part by
 * part. */
typedef struct source {
    const duet_archive_part *part;
    int64_t next;      /* element to convert */
    const uint8_t *at; /* bytes ready to be given */
    int64_t left;      /* how many */
    uint8_t *space;    /* [ROOM]; shared by all, since libzip reads one member after the other */
} source;

enum { ROOM = 4096 };

static int64_t elements(const source *s) {
    return s->part->item != NULL ? duet_shape_count(&s->part->item->shape) : 0;
}

static void refill(source *s) {
    const duet_store_item *const item = s->part->item;
    if (item == NULL || s->next >= elements(s)) return;
    const int64_t to = (int64_t)duet_dtype_size(item->stored), room = ROOM / to,
                  rest = elements(s) - s->next;
    const int64_t n = rest < room ? rest : room;
    duet_convert(s->space, item->stored,
                 (const uint8_t *)item->data + s->next * (int64_t)duet_dtype_size(item->dtype),
                 item->dtype, n);
    s->next += n;
    s->at = s->space;
    s->left = n * to;
}

static zip_int64_t on_source(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command) {
    source *const s = user;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
    case ZIP_SOURCE_OPEN:
        s->next = 0;
        s->at = s->part->head;
        s->left = s->part->head_size;
        return 0;
    case ZIP_SOURCE_READ: {
        if (s->left == 0) refill(s);
        const int64_t n = s->left < (int64_t)size ? s->left : (int64_t)size;
        if (n > 0) memcpy(data, s->at, (size_t)n);
        s->at += n;
        s->left -= n;
        return n;
    }
    case ZIP_SOURCE_STAT: {
        zip_stat_t *const stat = data;
        zip_stat_init(stat);
        const int64_t bytes = s->part->item != NULL
                                  ? elements(s) * (int64_t)duet_dtype_size(s->part->item->stored)
                                  : 0;
        stat->size = (zip_uint64_t)(s->part->head_size + bytes);
        stat->valid = ZIP_STAT_SIZE;
        return sizeof *stat;
    }
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0; /* the buffers are freed after the archive is closed */
    default:
        return -1;
    }
}

static duet_status add_part(zip_t *zip, source *s) {
    const char *const name = s->part->name;
    if (zip_name_locate(zip, name, 0) >= 0)
        return duet_fail(DUET_ARG, "the name '%s' is given twice", name);
    zip_source_t *const from = zip_source_function(zip, on_source, s);
    const zip_int64_t index = from != NULL ? zip_file_add(zip, name, from, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        if (from != NULL) zip_source_free(from);
        return duet_fail(DUET_ARG, "cannot add '%s': %s", name, zip_strerror(zip));
    }
    /* 1980-01-01, the earliest time of the zip format */
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) != 0)
        return duet_fail(DUET_IO, "cannot add '%s': %s", name, zip_strerror(zip));
    return DUET_OK;
}

static duet_status write_members(const char *path, const duet_archive_part *parts, int64_t count,
                                 const char *comment) {
    duet_status status = DUET_OK;
    source *sources = NULL;
    uint8_t *space = NULL;
    zip_t *zip = NULL;
    int code = 0;
    DUET_DO(duet_alloc(&sources, count, sizeof *sources));
    DUET_DO(duet_alloc(&space, ROOM, 1));
    zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip == NULL) DUET_FAIL(DUET_IO, "cannot make the archive (libzip's code %d)", code);
    for (int64_t i = 0; i < count; i++) {
        sources[i].part = &parts[i];
        sources[i].space = space;
        DUET_DO(add_part(zip, &sources[i]));
    }
    if (comment != NULL &&
        zip_set_archive_comment(zip, comment, (zip_uint16_t)strlen(comment)) != 0)
        DUET_FAIL(DUET_ARG, "cannot add the comment: %s", zip_strerror(zip));
    if (zip_close(zip) != 0) DUET_FAIL(DUET_IO, "cannot finish the archive: %s", zip_strerror(zip));
    zip = NULL;
done:
    if (zip != NULL) zip_discard(zip);
    duet_release(sources);
    duet_release(space);
    return status;
}

static duet_status sync_path(const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return duet_fail_system(errno, "open", path);
    const int error = fsync(file) == 0 ? 0 : errno;
    close(file);
    return error ? duet_fail_system(error, "flush", path) : DUET_OK;
}

duet_status duet_archive_write(const char *path, const duet_archive_part *parts, int64_t count,
                               const char *comment) {
    duet_status status = DUET_OK;
    char temporary[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    const int length = snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    if (length < 0 || length >= DUET_PATH_SIZE)
        return duet_fail(DUET_ARG, "path '%s' is too long", path);
    const char *const base = duet_path_base(path);
    snprintf(folder, sizeof folder, "%.*s", base == path ? 1 : (int)(base - path),
             base == path ? "." : path);
    DUET_DO(write_members(temporary, parts, count, comment));
    DUET_DO(sync_path(temporary));
    DUET_DO(duet_file_rename(temporary, path));
    DUET_DO(sync_path(folder));
    return DUET_OK;
done:
    unlink(temporary);
    return status;
}
