/* SPDX-License-Identifier: MIT
 * data/view.c: lists of rows. Drawing is stratified by one ordering: the j-th of the n rows of a
 * class (in random order) gets the key (j + u) / n with one random u in [0,1) a class; sorted by
 * key, every prefix holds each class in proportion to within one row, so prefixes of growing length
 * are nested, balanced draws. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/dataset/dataset.h"
#include "data/view.h"

duet_status duet_view_all(duet_view *out, const duet_dataset *dataset, duet_split split) {
    if ((int)split < 0 || split >= DUET_SPLIT_COUNT)
        return duet_fail(DUET_ARG, "no split number %d", (int)split);
    duet_view view = {.split = split, .count = dataset->info.count[split]};
    DUET_TRY(duet_alloc(&view.index, view.count, sizeof *view.index));
    for (int64_t i = 0; i < view.count; i++) view.index[i] = i;
    *out = view;
    return DUET_OK;
}

void duet_view_keep_labelled(duet_view *view, const duet_dataset *dataset) {
    int64_t kept = 0;
    for (int64_t i = 0; i < view->count; i++)
        kept += duet_dataset_label(dataset, view->split, view->index[i]) >= 0;
    if (kept == 0) return;
    kept = 0;
    for (int64_t i = 0; i < view->count; i++)
        if (duet_dataset_label(dataset, view->split, view->index[i]) >= 0)
            view->index[kept++] = view->index[i];
    view->count = kept;
}

void duet_view_free(duet_view *view) {
    if (view == NULL) return;
    duet_release(view->index);
    *view = (duet_view){0};
}

typedef struct drawn_row {
    double key;
    int64_t index;
} drawn_row;

static int compare_drawn(const void *a, const void *b) {
    const drawn_row *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_index(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The rows of `in` in drawing order. Unlabelled rows count as one more class. */
static duet_status draw_order(drawn_row *rows, const duet_dataset *dataset, const duet_view *in,
                              uint64_t seed) {
    duet_status status = DUET_OK;
    const int64_t classes = dataset->info.class_count + 1;
    int64_t *order = NULL, *size = NULL, *seen = NULL;
    DUET_DO(duet_alloc(&order, in->count, sizeof *order));
    DUET_DO(duet_alloc(&size, classes, sizeof *size));
    DUET_DO(duet_alloc(&seen, classes, sizeof *seen));
    for (int64_t i = 0; i < in->count; i++)
        size[duet_dataset_label(dataset, in->split, in->index[i]) + 1]++;
    duet_rng_permutation(duet_rng_make(seed, "divide", 0), order, in->count);
    for (int64_t i = 0; i < in->count; i++) {
        const int64_t index = in->index[order[i]];
        const int32_t c = duet_dataset_label(dataset, in->split, index) + 1;
        const double u = duet_rng_uniform(duet_rng_make(seed, "divide class", (uint64_t)c), 0);
        rows[i].key = ((double)seen[c]++ + u) / (double)size[c];
        rows[i].index = index;
    }
    qsort(rows, (size_t)in->count, sizeof *rows, compare_drawn);
done:
    duet_release(order);
    duet_release(size);
    duet_release(seen);
    return status;
}

static duet_status take(duet_view *out, const drawn_row *rows, int64_t count, duet_split split) {
    duet_view view = {.split = split, .count = count};
    DUET_TRY(duet_alloc(&view.index, count, sizeof *view.index));
    for (int64_t i = 0; i < count; i++) view.index[i] = rows[i].index;
    qsort(view.index, (size_t)count, sizeof *view.index, compare_index);
    *out = view;
    return DUET_OK;
}

static duet_status check_rows(const duet_dataset *dataset, const duet_view *in) {
    for (int64_t i = 0; i < in->count; i++)
        if (in->index[i] < 0 || in->index[i] >= dataset->info.count[in->split])
            return duet_fail(DUET_ARG, "row %lld is outside split %s of '%s'",
                             (long long)in->index[i], duet_split_name(in->split),
                             dataset->info.name);
    return DUET_OK;
}

duet_status duet_view_divide(duet_view *out_first, duet_view *out_second,
                             const duet_dataset *dataset, const duet_view *in, int64_t first,
                             int64_t second, uint64_t seed) {
    if (first < 0 || second < 0 || (second > 0 && out_second == NULL)) {
        return duet_fail(DUET_ARG, "cannot take %lld and %lld rows", (long long)first,
                         (long long)second);
    }
    DUET_TRY(check_rows(dataset, in));
    if (first >
        in->count - second) { /* shrink in proportion; doubles, since the product may overflow */
        const double whole = (double)first + (double)second;
        first = (int64_t)((double)in->count * ((double)first / whole) + 0.5);
        second = in->count - first;
    }
    duet_status status = DUET_OK;
    duet_view a = {0}, b = {0};
    drawn_row *rows = NULL;
    DUET_DO(duet_alloc(&rows, in->count, sizeof *rows));
    DUET_DO(draw_order(rows, dataset, in, seed));
    DUET_DO(take(&a, rows, first, in->split));
    DUET_DO(take(&b, rows + first, second, in->split));
    *out_first = a;
    if (out_second != NULL) *out_second = b;
    a = (duet_view){0};
    if (out_second != NULL) b = (duet_view){0};
done:
    duet_view_free(&a);
    duet_view_free(&b);
    duet_release(rows);
    return status;
}

duet_status duet_view_shots(duet_view *out, const duet_dataset *dataset, const duet_view *in,
                            int64_t shots, uint64_t seed) {
    duet_status status = DUET_OK;
    drawn_row *rows = NULL;
    int64_t *taken = NULL, count = 0;
    if (shots < 1) return duet_fail(DUET_ARG, "cannot take %lld rows a class", (long long)shots);
    DUET_TRY(check_rows(dataset, in));
    DUET_DO(duet_alloc(&rows, in->count, sizeof *rows));
    DUET_DO(duet_alloc(&taken, dataset->info.class_count + 1, sizeof *taken));
    DUET_DO(draw_order(rows, dataset, in, seed));
    for (int64_t i = 0; i < in->count; i++) {
        const int32_t label = duet_dataset_label(dataset, in->split, rows[i].index);
        if (label >= 0 && taken[label]++ < shots) rows[count++] = rows[i];
    }
    status = take(out, rows, count, in->split);
done:
    duet_release(rows);
    duet_release(taken);
    return status;
}
