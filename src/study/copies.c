/* SPDX-License-Identifier: MIT
 * study/copies.c: see copies.h. */
#include "study/copies.h"

#include <math.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/near.h"
#include "diffusion/noised.h"

enum { BATCH = 32, LEVELS = 4, VIEWS = 2 /* an image and its mirror image */ };
static const double parts[LEVELS] = {0.05, 0.15, 0.3, 0.5}; /* of the schedule */
static const double CHANCE = 0.01, ODDS = 1e-4, LEAST_SHARE = 0.04;

/* ---- copies ---- */

typedef struct ratios {
    duet_near near;
    const float *base;
    float *bias; /* [rows] -|b|^2 / 2 */
    int64_t rows, dim;
} ratios;

/* The squared distance of view q of the chunk to its k-th nearest row. */
static double square_to(const ratios *s, const float *view, int64_t q, int k) {
    return fmax(duet_near_square(view, s->dim) - 2.0 * (double)s->near.best[2 * q + k], 0.0);
}

/* r of the image whose views are q and q + 1 of the chunk: of the two nearest rows of each, the
 * nearest, and the nearest of the others. */
static double ratio(const ratios *s, const float *views, int64_t q) {
    double first = INFINITY, second = INFINITY;
    int64_t nearest = -1;
    for (int64_t v = 0; v < VIEWS; v++) {
        const double d = square_to(s, views + v * s->dim, q + v, 0);
        if (d < first) nearest = s->near.row[2 * (q + v)];
        first = fmin(first, d);
    }
    for (int64_t v = 0; v < VIEWS; v++)
        for (int k = 0; k < 2; k++)
            if (s->near.row[2 * (q + v) + k] != nearest)
                second = fmin(second, square_to(s, views + v * s->dim, q + v, k));
    return second > 0.0 ? sqrt(first / second) : 1.0;
}

/* r of each image of query [count, VIEWS, dim]. */
static void measure(ratios *s, const float *query, int64_t count, double *out) {
    const int64_t most = DUET_NEAR_QUERIES / VIEWS, size = VIEWS * s->dim;
    for (int64_t q = 0; q < count; q += most) {
        const int64_t images = count - q < most ? count - q : most;
        duet_near_begin(&s->near, images * VIEWS);
        for (int64_t b = 0; b < s->rows; b += DUET_NEAR_BASE)
            duet_near_add(&s->near, query + q * size, images * VIEWS, s->base + b * s->dim,
                          s->bias + b, b,
                          s->rows - b < DUET_NEAR_BASE ? s->rows - b : DUET_NEAR_BASE);
        for (int64_t i = 0; i < images; i++)
            out[q + i] = ratio(s, query + (q + i) * size, i * VIEWS);
    }
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Chance of k or more of n, each with chance p. */
static double binomial_tail(int64_t k, int64_t n, double p) {
    double tail = 0;
    for (int64_t i = k; i <= n; i++)
        tail += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) +
                    (double)i * log(p) + (double)(n - i) * log1p(-p));
    return fmin(tail, 1.0);
}

/* The bound is the k-th smallest of the held-out ratios, so that a new image lies below it with a
 * chance of k / (held + 1). */
static void judge(duet_copies *out, double *held, int64_t held_rows, const double *drawn,
                  int64_t count) {
    int64_t k = (int64_t)(CHANCE * (double)(held_rows + 1));
    if (k < 1) k = 1;
    qsort(held, (size_t)held_rows, sizeof *held, ascending);
    *out = (duet_copies){
        .of = count, .chance = (double)k / (double)(held_rows + 1), .least = held[k - 1]};
    for (int64_t i = 0; i < count; i++) out->count += drawn[i] < out->least;
    out->odds = binomial_tail(out->count, count, out->chance);
    out->alarm = out->odds < ODDS && (double)out->count >= LEAST_SHARE * (double)count;
}

duet_status duet_copies_count(duet_copies *out, const float *training, int64_t rows,
                              const float *held, int64_t held_rows, const float *drawn,
                              int64_t count, int64_t dim) {
    ratios s = {.base = training, .rows = rows, .dim = dim};
    double *of_held = NULL, *of_drawn = NULL;
    duet_status status = DUET_OK;
    if (rows < 2 || held_rows < 1 || count < 1)
        return duet_fail(DUET_ARG, "copies are counted with 2 training images or more, and with "
                                   "images that are held out");
    DUET_DO(duet_near_new(&s.near, 2, dim));
    DUET_DO(duet_alloc(&s.bias, rows, sizeof *s.bias));
    DUET_DO(duet_alloc(&of_held, held_rows, sizeof *of_held));
    DUET_DO(duet_alloc(&of_drawn, count, sizeof *of_drawn));
    for (int64_t i = 0; i < rows; i++)
        s.bias[i] = (float)(-0.5 * duet_near_square(training + i * dim, dim));
    measure(&s, held, held_rows, of_held);
    measure(&s, drawn, count, of_drawn);
    judge(out, of_held, held_rows, of_drawn, count);
done:
    duet_near_free(&s.near);
    duet_release(s.bias);
    duet_release(of_held);
    duet_release(of_drawn);
    return status;
}

/* ---- the gap ---- */

/* Mean squared error of x0 at a level; image i has the noise of number i. */
static duet_status error_at(duet_noised *n, const uint8_t *pixels, int64_t rows, duet_level level,
                            double *out) {
    double sum = 0;
    for (int64_t first = 0; first < rows; first += n->rows) {
        duet_noised_images(n, pixels + first * n->dim, rows - first < BATCH ? rows - first : BATCH);
        duet_noised_draw(n, 0, first);
        DUET_TRY(duet_noised_at(n, level));
        for (int64_t i = 0; i < n->rows * n->dim; i++) {
            const double e = (double)(n->x0[i] - n->clean[i]);
            sum += e * e;
        }
    }
    *out = sum / (double)(rows * n->dim);
    return DUET_OK;
}

duet_status duet_denoising_gap(duet_context *ctx, duet_model *model, const uint8_t *training,
                               int64_t rows, const uint8_t *held, int64_t held_rows, double *out) {
    duet_noised n = {.denoiser = NULL};
    duet_status status = DUET_OK;
    DUET_DO(duet_noised_open(ctx, &n, model, BATCH));
    const duet_noise *const noise = duet_denoiser_noise(n.denoiser);
    *out = 0;
    for (int l = 0; l < LEVELS; l++) {
        const duet_level level =
            duet_noise_level(noise, (int64_t)(parts[l] * (double)noise->steps));
        double seen = 0, unseen = 0;
        DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(error_at(&n, training, rows, level, &seen));
        DUET_DO(error_at(&n, held, held_rows, level, &unseen));
        *out += (unseen - seen) / fmax(seen, 1e-12) / LEVELS;
    }
done:
    duet_noised_close(&n);
    return status;
}
