/* SPDX-License-Identifier: MIT
 * report/cka_figure.c: see cka_figure.h. Sides are the columns of the models, by level and tap. */
#include "report/cka_figure.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "figure/matrix.h"

enum { MOST = 4096 };

/* "t = 10", "clean"; "" where all columns are of one level. */
static const char *group_of(duet_arena *arena, const json_t *column) {
    const json_int_t t = json_integer_value(json_object_get(column, "t"));
    return t < 0 ? "clean" : duet_arena_format(arena, "t = %lld", (long long)t);
}

static bool one_level(const json_t *columns) {
    const json_t *first = json_object_get(json_array_get(columns, 0), "t");
    for (size_t i = 1; i < json_array_size(columns); i++)
        if (!json_equal(json_object_get(json_array_get(columns, i), "t"), first)) return false;
    return true;
}

/* "tap of resnet50"; of two models of one name, "tap of fashion-mnist (resnet)". */
static const char *title_of(duet_arena *arena, const json_t *models, size_t which) {
    const json_t *own = json_array_get(models, which), *name = json_object_get(own, "name");
    const char *arch = json_string_value(json_object_get(own, "arch"));
    if (json_array_size(models) < 2 || !json_is_string(name)) return "tap";
    if (arch != NULL &&
        json_equal(name, json_object_get(json_array_get(models, 1 - which), "name")))
        return duet_arena_format(arena, "tap of %s (%s)", json_string_value(name), arch);
    return duet_arena_format(arena, "tap of %s", json_string_value(name));
}

static duet_status make_side(duet_matrix_side *out, duet_arena *arena, const json_t *models,
                             size_t which) {
    const json_t *model = json_array_get(models, which);
    const json_t *columns = json_object_get(model, "columns");
    const int64_t count = (int64_t)json_array_size(columns);
    if (count < 1 || count > MOST)
        return duet_fail(DUET_FORMAT, "a result of cka without columns, or too many");
    const char **label = duet_arena_alloc(arena, count, sizeof *label),
               **group = duet_arena_alloc(arena, count, sizeof *group);
    DUET_TRY(duet_arena_status(arena));
    for (int64_t i = 0; i < count; i++) {
        const json_t *column = json_array_get(columns, (size_t)i);
        label[i] = duet_arena_format(arena, "%lld",
                                     (long long)json_integer_value(json_object_get(column, "tap")));
        group[i] = group_of(arena, column);
    }
    *out = (duet_matrix_side){.count = count,
                              .title = title_of(arena, models, which),
                              .label = label,
                              .group = one_level(columns) ? NULL : group};
    return duet_arena_status(arena);
}

static duet_status read_values(double **out, duet_arena *arena, const json_t *rows, int64_t count,
                               int64_t columns) {
    double *value = duet_arena_alloc(arena, count * columns, sizeof *value);
    if (value == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory for a heat map");
    if ((int64_t)json_array_size(rows) != count)
        return duet_fail(DUET_FORMAT, "a result of cka with %zu rows of %lld",
                         json_array_size(rows), (long long)count);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < columns; j++) {
            const json_t *v = json_array_get(json_array_get(rows, (size_t)i), (size_t)j);
            value[i * columns + j] = json_is_number(v) ? json_number_value(v) : (double)NAN;
        }
    *out = value;
    return DUET_OK;
}

/* The lower end of the colours: the least value, rounded down to a tenth. */
static double low_end(const double *value, int64_t count) {
    double least = 1;
    for (int64_t i = 0; value != NULL && i < count; i++)
        if (value[i] < least) least = value[i];
    return floor(fmin(fmax(least, 0), 0.9) * 10) / 10;
}

static duet_status build(duet_figure **out, duet_arena *arena, const json_t *result, double width) {
    const json_t *models = json_object_get(result, "models");
    const bool two = json_array_size(models) == 2;
    duet_matrix matrix = {.lo = 0, .hi = 1, .width = width, .title = "CKA"};
    double *value = NULL;
    DUET_TRY(make_side(&matrix.rows, arena, models, 0));
    DUET_TRY(make_side(&matrix.columns, arena, models, two ? 1 : 0));
    DUET_TRY(read_values(&value, arena, json_object_get(result, "cka"), matrix.rows.count,
                         matrix.columns.count));
    matrix.value = value;
    matrix.lo = low_end(value, matrix.rows.count * matrix.columns.count);
    if (!two) matrix.columns.title = ""; /* the corner says it for both */
    const char *name = json_string_value(json_object_get(json_array_get(models, 0), "name"));
    matrix.title = two ? "How alike the layers of two models are"
                       : duet_arena_format(arena, "How alike the layers of %s are",
                                           name != NULL ? name : "the model");
    matrix.note = "Linear centred kernel alignment (CKA) of features: 1 is the same up to rotation "
                  "and scale, 0 is unrelated";
    DUET_TRY(duet_arena_status(arena));
    return duet_matrix_figure(out, &matrix);
}

duet_status duet_cka_figure(duet_figure **out, const json_t *result, double width) {
    duet_arena *arena = NULL;
    DUET_TRY(duet_arena_new(&arena));
    const duet_status status = build(out, arena, result, width);
    duet_arena_free(arena);
    return status;
}
