/* SPDX-License-Identifier: MIT
 * io/mat.c: opens a MATLAB file and walks over its variables; see mat.h. The file: 128 bytes of
 * header (text, at 124 the version 0x0100 and the letters "MI" as one number, which tell the byte
 * order), then an element a variable: an array, or one packed with zlib. */
#include "io/mat.h"

#include <stdio.h>
#include <string.h>

#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "io/kind.h"
#include "io/mat_reader.h"

enum { HEADER = 128, TAG = 8, VERSION = 0x0100, MOST_BYTES = 1 << 28 };

typedef struct variable {
    const char *name;
    duet_mat_value value;
} variable;

struct duet_mat {
    const char *file; /* its name */
    duet_arena *arena;
    variable *variable;
    int64_t count, capacity;
};

/* ---- elements ---- */

duet_status duet_mat_damaged(const duet_mat_reader *reader, int64_t at, const char *words) {
    if (reader->packed_at < 0)
        return duet_fail(DUET_FORMAT, "'%s' is damaged at offset %lld: %s", reader->file,
                         (long long)at, words);
    return duet_fail(DUET_FORMAT,
                     "'%s' is damaged at offset %lld of what is packed at offset %lld: %s",
                     reader->file, (long long)at, (long long)reader->packed_at, words);
}

static uint64_t bytes_at(const duet_mat_reader *reader, int64_t at, int64_t count) {
    uint64_t value = 0;
    for (int64_t i = 0; i < count; i++)
        value = value << 8 | reader->data[at + (reader->swapped ? i : count - 1 - i)];
    return value;
}

duet_status duet_mat_next(duet_mat_reader *reader, int64_t *at, int64_t end,
                          duet_mat_element *out) {
    if (end - *at < TAG) return duet_mat_damaged(reader, *at, "it ends within a tag");
    const uint32_t first = (uint32_t)bytes_at(reader, *at, 4);
    if (first >> 16 != 0) { /* in the tag */
        *out = (duet_mat_element){
            .type = first & 0xFFFF, .at = *at + 4, .size = (int64_t)(first >> 16)};
        if (out->size > 4) return duet_mat_damaged(reader, *at, "a short element of over 4 bytes");
        *at += TAG;
        return DUET_OK;
    }
    const int64_t size = (int64_t)bytes_at(reader, *at + 4, 4);
    const int64_t padded = first == DUET_MAT_PACKED ? size : (size + 7) / 8 * 8;
    *out = (duet_mat_element){.type = first, .at = *at + TAG, .size = size};
    if (padded > end - out->at)
        return duet_mat_damaged(reader, *at, "an element is longer than what holds it");
    *at = out->at + padded;
    return DUET_OK;
}

int64_t duet_mat_type_bytes(uint32_t type) {
    switch (type) {
    case DUET_MAT_INT8:
    case DUET_MAT_UINT8:
    case DUET_MAT_UTF8:
        return 1;
    case DUET_MAT_INT16:
    case DUET_MAT_UINT16:
    case DUET_MAT_UTF16:
        return 2;
    case DUET_MAT_INT32:
    case DUET_MAT_UINT32:
    case DUET_MAT_SINGLE:
    case DUET_MAT_UTF32:
        return 4;
    case DUET_MAT_DOUBLE:
    case DUET_MAT_INT64:
    case DUET_MAT_UINT64:
        return 8;
    default:
        return 0;
    }
}

double duet_mat_number(const duet_mat_reader *reader, const duet_mat_element *from, int64_t i) {
    const int64_t size = duet_mat_type_bytes(from->type);
    const uint64_t bits = bytes_at(reader, from->at + i * size, size);
    const uint32_t low = (uint32_t)bits;
    float single = 0.0F;
    double real = 0.0;
    switch (from->type) {
    case DUET_MAT_INT8:
        return (int8_t)bits;
    case DUET_MAT_INT16:
        return (int16_t)bits;
    case DUET_MAT_INT32:
        return (int32_t)bits;
    case DUET_MAT_INT64:
        return (double)(int64_t)bits;
    case DUET_MAT_SINGLE:
        memcpy(&single, &low, sizeof single);
        return (double)single;
    case DUET_MAT_DOUBLE:
        memcpy(&real, &bits, sizeof real);
        return real;
    default:
        return (double)bits;
    }
}

/* ---- the file ---- */

static duet_status add(duet_mat *mat, duet_mat_reader *reader, const duet_mat_element *from) {
    variable v = {.name = ""};
    DUET_TRY(duet_mat_array(reader, from, 0, &v.value, &v.name));
    DUET_TRY(duet_grow(&mat->variable, &mat->capacity, mat->count + 1, sizeof *mat->variable));
    mat->variable[mat->count++] = v;
    return DUET_OK;
}

/* inflate() up to `size` bytes of *out. */
static duet_status fill(const duet_mat_reader *reader, int64_t at, z_stream *z, uint8_t *out,
                        int64_t size) {
    z->next_out = out;
    z->avail_out = (uInt)size;
    const int code = inflate(z, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR) return duet_fail(DUET_NO_MEMORY, "out of memory: unpacking a file");
    if ((code != Z_OK && code != Z_STREAM_END) || z->avail_out > 0)
        return duet_mat_damaged(
            reader, at + (int64_t)z->total_in,
            "what is packed here is cut off, has a wrong checksum or is no zlib data");
    return DUET_OK;
}

/* The checksum at the end stands for all bytes. */
static duet_status finish(const duet_mat_reader *reader, int64_t at, z_stream *z) {
    uint8_t rest = 0;
    z->next_out = &rest;
    z->avail_out = 1;
    if (inflate(z, Z_FINISH) == Z_STREAM_END && z->avail_out == 1) return DUET_OK;
    return duet_mat_damaged(reader, at + (int64_t)z->total_in,
                            "what is packed here is cut off or longer than its tag says");
}

/* Unpacks an element: its tag says how long it is, and DEFLATE packs at most 1032 bytes into one.
 */
static duet_status unpack(duet_mat_reader *to, uint8_t **out, int64_t *size, int64_t *left,
                          z_stream *z, const duet_mat_reader *reader,
                          const duet_mat_element *from) {
    uint8_t tag[TAG];
    z->next_in = reader->data + from->at;
    z->avail_in = (uInt)from->size;
    DUET_TRY(fill(reader, from->at, z, tag, TAG));
    *to = (duet_mat_reader){.file = reader->file,
                            .arena = reader->arena,
                            .data = tag,
                            .packed_at = from->at - TAG,
                            .swapped = reader->swapped,
                            .values = reader->values};
    const bool small = bytes_at(to, 0, 4) >> 16 != 0;
    const int64_t bytes = small ? 0 : (int64_t)bytes_at(to, 4, 4);
    if (bytes > 1032 * from->size)
        return duet_mat_damaged(to, 0, "an element is longer than what holds it");
    if (bytes > *left)
        return duet_fail(DUET_UNSUPPORTED, "'%s' unpacks to more than the limit of %d bytes",
                         reader->file, MOST_BYTES);
    *left -= bytes;
    *size = TAG + bytes;
    DUET_TRY(duet_alloc(out, *size, 1));
    memcpy(*out, tag, TAG);
    if (bytes > 0) DUET_TRY(fill(reader, from->at, z, *out + TAG, bytes));
    DUET_TRY(finish(reader, from->at, z));
    to->data = *out;
    return DUET_OK;
}

static duet_status add_packed(duet_mat *mat, duet_mat_reader *reader, const duet_mat_element *from,
                              int64_t *left) {
    duet_status status = DUET_OK;
    uint8_t *data = NULL;
    int64_t size = 0, at = 0;
    duet_mat_element inner;
    duet_mat_reader inside;
    z_stream z = {0};
    if (inflateInit(&z) != Z_OK)
        return duet_fail(DUET_BACKEND, "cannot unpack '%s': zlib failed", reader->file);
    DUET_DO(unpack(&inside, &data, &size, left, &z, reader, from));
    DUET_DO(duet_mat_next(&inside, &at, size, &inner));
    if (inner.type != DUET_MAT_ARRAY) DUET_DO(duet_mat_damaged(&inside, 0, "it is no array"));
    DUET_DO(add(mat, &inside, &inner));
    reader->values = inside.values;
done:
    inflateEnd(&z);
    duet_release(data);
    return status;
}

static duet_status refuse(const duet_map *map, const char *file) {
    const duet_file_kind kind = duet_kind_of_bytes(map->data, map->size);
    const bool text = map->size >= 19 && memcmp(map->data, "MATLAB 7.3 MAT-file", 19) == 0;
    if (text || kind.is == DUET_FILE_HDF5)
        return duet_fail(DUET_UNSUPPORTED,
                         "'%s' is a file of MATLAB 7.3 (HDF5), which is not read; save it with -v7",
                         file);
    if (map->size > 0 && map->size < HEADER)
        return duet_fail(DUET_FORMAT, "'%s' is damaged at offset %lld: it ends within its header",
                         file, (long long)map->size);
    return duet_fail(DUET_FORMAT, "'%s' is not a file of MATLAB 5%s%s", file,
                     kind.words != NULL ? ", but " : "", kind.words != NULL ? kind.words : "");
}

static duet_status read_all(duet_mat *mat, const duet_map *map) {
    int64_t left = MOST_BYTES, at = HEADER;
    duet_mat_reader reader = {
        .file = mat->file, .arena = mat->arena, .data = map->data, .packed_at = -1};
    if (map->size < HEADER) return refuse(map, mat->file);
    const bool big = map->data[126] == 'M' && map->data[127] == 'I',
               little = map->data[126] == 'I' && map->data[127] == 'M';
    reader.swapped = big;
    if ((!big && !little) || bytes_at(&reader, 124, 2) != VERSION) return refuse(map, mat->file);
    while (at < map->size) {
        const int64_t here = at;
        duet_mat_element one;
        DUET_TRY(duet_mat_next(&reader, &at, map->size, &one));
        if (one.type == DUET_MAT_PACKED)
            DUET_TRY(add_packed(mat, &reader, &one, &left));
        else if (one.type == DUET_MAT_ARRAY)
            DUET_TRY(add(mat, &reader, &one));
        else
            return duet_mat_damaged(&reader, here, "it is neither an array nor a packed one");
    }
    return DUET_OK;
}

duet_status duet_mat_open(duet_mat **out, const char *path) {
    duet_status status = DUET_OK;
    duet_mat *mat = NULL;
    duet_map map = {0};
    DUET_DO(duet_alloc(&mat, 1, sizeof *mat));
    DUET_DO(duet_arena_new(&mat->arena));
    mat->file = duet_arena_text(mat->arena, duet_path_base(path));
    DUET_DO(duet_arena_status(mat->arena));
    DUET_DO(duet_map_open(&map, path));
    DUET_DO(read_all(mat, &map));
    DUET_DO(duet_arena_status(mat->arena));
    *out = mat;
    mat = NULL;
done:
    duet_map_close(&map);
    duet_mat_close(mat);
    return status;
}

void duet_mat_close(duet_mat *mat) {
    if (mat == NULL) return;
    duet_release(mat->variable);
    duet_arena_free(mat->arena);
    duet_release(mat);
}

/* ---- looking ---- */

static const variable *look_up(const duet_mat *mat, const char *name) {
    for (int64_t i = 0; i < mat->count; i++)
        if (strcmp(mat->variable[i].name, name) == 0) return &mat->variable[i];
    return NULL;
}

bool duet_mat_has(const duet_mat *mat, const char *name) {
    return look_up(mat, name) != NULL;
}

duet_status duet_mat_find(const duet_mat_value **out, const duet_mat *mat, const char *name,
                          duet_mat_kind kind) {
    static const char *const words[] = {"numbers", "a text", "cells", "a struct array",
                                        "of a kind that is not read"};
    const variable *const found = look_up(mat, name);
    if (found == NULL)
        return duet_fail(DUET_FORMAT, "'%s' has no variable '%s'; its first one is '%s'", mat->file,
                         name, mat->count > 0 ? mat->variable[0].name : "");
    if (found->value.kind != kind)
        return duet_fail(DUET_FORMAT, "the variable '%s' of '%s' is %s, not %s", name, mat->file,
                         words[found->value.kind], words[kind]);
    *out = &found->value;
    return DUET_OK;
}

const duet_mat_value *duet_mat_field(const duet_mat_value *structs, int64_t index,
                                     const char *field, duet_mat_kind kind) {
    if (structs->kind != DUET_MAT_STRUCTS || index < 0 || index >= structs->count) return NULL;
    for (int64_t f = 0; f < structs->field_count; f++) {
        const duet_mat_value *const item = &structs->item[index * structs->field_count + f];
        if (strcmp(structs->field[f], field) == 0) return item->kind == kind ? item : NULL;
    }
    return NULL;
}

int64_t duet_mat_whole(const duet_mat_value *value) {
    if (value == NULL || value->kind != DUET_MAT_NUMBERS || value->count != 1) return -1;
    const double n = value->number[0];
    return n >= 0.0 && n <= (double)INT32_MAX && n == (double)(int64_t)n ? (int64_t)n : -1;
}
