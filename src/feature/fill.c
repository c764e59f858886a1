/* SPDX-License-Identifier: MIT
 * feature/fill.c: data set → loader → reader → shelves. Levels that lack the same rows are read in
 * one pass; rows are written to the shelves every few batches, so that little is lost when the
 * program is stopped. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/bad_images.h"
#include "feature/feature_set.h"

enum { HELD_ROWS = 256, LARGE_IMAGE = 64 };
static const double held_bytes = 64 << 20, held_seconds = 2;

typedef struct filling {
    duet_feature_set *set;
    int64_t *column; /* [count] of the set, for each column read */
    int64_t count;
    int64_t most, held;  /* rows in x */
    int64_t read;        /* rows done so far */
    float **x, **out;    /* [count]: [most,D], and where the next batch goes */
    int64_t *place, *id; /* [most], [batch] */
    double since;
} filling;

static duet_status make_buffers(filling *f, int64_t batch) {
    double bytes = 0;
    for (int64_t c = 0; c < f->count; c++) bytes += 4.0 * (double)f->set->columns[f->column[c]].dim;
    const int64_t fitting = (int64_t)(held_bytes / bytes),
                  wanted = fitting < HELD_ROWS ? fitting : HELD_ROWS;
    f->most = wanted < batch ? batch : wanted / batch * batch;
    DUET_TRY(duet_alloc(&f->x, f->count, sizeof *f->x));
    DUET_TRY(duet_alloc(&f->out, f->count, sizeof *f->out));
    DUET_TRY(duet_alloc(&f->place, f->most, sizeof *f->place));
    DUET_TRY(duet_alloc(&f->id, batch, sizeof *f->id));
    for (int64_t c = 0; c < f->count; c++)
        DUET_TRY(duet_alloc(&f->x[c], f->most * f->set->columns[f->column[c]].dim, sizeof(float)));
    return DUET_OK;
}

static void free_buffers(filling *f) {
    for (int64_t c = 0; f->x != NULL && c < f->count; c++) duet_release(f->x[c]);
    duet_release(f->x);
    duet_release(f->out);
    duet_release(f->place);
    duet_release(f->id);
    duet_release(f->column);
}

static duet_status put_held(filling *f) {
    for (int64_t c = 0; f->held > 0 && c < f->count; c++)
        DUET_TRY(duet_shelf_put(&f->set->shelves[f->column[c]], f->place, f->held, f->x[c]));
    f->held = 0;
    f->since = duet_clock();
    return DUET_OK;
}

static duet_status read_batch(filling *f, const duet_batch *batch) {
    duet_feature_set *set = f->set;
    for (int64_t c = 0; c < f->count; c++)
        f->out[c] = f->x[c] + f->held * set->columns[f->column[c]].dim;
    for (int64_t i = 0; i < batch->count; i++) {
        f->place[f->held + i] = duet_feature_set_place(set, batch->index[i]);
        f->id[i] = duet_row_noise(set->split, batch->index[i]);
    }
    f->held += batch->count;
    return duet_reader_run(set->reader, batch->pixels, f->id, batch->count, f->out);
}

/* Reads all batches of the view. */
static duet_status read_view(filling *f, const duet_view *view, int64_t batch) {
    const duet_feature_set *set = f->set;
    duet_status status = DUET_OK;
    duet_loader *loader = NULL;
    const duet_loader_options options = {
        .preprocess = set->info.preprocess, .batch = batch, .bad = set->options.bad};
    DUET_DO(duet_loader_open(set->ctx, &loader, set->dataset, view, &options));
    f->since = duet_clock();
    for (;;) {
        duet_batch read;
        DUET_DO(duet_check_cancelled(set->ctx));
        DUET_DO(duet_loader_next(loader, &read));
        if (read.count == 0) break;
        DUET_DO(read_batch(f, &read));
        if (f->held + batch > f->most || duet_clock() - f->since > held_seconds)
            DUET_DO(put_held(f));
        f->read += read.count;
        const int64_t end = read.position + batch;
        duet_progress_report(set->ctx, set->options.label != NULL ? set->options.label : "features",
                             "images", (double)(end < view->count ? end : view->count),
                             (double)view->count, NULL);
    }
    DUET_DO(put_held(f));
done:
    duet_loader_close(loader);
    return status;
}

/* Computes the rows of the view at some levels of the set. */
static duet_status compute(duet_feature_set *set, const bool *wanted, int levels,
                           const duet_view *view) {
    duet_status status = DUET_OK;
    filling f = {.set = set};
    const double before = duet_reader_seconds(set->reader);
    DUET_DO(duet_alloc(&f.column, set->count, sizeof *f.column));
    for (int64_t c = 0; c < set->count; c++)
        if (wanted[set->level[c]]) f.column[f.count++] = c;
    DUET_DO(duet_reader_select(set->reader, f.column, f.count));
    const int64_t batch = duet_reader_batch(set->reader);
    DUET_DO(make_buffers(&f, batch));
    DUET_DO(read_view(&f, view, batch));
    set->work.computed += f.read * levels;
    set->work.seconds_network += duet_reader_seconds(set->reader) - before;
done:
    free_buffers(&f);
    duet_reader_rest(set->reader);
    return status;
}

/* The rows of `view` that are missing in some column of the level; the others come from the cache.
 * Rows that are left out count as neither. */
static duet_status find_missing(duet_feature_set *set, int level, const duet_view *view,
                                duet_view *out) {
    duet_status status = DUET_OK;
    uint8_t *present = NULL;
    *out = (duet_view){.split = view->split};
    DUET_DO(duet_alloc(&out->index, view->count, sizeof *out->index));
    DUET_DO(duet_alloc(&present, set->rows, 1));
    memset(present, 1, (size_t)set->rows);
    for (int64_t c = 0; c < set->count; c++)
        if (set->level[c] == level) DUET_DO(duet_shelf_present(&set->shelves[c], present));
    for (int64_t i = 0; i < view->count; i++) {
        if (duet_bad_images_reason(set->options.bad, view->split, view->index[i]) != NULL) continue;
        if (present[duet_feature_set_place(set, view->index[i])])
            set->work.cached++;
        else
            out->index[out->count++] = view->index[i];
    }
done:
    duet_release(present);
    return status;
}

static bool same_rows(const duet_view *a, const duet_view *b) {
    return a->count == b->count &&
           memcmp(a->index, b->index, (size_t)a->count * sizeof *a->index) == 0;
}

duet_status duet_feature_set_fill(duet_feature_set *set, const duet_view *view) {
    /* levels of a pass; each takes a row of the batch per image */
    const int most = set->info.preprocess.size > LARGE_IMAGE ? 4 : 8;
    duet_status status = DUET_OK;
    duet_view missing[DUET_LIST_SIZE] = {{0}};
    for (int l = 0; l < set->levels; l++) DUET_DO(find_missing(set, l, view, &missing[l]));
    for (int l = 0; l < set->levels; l++) {
        bool wanted[DUET_LIST_SIZE] = {false};
        int count = 0;
        for (int k = l; k < set->levels && count < most && missing[l].count > 0; k++) {
            wanted[k] = same_rows(&missing[k], &missing[l]);
            count += wanted[k];
        }
        if (count == 0) continue;
        DUET_DO(compute(set, wanted, count, &missing[l]));
        for (int k = set->levels - 1; k >= 0; k--)
            if (wanted[k]) missing[k].count = 0;
    }
done:
    for (int l = 0; l < set->levels; l++) duet_view_free(&missing[l]);
    return status;
}
