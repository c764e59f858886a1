/* SPDX-License-Identifier: MIT
 * metric/damage.c: the share of images that are rougher or flatter than real ones. The step of an
 * image x [S,S,C] of bytes is
 *   mean |x[i+1,j,c] - x[i,j,c]| + mean |x[i,j+1,c] - x[i,j,c]|
 * Steps are sums of integers divided once, so an image has one step whatever is judged with it. A
 * percentile lies between the two nearest values, in proportion, as numpy's does. */
#include <duet/metric.h>

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

#define TAIL        0.001 /* part of the real images outside of either limit */
#define MOST_REAL   4000
#define LEAST_REAL  1000
#define MOST_PIXELS (4000LL * 64 * 64)
#define READ_BATCH  64

duet_status duet_damage_new(duet_damage *out, int64_t size, int channels) {
    if (size < 2 || channels < 1)
        return duet_fail(DUET_ARG, "images of %lld x %lld x %d have no neighbouring pixels",
                         (long long)size, (long long)size, channels);
    *out = (duet_damage){.size = size, .channels = channels};
    return DUET_OK;
}

static int64_t apart(uint8_t a, uint8_t b) {
    return a > b ? a - b : b - a;
}

static double step_of(const duet_damage *damage, const uint8_t *x) {
    const int64_t side = damage->size, c = damage->channels, row = side * c;
    int64_t down = 0, across = 0;
    for (int64_t i = 0; i < (side - 1) * row; i++) down += apart(x[i + row], x[i]);
    for (int64_t y = 0; y < side; y++)
        for (int64_t i = y * row; i < (y + 1) * row - c; i++) across += apart(x[i + c], x[i]);
    return (double)(down + across) / (double)((side - 1) * row);
}

duet_status duet_damage_real(duet_damage *damage, const uint8_t *pixels, int64_t count) {
    const int64_t image = damage->size * damage->size * damage->channels;
    DUET_TRY(duet_grow(&damage->steps, &damage->room, damage->real + count, sizeof(double)));
    for (int64_t r = 0; r < count; r++)
        damage->steps[damage->real++] = step_of(damage, pixels + r * image);
    return DUET_OK;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, int64_t count, double part) {
    const double at = part * (double)(count - 1);
    const int64_t below = (int64_t)floor(at), above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

duet_status duet_damage_limits(duet_damage *damage) {
    if (damage->real < 1)
        return duet_fail(DUET_ARG, "no real images to compare with; at least 1 is needed");
    qsort(damage->steps, (size_t)damage->real, sizeof(double), ascending);
    damage->low = percentile(damage->steps, damage->real, TAIL);
    damage->high = percentile(damage->steps, damage->real, 1.0 - TAIL);
    return DUET_OK;
}

static duet_status read_all(duet_damage *damage, duet_source *source) {
    duet_batch batch = {0};
    do {
        DUET_TRY(duet_source_next(source, &batch));
        DUET_TRY(duet_damage_real(damage, batch.pixels, batch.count));
    } while (batch.count > 0);
    return duet_damage_limits(damage);
}

duet_status duet_damage_source(duet_context *ctx, duet_source **out, const duet_dataset *dataset,
                               const duet_preprocess *how) {
    duet_status status = DUET_OK;
    duet_view all = {0}, some = {0};
    const int64_t fit = MOST_PIXELS / (how->size * how->size + 1);
    const int64_t most = fit > MOST_REAL ? MOST_REAL : fit < LEAST_REAL ? LEAST_REAL : fit;
    const duet_loader_options options = {.preprocess = *how,
                                         .batch = READ_BATCH,
                                         .on_bad = "skip",
                                         .workers = duet_context_threads(ctx)};
    DUET_DO(duet_view_all(&all, dataset, DUET_TRAIN));
    if (all.count < 1)
        DUET_FAIL(DUET_ARG, "'%s' has no training images to compare with",
                  duet_dataset_describe(dataset)->path);
    DUET_DO(
        duet_view_divide(&some, NULL, dataset, &all, most < all.count ? most : all.count, 0, 0));
    DUET_DO(duet_source_open_view(ctx, out, dataset, &some, &options));
done:
    duet_view_free(&some);
    duet_view_free(&all);
    return status;
}

duet_status duet_damage_open(duet_context *ctx, duet_damage *out, const duet_dataset *dataset,
                             const duet_preprocess *how) {
    duet_status status = DUET_OK;
    duet_damage damage = {0};
    duet_source *source = NULL;
    DUET_DO(duet_damage_new(&damage, how->size, how->channels));
    DUET_DO(duet_damage_source(ctx, &source, dataset, how));
    DUET_DO(read_all(&damage, source));
    *out = damage;
    damage.steps = NULL;
done:
    duet_source_close(source);
    duet_damage_free(&damage);
    return status;
}

void duet_damage_add(duet_damage *damage, const uint8_t *pixels, int64_t count) {
    const int64_t image = damage->size * damage->size * damage->channels;
    for (int64_t r = 0; r < count; r++) {
        const double step = step_of(damage, pixels + r * image);
        damage->rough += step > damage->high;
        damage->flat += step < damage->low;
    }
    damage->count += count;
}

double duet_damage_percent(const duet_damage *damage) {
    return damage->count > 0
               ? 100.0 * (double)(damage->rough + damage->flat) / (double)damage->count
               : (double)NAN;
}

void duet_damage_free(duet_damage *damage) {
    if (damage == NULL) return;
    duet_release(damage->steps);
    *damage = (duet_damage){0};
}
