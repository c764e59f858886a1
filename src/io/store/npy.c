/* SPDX-License-Identifier: MIT
 * The .npy header: a parser of exactly the dict literals that numpy writes (any order of keys, both
 * quotes, optional trailing commas, Python 2's long suffix), and a writer. */
#include "io/store/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "io/store/store.h"

static const struct {
    const char *descr;
    duet_dtype dtype;
} descrs[] = {
    {"<f4", DUET_F32}, {"<f8", DUET_F64}, {"<f2", DUET_F16}, {"|u1", DUET_U8},
    {"|i1", DUET_I8},  {"<i4", DUET_I32}, {"<i8", DUET_I64}, {"|b1", DUET_BOOL},
};

/* What is left of the text. */
typedef struct cursor {
    const char *at, *end;
} cursor;

duet_status duet_npy_prefix(int64_t *text_at, int64_t *text_size, const uint8_t *prefix,
                            const char *name) {
    if (memcmp(prefix, "\x93NUMPY", 6) != 0)
        return duet_fail(DUET_FORMAT, "array '%s' does not start as a .npy file", name);
    const int version = prefix[6];
    if (version < 1 || version > 3)
        return duet_fail(DUET_UNSUPPORTED, "array '%s' has .npy version %d", name, version);
    int64_t size = prefix[8] | prefix[9] << 8;
    if (version > 1) size |= (int64_t)prefix[10] << 16 | (int64_t)prefix[11] << 24;
    if (size > DUET_NPY_TEXT_MAX)
        return duet_fail(DUET_FORMAT, "the header of array '%s' has %lld bytes; the limit is %d",
                         name, (long long)size, DUET_NPY_TEXT_MAX);
    *text_at = version > 1 ? 12 : 10;
    *text_size = size;
    return DUET_OK;
}

static void skip_spaces(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

static bool take(cursor *c, char wanted) {
    skip_spaces(c);
    if (c->at >= c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(cursor *c, char *out, size_t size) {
    skip_spaces(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
    const char quote = *c->at++;
    size_t n = 0;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        if (*c->at == '\\' || *c->at == '\0' || n + 1 >= size) return false;
        out[n++] = *c->at;
    }
    out[n] = '\0';
    return take(c, quote);
}

static bool take_bool(cursor *c, bool *out) {
    skip_spaces(c);
    const size_t left = (size_t)(c->end - c->at);
    *out = left >= 4 && memcmp(c->at, "True", 4) == 0;
    if (!*out && !(left >= 5 && memcmp(c->at, "False", 5) == 0)) return false;
    c->at += *out ? 4 : 5;
    return true;
}

static bool take_integer(cursor *c, int64_t *out) {
    skip_spaces(c);
    const char *start = c->at;
    int64_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *c->at - '0', &value))
            return false;
    if (c->at == start) return false;
    if (c->at < c->end && *c->at == 'L') c->at++;
    *out = value;
    return true;
}

/* (), (3,), (3, 4), (3, 4,). The rank counts on past `dims`. */
static bool take_tuple(cursor *c, int64_t *dims, int64_t *rank) {
    if (!take(c, '(')) return false;
    bool comma = true;
    for (*rank = 0; !take(c, ')'); ++*rank) {
        int64_t value = 0;
        if (!comma || !take_integer(c, &value)) return false;
        if (*rank < DUET_MAX_RANK) dims[*rank] = value;
        comma = take(c, ',');
    }
    return *rank != 1 || comma;
}

static duet_status dtype_of(duet_dtype *out, const char *descr, const char *name) {
    for (int i = 0; i < DUET_COUNT(descrs); i++) {
        if (strcmp(descr, descrs[i].descr) != 0) continue;
        *out = descrs[i].dtype;
        return DUET_OK;
    }
    if (duet_starts_with(descr, "|O") || strcmp(descr, "O") == 0)
        return duet_fail(DUET_UNSUPPORTED, "array '%s' holds Python objects, which are never read",
                         name);
    return duet_fail(DUET_UNSUPPORTED,
                     "array '%s' has numpy type '%s', which this version does not read", name,
                     descr);
}

duet_status duet_npy_parse(duet_npy *out, const char *text, int64_t size, const char *name) {
    cursor c = {.at = text, .end = text + size};
    char key[32], descr[32] = "";
    bool fortran = false, has_descr = false, has_order = false, has_shape = false, comma = true;
    int64_t dims[DUET_MAX_RANK] = {0}, rank = 0;
    if (!take(&c, '{')) return duet_fail(DUET_FORMAT, "the header of array '%s' is damaged", name);
    while (!take(&c, '}')) {
        bool good = comma && take_string(&c, key, sizeof key) && take(&c, ':');
        skip_spaces(&c);
        if (good && strcmp(key, "descr") == 0 && !has_descr) {
            if (c.at < c.end && (*c.at == '[' || *c.at == '('))
                return duet_fail(DUET_UNSUPPORTED, "array '%s' has a structured numpy type", name);
            good = has_descr = take_string(&c, descr, sizeof descr);
        } else if (good && strcmp(key, "fortran_order") == 0 && !has_order) {
            good = has_order = take_bool(&c, &fortran);
        } else if (good && strcmp(key, "shape") == 0 && !has_shape) {
            good = has_shape = take_tuple(&c, dims, &rank);
        } else {
            good = false;
        }
        if (!good) return duet_fail(DUET_FORMAT, "the header of array '%s' is damaged", name);
        comma = take(&c, ',');
    }
    skip_spaces(&c);
    if (c.at != c.end || !has_descr || !has_order || !has_shape)
        return duet_fail(DUET_FORMAT, "the header of array '%s' is damaged", name);
    duet_npy npy = {.fortran = fortran};
    DUET_TRY(dtype_of(&npy.dtype, descr, name));
    DUET_TRY(duet_store_shape(&npy.shape, dims, rank, npy.dtype, name));
    *out = npy;
    return DUET_OK;
}

duet_status duet_npy_write(uint8_t out[DUET_NPY_HEADER_MAX], int64_t *size,
                           const duet_store_item *item) {
    const char *descr = NULL;
    for (int i = 0; i < DUET_COUNT(descrs); i++)
        if (descrs[i].dtype == item->stored) descr = descrs[i].descr;
    if (descr == NULL)
        return duet_fail(
            DUET_UNSUPPORTED,
            "numpy has no type for %s, so tensor '%s' cannot be stored as npz; store it as f32",
            duet_dtype_name(item->stored), item->name);
    char shape[DUET_MAX_RANK * 22 + 1] = "";
    size_t at = 0;
    for (int i = 0; i < item->shape.rank; i++)
        at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld%s", i ? ", " : "",
                               (long long)item->shape.dim[i], item->shape.rank == 1 ? "," : "");
    char text[DUET_NPY_HEADER_MAX];
    const int length =
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                 descr, shape);
    const int64_t total = (10 + (int64_t)length + 1 + 63) / 64 * 64;
    memset(out, ' ', (size_t)total);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a field of the header, not a string */
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (uint8_t)((total - 10) & 255);
    out[9] = (uint8_t)((total - 10) >> 8);
    memcpy(out + 10, text, (size_t)length);
    out[total - 1] = '\n';
    *size = total;
    return DUET_OK;
}

void duet_npy_to_rows(void *out, const void *columns, const duet_shape *shape, size_t size) {
    uint8_t *dst = out;
    const uint8_t *const src = columns;
    int64_t at[DUET_MAX_RANK] = {0}, stride[DUET_MAX_RANK] = {0}, from = 0;
    for (int i = 0; i < shape->rank; i++) stride[i] = i ? stride[i - 1] * shape->dim[i - 1] : 1;
    const int64_t count = duet_shape_count(shape);
    for (int64_t i = 0; i < count; i++, dst += size) {
        memcpy(dst, src + from * (int64_t)size, size);
        for (int k = shape->rank - 1; k >= 0; k--) {
            from += stride[k];
            if (++at[k] < shape->dim[k]) break;
            from -= stride[k] * shape->dim[k];
            at[k] = 0;
        }
    }
}
