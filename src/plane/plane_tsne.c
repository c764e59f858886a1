/* SPDX-License-Identifier: MIT
 * plane/plane_tsne.c: t-SNE (van der Maaten and Hinton 2008), exact: all pairs of rows. P are the
 * symmetric probabilities of neighbours, p_j|i = exp(-b_i d_ij) / sum, b_i such that their
 * perplexity is as asked for; in the plane w_ij = 1 / (1 + |y_i - y_j|^2), q_ij = w_ij / Z, and
 *   KL = sum p_ij log(p_ij / q_ij),  dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)
 * goes down by steps with momentum and a gain for each number. It begins with the principal
 * components, small (Kobak and Berens 2019), and with P made larger for the first quarter of the
 * steps. A row's sums are one thread's work. */
#include <math.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/principal.h"
#include "base/rng.h"
#include "plane/plane.h"

typedef struct tsne_options {
    double perplexity, exaggeration, rate;
    int64_t steps;
    uint64_t seed;
} tsne_options;

static const duet_param params[] = {
    DUET_FLOAT(tsne_options, perplexity, "0", 0, 1000,
               "how many neighbours count, about; 0 = 30, or a quarter of few rows"),
    DUET_INT(tsne_options, steps, "1000", 1, 100000, "steps"),
    DUET_FLOAT(tsne_options, exaggeration, "12", 1, 1000,
               "factor of the probabilities in the first quarter of the steps; less for few rows"),
    DUET_FLOAT(tsne_options, rate, "0", 0, 1e6, "learning rate; 0 = rows / exaggeration / 2"),
    DUET_SEED(tsne_options, seed, "0", "of the noise that parts rows which are equal"),
};

enum { MOST_ROWS = 5000, REPORT = 20, SEARCHES = 60 };
static const double FLOOR = 1e-12; /* of probabilities */
static const double START = 1e-4;  /* deviation of the first points */

typedef struct work {
    int64_t rows;
    int threads;
    double *p;                              /* [N,N] */
    double *x, *y;                          /* [N] points */
    double *pull, *push, *weight;           /* [N,2], [N,2], [N] sums of a row */
    double *speed, *gain;                   /* [N,2] */
    double early, scale, momentum, rate, z; /* factors of P: at first, now; Z */
} work;

/* ---- probabilities ---- */

/* p of one row for b; returns its entropy in nats. */
static double fill_row(double *p, const double *distance, int64_t rows, int64_t i, double b) {
    double least = INFINITY, sum = 0, mean = 0;
    for (int64_t j = 0; j < rows; j++)
        if (j != i && distance[j] < least) least = distance[j];
    for (int64_t j = 0; j < rows; j++) {
        p[j] = j == i ? 0 : exp(-b * (distance[j] - least));
        sum += p[j];
        mean += p[j] * (distance[j] - least);
    }
    for (int64_t j = 0; j < rows; j++) p[j] /= sum;
    return log(sum) + b * mean / sum;
}

/* The b of a row by halving; entropy falls with it. */
static void search_row(double *p, const double *distance, int64_t rows, int64_t i, double entropy) {
    double low = 0, high = INFINITY, mean = 0;
    for (int64_t j = 0; j < rows; j++) mean += distance[j] / (double)rows;
    double b = mean > 0 ? 1 / mean : 1;
    for (int k = 0; k < SEARCHES; k++) {
        const double apart = fill_row(p, distance, rows, i, b) - entropy;
        if (fabs(apart) < 1e-7) return;
        if (apart > 0)
            low = b;
        else
            high = b;
        b = isfinite(high) ? (low + high) / 2 : b * 2;
    }
}

static void make_probabilities(const work *w, const double *distance, double perplexity) {
    const int64_t n = w->rows;
#pragma omp parallel for num_threads(w->threads) schedule(static)
    for (int64_t i = 0; i < n; i++)
        search_row(w->p + i * n, distance + i * n, n, i, log(perplexity));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) {
            const double p = fmax((w->p[i * n + j] + w->p[j * n + i]) / (2 * (double)n), FLOOR);
            w->p[i * n + j] = w->p[j * n + i] = p;
        }
}

/* ---- steps ---- */

/* Sums over the other points: of p w (y_i - y_j), w^2 (y_i - y_j) and w. The point itself adds 1
 * to the last one. */
static void sum_row(const work *w, int64_t i) {
    const double *const p = w->p + i * w->rows, *const x = w->x, *const y = w->y;
    const double own_x = x[i], own_y = y[i];
    double pull_x = 0, pull_y = 0, push_x = 0, push_y = 0, weight = 0;
#pragma omp simd reduction(+ : pull_x, pull_y, push_x, push_y, weight)
    for (int64_t j = 0; j < w->rows; j++) {
        const double dx = own_x - x[j], dy = own_y - y[j], near = 1 / (1 + dx * dx + dy * dy),
                     held = p[j] * near, square = near * near;
        pull_x += held * dx;
        pull_y += held * dy;
        push_x += square * dx;
        push_y += square * dy;
        weight += near;
    }
    w->pull[2 * i] = pull_x;
    w->pull[2 * i + 1] = pull_y;
    w->push[2 * i] = push_x;
    w->push[2 * i + 1] = push_y;
    w->weight[i] = weight - 1;
}

static void make_sums(work *w) {
#pragma omp parallel for num_threads(w->threads) schedule(static)
    for (int64_t i = 0; i < w->rows; i++) sum_row(w, i);
    w->z = 0;
    for (int64_t i = 0; i < w->rows; i++) w->z += w->weight[i];
}

/* The gain of a number grows while its direction lasts. */
static void move(const work *w) {
    for (int64_t k = 0; k < 2 * w->rows; k++) {
        const double slope = 4 * (w->scale * w->pull[k] - w->push[k] / w->z);
        w->gain[k] = (slope > 0) != (w->speed[k] > 0) ? w->gain[k] + 0.2 : w->gain[k] * 0.8;
        if (w->gain[k] < 0.01) w->gain[k] = 0.01;
        w->speed[k] = w->momentum * w->speed[k] - w->rate * w->gain[k] * slope;
        *(k % 2 == 0 ? &w->x[k / 2] : &w->y[k / 2]) += w->speed[k];
    }
}

static double divergence(const work *w) {
    const int64_t n = w->rows;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            const double dx = w->x[i] - w->x[j], dy = w->y[i] - w->y[j];
            const double q = fmax(1 / (1 + dx * dx + dy * dy) / w->z, FLOOR);
            if (i != j) sum += w->p[i * n + j] * log(w->p[i * n + j] / q);
        }
    return sum;
}

static duet_status run(duet_context *ctx, work *w, const tsne_options *o) {
    for (int64_t step = 0; step < o->steps; step++) {
        const bool early = step < o->steps / 4;
        w->scale = early ? w->early : 1;
        w->momentum = early ? 0.5 : 0.8;
        make_sums(w);
        move(w);
        if (step % REPORT != 0) continue;
        DUET_TRY(duet_check_cancelled(ctx));
        duet_progress_report(ctx, "t-SNE", "steps", (double)step, (double)o->steps, NULL);
    }
    make_sums(w); /* Z of the last points */
    return DUET_OK;
}

/* ---- the member ---- */

/* Turns the points about their mean so that they lie along the first axis: t-SNE knows no
 * directions, and pictures are wider than high. */
static void turn(const work *w, double *point) {
    const double n = (double)w->rows;
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
    for (int64_t i = 0; i < w->rows; i++) {
        mean_x += w->x[i] / n;
        mean_y += w->y[i] / n;
    }
    for (int64_t i = 0; i < w->rows; i++) {
        const double dx = w->x[i] - mean_x, dy = w->y[i] - mean_y;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    const double angle = 0.5 * atan2(2 * xy, xx - yy), c = cos(angle), s = sin(angle);
    for (int64_t i = 0; i < w->rows; i++) {
        const double dx = w->x[i] - mean_x, dy = w->y[i] - mean_y;
        point[2 * i] = c * dx + s * dy;
        point[2 * i + 1] = c * dy - s * dx;
    }
}

static duet_status begin(work *w, const duet_plane_rows *rows, const tsne_options *o) {
    const int64_t n = rows->rows;
    duet_principal first;
    DUET_TRY(duet_alloc(&w->p, n * n, sizeof *w->p));
    DUET_TRY(duet_alloc(&w->x, n, sizeof *w->x));
    DUET_TRY(duet_alloc(&w->y, n, sizeof *w->y));
    DUET_TRY(duet_alloc(&w->pull, 2 * n, sizeof *w->pull));
    DUET_TRY(duet_alloc(&w->push, 2 * n, sizeof *w->push));
    DUET_TRY(duet_alloc(&w->weight, n, sizeof *w->weight));
    DUET_TRY(duet_alloc(&w->speed, 2 * n, sizeof *w->speed));
    DUET_TRY(duet_alloc(&w->gain, 2 * n, sizeof *w->gain));
    for (int64_t k = 0; k < 2 * n; k++) w->gain[k] = 1;
    DUET_TRY(duet_principal_of(&first, rows->x, n, rows->dim, 2));
    const double scale = first.variance[0] > 0 ? START / sqrt(first.variance[0]) : 0;
    for (int64_t i = 0; i < n; i++) {
        float noise[2];
        duet_rng_normal(duet_rng_make(o->seed, "tsne", (uint64_t)i), 0, noise, 2);
        w->x[i] = scale * first.scores[2 * i] + 1e-7 * (double)noise[0];
        w->y[i] = scale * first.scores[2 * i + 1] + 1e-7 * (double)noise[1];
    }
    duet_principal_free(&first);
    return DUET_OK;
}

static void release(work *w) {
    duet_release(w->p);
    duet_release(w->x);
    duet_release(w->y);
    duet_release(w->pull);
    duet_release(w->push);
    duet_release(w->weight);
    duet_release(w->speed);
    duet_release(w->gain);
}

static duet_status lay(duet_context *ctx, const void *options, const duet_plane_rows *rows,
                       duet_plane *out) {
    const tsne_options *o = options;
    duet_status status = DUET_OK;
    work w = {.rows = rows->rows, .threads = duet_context_threads(ctx)};
    if (w.rows > MOST_ROWS)
        return duet_fail(DUET_ARG, "t-SNE of %lld rows; at most %d, since it takes all pairs",
                         (long long)w.rows, MOST_ROWS);
    const double few = (double)w.rows / 4, usual = few < 30 ? few : 30,
                 perplexity = o->perplexity > 0 ? o->perplexity : usual;
    if (!(3 * perplexity < (double)w.rows) || perplexity < 1)
        return duet_fail(DUET_ARG,
                         "perplexity %g takes more than %lld rows; give fewer neighbours "
                         "(tsne:perplexity=…) or more rows",
                         perplexity, (long long)w.rows);
    /* with more, few rows with many neighbours each would be pulled into one point for good */
    w.early = fmin(o->exaggeration, fmax((double)w.rows / (3 * perplexity), 1));
    w.rate = o->rate > 0 ? o->rate : (double)w.rows / w.early / 2;
    DUET_DO(begin(&w, rows, o));
    make_probabilities(&w, rows->distance, perplexity);
    DUET_DO(run(ctx, &w, o));
    turn(&w, out->point);
    out->says[out->says_count++] =
        (duet_plane_value){"kl", "divergence (KL)", "nats", divergence(&w)};
done:
    release(&w);
    return status;
}

const duet_plane_kind duet_plane_tsne = {
    .info = {.name = "tsne",
             .help = "neighbours stay together: t-SNE, of all pairs",
             .params = DUET_TABLE(params, tsne_options)},
    .title = "t-SNE",
    .lay = lay,
};
