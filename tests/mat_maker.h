/* SPDX-License-Identifier: MIT
 * tests/mat_maker.h: writes MATLAB 5 files, element by element, in either byte order, packed with
 * zlib or not; fixtures for the reader of them and for data sets whose lists are such files. */
#ifndef DUET_TESTS_MAT_MAKER_H
#define DUET_TESTS_MAT_MAKER_H

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/str.h"

typedef struct mat_maker {
    duet_str out;
    bool big; /* the byte order */
} mat_maker;

static inline void mat_value(mat_maker *m, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        const uint8_t one = (uint8_t)(value >> 8 * (m->big ? bytes - 1 - i : i));
        duet_str_bytes(&m->out, &one, 1);
    }
}

static inline void mat_begin(mat_maker *m, bool big) {
    char text[124];
    *m = (mat_maker){.big = big};
    memset(text, ' ', sizeof text);
    memcpy(text, "MATLAB 5.0 MAT-file", 19);
    duet_str_bytes(&m->out, text, sizeof text);
    mat_value(m, 0x0100, 2);
    mat_value(m, 0x4D49, 2);
}

static inline void mat_pad(mat_maker *m) {
    while (m->out.size % 8 != 0) duet_str_bytes(&m->out, "", 1);
}

/* An element with this type; its length is set by mat_close. */
static inline int64_t mat_open(mat_maker *m, int type) {
    mat_value(m, (uint64_t)type, 4);
    mat_value(m, 0, 4);
    return m->out.size;
}

static inline void mat_close(mat_maker *m, int64_t open) {
    const uint64_t size = (uint64_t)(m->out.size - open);
    for (int i = 0; i < 4; i++)
        m->out.text[open - 4 + i] = (char)(size >> 8 * (m->big ? 3 - i : i));
    mat_pad(m);
}

/* The beginning of an array of a class: flags, dimensions, name. */
static inline int64_t mat_array(mat_maker *m, int class, int64_t rows, int64_t columns,
                                const char *name) {
    const int64_t array = mat_open(m, 14), flags = mat_open(m, 6);
    mat_value(m, (uint64_t) class, 4);
    mat_value(m, 0, 4);
    mat_close(m, flags);
    const int64_t dims = mat_open(m, 5);
    mat_value(m, (uint64_t)rows, 4);
    mat_value(m, (uint64_t)columns, 4);
    mat_close(m, dims);
    const int64_t text = mat_open(m, 1);
    duet_str_bytes(&m->out, name, (int64_t)strlen(name));
    mat_close(m, text);
    return array;
}

/* An array of class double whose numbers are kept as u16, as MATLAB keeps small whole ones. */
static inline void mat_wholes(mat_maker *m, const char *name, const int *values, int64_t count) {
    const int64_t array = mat_array(m, 6, 1, count, name), data = mat_open(m, 4);
    for (int64_t i = 0; i < count; i++) mat_value(m, (uint64_t)values[i], 2);
    mat_close(m, data);
    mat_close(m, array);
}

static inline void mat_whole(mat_maker *m, int value) {
    mat_wholes(m, "", &value, 1);
}

static inline void mat_text(mat_maker *m, const char *name, const char *text) {
    const int64_t size = (int64_t)strlen(text), array = mat_array(m, 4, 1, size, name),
                  data = mat_open(m, 16);
    duet_str_bytes(&m->out, text, size);
    mat_close(m, data);
    mat_close(m, array);
}

static inline void mat_texts(mat_maker *m, const char *name, const char *const *texts,
                             int64_t count) {
    const int64_t cells = mat_array(m, 1, count, 1, name);
    for (int64_t i = 0; i < count; i++) mat_text(m, "", texts[i]);
    mat_close(m, cells);
}

/* The beginning of a struct array [1, count] with these fields; its arrays follow, element by
 * element, and mat_close. */
static inline int64_t mat_structs(mat_maker *m, const char *name, const char *const *fields,
                                  int count, int64_t elements) {
    const int64_t array = mat_array(m, 2, 1, elements, name);
    mat_value(m, 4 << 16 | 5, 4); /* an element in its tag */
    mat_value(m, 32, 4);
    const int64_t names = mat_open(m, 1);
    for (int i = 0; i < count; i++) {
        char field[32] = "";
        snprintf(field, sizeof field, "%s", fields[i]);
        duet_str_bytes(&m->out, field, sizeof field);
    }
    mat_close(m, names);
    return array;
}

/* What follows `from` (the end of an earlier variable, or 128) is packed with zlib. */
static inline void mat_pack(mat_maker *m, int64_t from) {
    uLongf size = compressBound((uLong)(m->out.size - from));
    duet_str packed = {0};
    for (uLongf i = 0; i < size; i++) duet_str_bytes(&packed, "", 1);
    (void)compress((Bytef *)packed.text, &size, (const Bytef *)m->out.text + from,
                   (uLong)(m->out.size - from));
    m->out.size = from;
    mat_value(m, 15, 4);
    mat_value(m, size, 4);
    duet_str_bytes(&m->out, packed.text, (int64_t)size);
    duet_str_free(&packed);
}

static inline void mat_free(mat_maker *m) {
    duet_str_free(&m->out);
}

#endif
