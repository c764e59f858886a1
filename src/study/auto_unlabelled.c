/* SPDX-License-Identifier: MIT
 * study/auto_unlabelled.c: the choice without labels: the column of the largest information
 * (invariance.h), of equal ones the narrower. */
#include "study/auto.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/mem.h"
#include "base/str.h"
#include "feature/reader/reader.h"
#include "study/invariance.h"

enum { IMAGES = 400 };

/* The columns of one level; a level at a time, since its features are all in memory. */
static duet_status read_level(duet_searching *s, const duet_view *view, int64_t t, int64_t *room) {
    const duet_sweep_options *const o = &s->options->sweep;
    duet_reader_options grid = duet_searching_reader(s);
    grid.times = (duet_int_list){.count = 1, .v = {t}};
    grid.taps = o->taps;
    grid.pools = o->pools;
    duet_auto_result *const out = s->out;
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    double *information = NULL;
    DUET_DO(duet_reader_open(s->ctx, &reader, s->reader, s->model, &s->how, &grid));
    const int64_t columns = duet_reader_columns(reader);
    DUET_DO(duet_alloc(&information, columns, sizeof *information));
    DUET_DO(duet_invariance(s->ctx, information, reader, s->dataset, view, o->seed, o->bad));
    DUET_DO(duet_grow(&out->rows, room, out->count + columns, sizeof *out->rows));
    for (int64_t c = 0; c < columns; c++) {
        duet_sweep_row *const row = &out->rows[out->count++];
        *row = (duet_sweep_row){.top1 = NAN, .information = information[c]};
        (void)duet_copy_text(row->reader, sizeof row->reader, s->reader);
        duet_reader_column(reader, c, &row->setting, &row->dim);
    }
    out->rounds[0].cost.passes += 2.0 * (double)view->count;
    out->rounds[0].settings += columns;
done:
    duet_release(information);
    duet_reader_close(reader);
    return status;
}

static bool better(const duet_sweep_row *a, const duet_sweep_row *b) {
    return a->information != b->information ? a->information > b->information : a->dim < b->dim;
}

duet_status duet_searching_unlabelled(duet_searching *s) {
    const duet_sweep_options *const o = &s->options->sweep;
    duet_auto_result *const out = s->out;
    const double start = duet_clock();
    duet_view all = {0}, view = {0};
    duet_status status = DUET_OK;
    int64_t room = 0;
    DUET_DO(duet_view_all(&all, s->dataset, DUET_TRAIN));
    const int64_t rows = all.count < IMAGES ? all.count : IMAGES;
    DUET_DO(duet_view_divide(&view, NULL, s->dataset, &all, rows, 0, o->seed));
    for (int i = 0; i < o->t.count; i++) DUET_DO(read_level(s, &view, o->t.v[i], &room));
    const duet_sweep_row *best = &out->rows[0];
    for (int64_t i = 1; i < out->count; i++)
        if (better(&out->rows[i], best)) best = &out->rows[i];
    out->best = (duet_auto_pick){
        .settings = {.count = 1, .v = {best->setting}}, .dim = best->dim, .top1 = NAN};
    out->unlabelled = true;
    out->rounds[0].fit_rows = view.count;
    out->rounds[0].levels = o->t.count;
    out->rounds[0].cost.seconds_passes = duet_clock() - start;
    out->spent = out->rounds[0].cost;
done:
    duet_view_free(&all);
    duet_view_free(&view);
    return status;
}
