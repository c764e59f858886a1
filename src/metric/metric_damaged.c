/* SPDX-License-Identifier: MIT
 * metric/metric_damaged.c: the share of images that are rougher or flatter than real ones
 * (damage.c). counts: images, too rough, too flat. The limits come from the real images; states
 * with other limits do not merge. */
#include "base/error.h"
#include "metric/metric.h"

enum { IMAGES, ROUGH, FLAT, COUNTS };

static const duet_metric_scalar scalars[] = {
    {"damaged", "damaged", "%", -1},
    {"rough", "too rough", "images", -1},
    {"flat", "too flat", "images", -1},
};

static duet_status open(duet_metric *metric) {
    duet_damage *damage = duet_arena_alloc(metric->arena, 1, sizeof *damage);
    DUET_TRY(duet_arena_status(metric->arena));
    metric->count = COUNTS;
    metric->state = damage;
    return duet_damage_new(damage, metric->setup->size, metric->setup->channels);
}

static duet_status real(duet_metric *metric, const duet_metric_batch *batch) {
    if (batch->rows > 0) return duet_damage_real(metric->state, batch->pixels, batch->rows);
    return duet_damage_limits(metric->state);
}

static duet_damage view_of(const duet_metric *metric) {
    duet_damage view = *(const duet_damage *)metric->state;
    view.count = metric->counts[IMAGES];
    view.rough = metric->counts[ROUGH];
    view.flat = metric->counts[FLAT];
    return view;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    duet_damage view = view_of(metric);
    duet_damage_add(&view, batch->pixels, batch->rows);
    metric->counts[IMAGES] = view.count;
    metric->counts[ROUGH] = view.rough;
    metric->counts[FLAT] = view.flat;
    return DUET_OK;
}

static duet_status merge(duet_metric *metric, const duet_metric *other) {
    const duet_damage *a = metric->state, *b = other->state;
    if (!(a->low == b->low && a->high == b->high))
        return duet_fail(DUET_ARG,
                         "damaged images were counted by limits %g to %g and %g to %g; take the "
                         "same real images",
                         a->low, a->high, b->low, b->high);
    duet_metric_add_counts(metric, other);
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const duet_damage view = view_of(metric);
    (void)arena, (void)tables, (void)table_count;
    values[0] = duet_damage_percent(&view);
    values[1] = (double)view.rough;
    values[2] = (double)view.flat;
    return DUET_OK;
}

static void close(duet_metric *metric) {
    duet_damage_free(metric->state);
}

const duet_metric_kind duet_metric_damaged = {
    .info = {.name = "damaged",
             .help = "images rougher or flatter than all but 0.2 % of the real ones",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_METRIC_IMAGES | DUET_METRIC_REAL,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .real = real,
    .add = add,
    .merge = merge,
    .finish = finish,
    .close = close,
};
