/* SPDX-License-Identifier: MIT
 * io/mat_array.c: the arrays of a MATLAB file. An array is an element that holds elements: flags
 * (class in the low byte), dimensions, name; then the numbers or characters (of any type that
 * holds them), a cell's arrays, or a struct's length of names, names, and arrays element by
 * element. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "io/mat_reader.h"

enum {
    CELL = 1,
    STRUCT = 2,
    CHARS = 4,
    DOUBLE = 6,
    UINT64 = 15, /* classes 6 to 15 are numbers */
    OPAQUE = 17
};
enum { MOST_DEPTH = 32, MOST_DIMENSIONS = 32, MOST_VALUES = 1 << 22 };

/* What is left of an array. */
typedef struct place {
    int64_t at, end;
} place;

static duet_status next(duet_mat_reader *reader, place *in, duet_mat_element *out) {
    return duet_mat_next(reader, &in->at, in->end, out);
}

static duet_status read_dimensions(duet_mat_reader *reader, place *in, duet_mat_value *out) {
    duet_mat_element dims;
    const int64_t at = in->at;
    DUET_TRY(next(reader, in, &dims));
    const int64_t count = dims.size / 4;
    if (dims.type != DUET_MAT_INT32 || dims.size % 4 != 0 || count < 2 || count > MOST_DIMENSIONS)
        return duet_mat_damaged(reader, at, "an array without dimensions");
    out->columns = 1;
    for (int64_t i = 0; i < count; i++) {
        const double length = duet_mat_number(reader, &dims, i);
        int64_t *const to = i == 0 ? &out->rows : &out->columns;
        if (length < 0.0 || __builtin_mul_overflow(i == 0 ? 1 : out->columns, (int64_t)length, to))
            return duet_mat_damaged(reader, at, "an array with impossible dimensions");
    }
    if (__builtin_mul_overflow(out->rows, out->columns, &out->count))
        return duet_mat_damaged(reader, at, "an array with impossible dimensions");
    return DUET_OK;
}

/* `size` bytes of names as a text. */
static duet_status read_name(duet_mat_reader *reader, int64_t at, int64_t size, const char **out) {
    char *const name = duet_arena_alloc(reader->arena, size + 1, 1);
    DUET_TRY(duet_arena_status(reader->arena));
    if (size > 0) memcpy(name, reader->data + at, (size_t)size);
    *out = name;
    return DUET_OK;
}

/* The numbers or characters of an array: one for each of its elements. */
static duet_status read_data(duet_mat_reader *reader, place *in, const duet_mat_value *of,
                             duet_mat_element *out) {
    const int64_t at = in->at;
    DUET_TRY(next(reader, in, out));
    const int64_t bytes = duet_mat_type_bytes(out->type);
    if (bytes == 0 || out->size % bytes != 0 || out->size / bytes != of->count)
        return duet_mat_damaged(reader, at, "an array whose data do not fit its dimensions");
    return DUET_OK;
}

static duet_status read_numbers(duet_mat_reader *reader, place *in, duet_mat_value *out) {
    duet_mat_element data;
    DUET_TRY(read_data(reader, in, out, &data));
    double *const number = duet_arena_alloc(reader->arena, out->count + 1, sizeof *number);
    DUET_TRY(duet_arena_status(reader->arena));
    for (int64_t i = 0; i < out->count; i++) number[i] = duet_mat_number(reader, &data, i);
    out->number = number;
    return DUET_OK;
}

/* ---- texts ---- */

/* The character at (row, column); *column goes to its second half where it is a pair of UTF-16. */
static uint32_t character(const duet_mat_reader *reader, const duet_mat_element *data,
                          const duet_mat_value *of, int64_t row, int64_t *column) {
    const double code = duet_mat_number(reader, data, row + *column * of->rows);
    const uint32_t high = code >= 0.0 ? (uint32_t)code : 0xFFFD;
    if (high < 0xD800 || high > 0xDBFF || *column + 1 == of->columns) return high;
    const double next = duet_mat_number(reader, data, row + (*column + 1) * of->rows);
    const uint32_t low = next >= 0.0 ? (uint32_t)next : 0;
    if (low < 0xDC00 || low > 0xDFFF) return high;
    ++*column;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static duet_status join_rows(duet_mat_reader *reader, const duet_mat_element *data,
                             duet_mat_value *out) {
    char *const text = duet_arena_alloc(reader->arena, 4 * out->count + out->rows + 1, 1);
    char *to = text;
    DUET_TRY(duet_arena_status(reader->arena));
    for (int64_t r = 0; r < out->rows && out->columns > 0; r++) {
        char *const line = to;
        for (int64_t c = 0; c < out->columns; c++)
            to += duet_utf8_put(to, character(reader, data, out, r, &c));
        while (out->rows > 1 && to > line && to[-1] == ' ') to--;
        if (r + 1 < out->rows) *to++ = '\n';
    }
    *to = '\0';
    out->text = text;
    return DUET_OK;
}

static duet_status read_text(duet_mat_reader *reader, place *in, duet_mat_value *out) {
    duet_mat_element data;
    const int64_t at = in->at;
    DUET_TRY(next(reader, in, &data));
    const int64_t bytes = duet_mat_type_bytes(data.type);
    if (data.type == DUET_MAT_UTF8 && (out->rows == 1 || data.size != out->count)) {
        /* letters beyond ASCII take several bytes */
        if (data.size < out->count)
            return duet_mat_damaged(reader, at, "a text that is shorter than its dimensions");
        if (out->rows != 1) out->kind = DUET_MAT_OTHER;
        return read_name(reader, data.at, data.size, &out->text);
    }
    if (bytes == 0 || data.size % bytes != 0 || data.size / bytes != out->count)
        return duet_mat_damaged(reader, at, "a text that does not fit its dimensions");
    return join_rows(reader, &data, out);
}

/* ---- cells and structs ---- */

/* `count` arrays, one behind the other; each takes 8 bytes at least. */
static duet_status read_items(duet_mat_reader *reader, place *in, int64_t count, int depth,
                              duet_mat_value *out) {
    if (count > (in->end - in->at) / 8)
        return duet_mat_damaged(reader, in->at, "fewer arrays than the dimensions say");
    if (count > MOST_VALUES - reader->values)
        return duet_fail(DUET_UNSUPPORTED, "'%s' has more than the limit of %d values",
                         reader->file, MOST_VALUES);
    reader->values += count;
    duet_mat_value *const item = duet_arena_alloc(reader->arena, count + 1, sizeof *item);
    DUET_TRY(duet_arena_status(reader->arena));
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = in->at;
        const char *name = NULL;
        duet_mat_element one;
        DUET_TRY(next(reader, in, &one));
        if (one.type != DUET_MAT_ARRAY)
            return duet_mat_damaged(reader, at, "an array is expected here");
        DUET_TRY(duet_mat_array(reader, &one, depth + 1, &item[i], &name));
    }
    out->item = item;
    return DUET_OK;
}

static duet_status read_fields(duet_mat_reader *reader, place *in, duet_mat_value *out) {
    duet_mat_element length, names;
    const int64_t at = in->at;
    DUET_TRY(next(reader, in, &length));
    const double each = length.type == DUET_MAT_INT32 && length.size == 4
                            ? duet_mat_number(reader, &length, 0)
                            : 0.0;
    DUET_TRY(next(reader, in, &names));
    if (each < 1.0 || names.size % (int64_t)each != 0)
        return duet_mat_damaged(reader, at, "the names of a struct's fields");
    out->field_count = names.size / (int64_t)each;
    const char **const field = duet_arena_alloc(reader->arena, out->field_count + 1, sizeof *field);
    DUET_TRY(duet_arena_status(reader->arena));
    for (int64_t f = 0; f < out->field_count; f++)
        DUET_TRY(read_name(reader, names.at + f * (int64_t)each, (int64_t)each, &field[f]));
    out->field = field;
    return DUET_OK;
}

static duet_status read_structs(duet_mat_reader *reader, place *in, int depth,
                                duet_mat_value *out) {
    int64_t count = 0;
    DUET_TRY(read_fields(reader, in, out));
    if (__builtin_mul_overflow(out->count, out->field_count, &count))
        return duet_mat_damaged(reader, in->at, "fewer arrays than the dimensions say");
    /* elements without fields would take no room in the file */
    if (out->field_count == 0) out->count = out->rows = 0;
    return read_items(reader, in, count, depth, out);
}

duet_status duet_mat_array(duet_mat_reader *reader, const duet_mat_element *from, int depth,
                           duet_mat_value *out, const char **name) {
    place in = {.at = from->at, .end = from->at + from->size};
    duet_mat_element flags, text;
    *out = (duet_mat_value){.kind = DUET_MAT_NUMBERS, .number = NULL};
    *name = "";
    if (from->size == 0) return DUET_OK; /* an empty array */
    if (depth > MOST_DEPTH)
        return duet_mat_damaged(reader, from->at, "cells are nested too deeply (over 32 levels)");
    DUET_TRY(next(reader, &in, &flags));
    if (flags.type != DUET_MAT_UINT32 || flags.size != 8)
        return duet_mat_damaged(reader, from->at, "an array without flags");
    const int class = (int)duet_mat_number(reader, &flags, 0) & 0xFF;
    out->kind = class == CELL                        ? DUET_MAT_CELLS
                : class == STRUCT                    ? DUET_MAT_STRUCTS
                : class == CHARS                     ? DUET_MAT_TEXT
                : class >= DOUBLE && class <= UINT64 ? DUET_MAT_NUMBERS
                                                     : DUET_MAT_OTHER;
    if (class == OPAQUE) return DUET_OK; /* has neither dimensions nor a name in this place */
    DUET_TRY(read_dimensions(reader, &in, out));
    DUET_TRY(next(reader, &in, &text));
    DUET_TRY(read_name(reader, text.at, text.size, name));
    switch (out->kind) {
    case DUET_MAT_CELLS:
        return read_items(reader, &in, out->count, depth, out);
    case DUET_MAT_STRUCTS:
        return read_structs(reader, &in, depth, out);
    case DUET_MAT_TEXT:
        return read_text(reader, &in, out);
    case DUET_MAT_NUMBERS:
        return read_numbers(reader, &in, out);
    default:
        return DUET_OK;
    }
}
