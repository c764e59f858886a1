/* SPDX-License-Identifier: MIT
 * io/archive_write.c: writes zip archives of stored members (APPNOTE 6.3.9). A member is
 *   local header (30 bytes): "PK\3\4" needs.2 flags.2 method.2 time.2 date.2 crc.4 size.4 size.4
 *   name.2 extra.2, then name, extra and bytes
 * and the archive ends with a central header for each member (46 bytes and its name) and the end
 * record (22 bytes). The checksum is filled in when a member's bytes are complete. Sizes and places
 * of 4 GiB and more are FFFFFFFF there and stand in an extra field 0001 (zip64); counts of 65,535
 * and more in a zip64 end record. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "io/archive.h"

enum { ROOM = 4096, LOCAL = 30, CENTRAL = 46, CRC_AT = 14, DATE_1980 = 1 << 5 | 1 };
enum { NEEDS_PLAIN = 10, NEEDS_ZIP64 = 45, MADE_BY = 3 << 8 | 63, UTF8_NAME = 1 << 11 };
#define FULL32          0xFFFFFFFFU
#define FULL16          0xFFFFU
#define FILE_OF_ANYBODY 0x81B60000U /* a regular file, rw for all, as the umask decides */

struct duet_archive_writer {
    duet_writer *file;
    uint8_t *central; /* the central headers so far */
    int64_t central_size, central_room, members;
    int64_t header_at, left; /* of the last member: where its header is, bytes still to come */
    int64_t crc_at;          /* of its checksum in `central` */
    uint32_t crc;
    bool begun;
};

/* Little-endian fields, one after the other. */
typedef struct fields {
    uint8_t bytes[128];
    int64_t size;
} fields;

static void field(fields *f, int bytes, uint64_t value) {
    for (int i = 0; i < bytes; i++) f->bytes[f->size++] = (uint8_t)(value >> (8 * i));
}

static uint64_t low32(int64_t value) {
    return value >= (int64_t)FULL32 ? FULL32 : (uint64_t)value;
}

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text > 127) return false;
    return true;
}

/* From "needs" to the length of the name: what local and central headers share. */
static void shared_fields(fields *f, const char *name, int64_t size, bool zip64) {
    field(f, 2, zip64 ? NEEDS_ZIP64 : NEEDS_PLAIN);
    field(f, 2, is_ascii(name) ? 0 : UTF8_NAME);
    field(f, 2, 0); /* stored */
    field(f, 2, 0);
    field(f, 2, DATE_1980); /* the earliest date of the format */
    field(f, 4, 0);         /* the checksum, later */
    field(f, 4, low32(size));
    field(f, 4, low32(size));
    field(f, 2, strlen(name));
}

static void put_local(duet_archive_writer *w, const char *name, int64_t size) {
    const bool zip64 = size >= (int64_t)FULL32;
    fields f = {0};
    field(&f, 4, 0x04034B50);
    shared_fields(&f, name, size, zip64);
    field(&f, 2, zip64 ? 20 : 0);
    duet_writer_put(w->file, f.bytes, f.size);
    duet_writer_put(w->file, name, (int64_t)strlen(name));
    if (!zip64) return;
    f.size = 0;
    field(&f, 2, 1);
    field(&f, 2, 16);
    field(&f, 8, (uint64_t)size);
    field(&f, 8, (uint64_t)size);
    duet_writer_put(w->file, f.bytes, f.size);
}

static duet_status add_central(duet_archive_writer *w, const void *bytes, int64_t count) {
    DUET_TRY(duet_grow(&w->central, &w->central_room, w->central_size + count, 1));
    memcpy(w->central + w->central_size, bytes, (size_t)count);
    w->central_size += count;
    return DUET_OK;
}

static duet_status put_central(duet_archive_writer *w, const char *name, int64_t size) {
    const bool large = size >= (int64_t)FULL32, far = w->header_at >= (int64_t)FULL32;
    const int extra = (large ? 16 : 0) + (far ? 8 : 0);
    fields f = {0}, more = {0};
    field(&f, 4, 0x02014B50);
    field(&f, 2, MADE_BY);
    shared_fields(&f, name, size, large || far);
    field(&f, 2, extra > 0 ? (uint64_t)extra + 4 : 0);
    field(&f, 6, 0); /* no comment, disk 0, binary */
    field(&f, 4, FILE_OF_ANYBODY);
    field(&f, 4, low32(w->header_at));
    w->crc_at = w->central_size + CRC_AT + 2;
    DUET_TRY(add_central(w, f.bytes, f.size));
    DUET_TRY(add_central(w, name, (int64_t)strlen(name)));
    if (extra == 0) return DUET_OK;
    field(&more, 2, 1);
    field(&more, 2, (uint64_t)extra);
    if (large) field(&more, 8, (uint64_t)size);
    if (large) field(&more, 8, (uint64_t)size);
    if (far) field(&more, 8, (uint64_t)w->header_at);
    return add_central(w, more.bytes, more.size);
}

duet_status duet_archive_writer_open(duet_archive_writer **out, const char *path) {
    duet_archive_writer *w = NULL;
    DUET_TRY(duet_alloc(&w, 1, sizeof *w));
    const duet_status status = duet_writer_open(&w->file, path);
    if (status == DUET_OK)
        *out = w;
    else
        duet_release(w);
    return status;
}

/* Both headers of the member get its checksum. */
static duet_status end_member(duet_archive_writer *w) {
    fields f = {0};
    if (!w->begun) return DUET_OK;
    if (w->left != 0)
        return duet_fail(DUET_ARG, "a member of the archive lacks %lld bytes", (long long)w->left);
    field(&f, 4, w->crc);
    memcpy(w->central + w->crc_at, f.bytes, 4);
    duet_writer_patch(w->file, w->header_at + CRC_AT, f.bytes, 4);
    w->begun = false;
    return DUET_OK;
}

duet_status duet_archive_begin_member(duet_archive_writer *writer, const char *name, int64_t size) {
    DUET_TRY(end_member(writer));
    if (strlen(name) > FULL16)
        return duet_fail(DUET_ARG, "the name '%.64s…' is too long for an archive", name);
    writer->header_at = duet_writer_offset(writer->file);
    DUET_TRY(put_central(writer, name, size));
    put_local(writer, name, size);
    writer->crc = 0;
    writer->left = size;
    writer->begun = true;
    writer->members++;
    return DUET_OK;
}

void duet_archive_put(duet_archive_writer *writer, const void *bytes, int64_t count) {
    writer->crc = (uint32_t)crc32_z(writer->crc, bytes, (z_size_t)count);
    writer->left -= count;
    duet_writer_put(writer->file, bytes, count);
}

static void put_end(duet_archive_writer *w, const char *comment) {
    const int64_t at = duet_writer_offset(w->file) - w->central_size;
    const bool zip64 = w->members >= (int64_t)FULL16 || at >= (int64_t)FULL32 ||
                       w->central_size >= (int64_t)FULL32;
    const uint64_t count = w->members >= (int64_t)FULL16 ? FULL16 : (uint64_t)w->members;
    const int64_t length = comment != NULL ? (int64_t)strlen(comment) : 0;
    fields f = {0};
    if (zip64) {
        field(&f, 4, 0x06064B50);
        field(&f, 8, 44); /* of what follows in this record */
        field(&f, 2, MADE_BY);
        field(&f, 2, NEEDS_ZIP64);
        field(&f, 8, 0); /* this is disk 0, as all */
        field(&f, 8, (uint64_t)w->members);
        field(&f, 8, (uint64_t)w->members);
        field(&f, 8, (uint64_t)w->central_size);
        field(&f, 8, (uint64_t)at);
        field(&f, 4, 0x07064B50);
        field(&f, 4, 0);
        field(&f, 8, (uint64_t)(at + w->central_size));
        field(&f, 4, 1);
    }
    field(&f, 4, 0x06054B50);
    field(&f, 4, 0);
    field(&f, 2, count);
    field(&f, 2, count);
    field(&f, 4, low32(w->central_size));
    field(&f, 4, low32(at));
    field(&f, 2, (uint64_t)length);
    duet_writer_put(w->file, f.bytes, f.size);
    duet_writer_put(w->file, comment, length);
}

duet_status duet_archive_writer_commit(duet_archive_writer *writer, const char *comment) {
    duet_status status = DUET_OK;
    DUET_DO(end_member(writer));
    if (comment != NULL && strlen(comment) > FULL16)
        DUET_FAIL(DUET_ARG, "a comment of %zu bytes is too long for an archive", strlen(comment));
    duet_writer_put(writer->file, writer->central, writer->central_size);
    put_end(writer, comment);
    status = duet_writer_commit(writer->file);
    writer->file = NULL;
done:
    duet_archive_writer_abort(writer);
    return status;
}

void duet_archive_writer_abort(duet_archive_writer *writer) {
    if (writer == NULL) return;
    duet_writer_abort(writer->file);
    duet_release(writer->central);
    duet_release(writer);
}

/* ---- parts ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static duet_status check_names(const duet_archive_part *parts, int64_t count) {
    const char **names = NULL;
    duet_status status = DUET_OK;
    DUET_TRY(duet_alloc(&names, count, sizeof *names));
    for (int64_t i = 0; i < count; i++) names[i] = parts[i].name;
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int64_t i = 1; i < count && status == DUET_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = duet_fail(DUET_ARG, "the name '%s' is given twice", names[i]);
    duet_release(names);
    return status;
}

/* Elements are converted part by part. */
static void put_elements(duet_archive_writer *w, const duet_store_item *item) {
    uint8_t space[ROOM];
    const int64_t count = duet_shape_count(&item->shape),
                  to = (int64_t)duet_dtype_size(item->stored),
                  from = (int64_t)duet_dtype_size(item->dtype);
    for (int64_t i = 0; i < count; i += ROOM / to) {
        const int64_t n = count - i < ROOM / to ? count - i : ROOM / to;
        duet_convert(space, item->stored, (const uint8_t *)item->data + i * from, item->dtype, n);
        duet_archive_put(w, space, n * to);
    }
}

static duet_status put_part(duet_archive_writer *w, const duet_archive_part *part) {
    const duet_store_item *const item = part->item;
    const int64_t elements =
        item != NULL ? duet_shape_count(&item->shape) * (int64_t)duet_dtype_size(item->stored) : 0;
    DUET_TRY(duet_archive_begin_member(w, part->name, part->head_size + elements));
    if (part->head_size > 0) duet_archive_put(w, part->head, part->head_size);
    if (item != NULL) put_elements(w, item);
    return DUET_OK;
}

duet_status duet_archive_write(const char *path, const duet_archive_part *parts, int64_t count,
                               const char *comment) {
    duet_archive_writer *w = NULL;
    duet_status status = DUET_OK;
    DUET_TRY(check_names(parts, count));
    DUET_TRY(duet_archive_writer_open(&w, path));
    for (int64_t i = 0; i < count && status == DUET_OK; i++) status = put_part(w, &parts[i]);
    if (status == DUET_OK) return duet_archive_writer_commit(w, comment);
    duet_archive_writer_abort(w);
    return status;
}
