/* SPDX-License-Identifier: MIT
 * diffusion/likelihood.c: bits per dimension (duet/likelihood.h). With levels 0 … K from the least
 * noise to the most, snr = alpha^2 / sigma^2, D dimensions:
 *   prior  KL of q(x_K | x) from N(0, v), v = 1 for noise that keeps variance, else sigma_K^2
 *   noise  sum over k of (snr_k-1 - snr_k) |x - x0(x_k)|^2 / 2: the KL of each step back whose
 *          variance is the posterior's (Kingma et al. 2021, equation 13)
 *   bytes  - log of the probability of the bytes, discretised normals around x0(x_0)
 * The flow replaces prior and noise by - log p(x_0) - entropy of q(x_0 | x): with y = x / alpha and
 * s = sigma / alpha, dy/ds = eps and d log p / ds = - div eps, integrated by Heun's method over the
 * same levels; at the end x_K ~ N(0, v). */
#include <duet/likelihood.h>

#include <math.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/jacobian.h"
#include "diffusion/noised.h"

enum { LEVELS = 100, BATCH = 16 };
static const double LN2 = 0.69314718055994531, TWO_PI = 6.28318530717958648;

typedef struct measuring {
    duet_context *ctx;
    duet_likelihood_options how;
    duet_noised n;           /* the images of a pass */
    duet_jacobian *jacobian; /* NULL = no flow */
    duet_level *level;       /* [levels], from the least noise */
    int64_t dim, batch, first, done, total;
    double prior; /* variance v */
    double spread;
    float *eps, *direction;     /* [batch,dim] */
    double *y, *slope, *before; /* [batch,dim], [batch,dim], [batch] */
} measuring;

/* ---- levels and memory ---- */

static duet_status make_levels(measuring *m) {
    const duet_noise *const noise = duet_denoiser_noise(m->n.denoiser);
    const duet_level low = duet_noise_level(noise, 0),
                     high = duet_noise_level(noise, noise->steps - 1);
    const double from = log(duet_level_ratio(low)), to = log(duet_level_ratio(high));
    if (!isfinite(from) || !isfinite(to))
        return duet_fail(DUET_UNSUPPORTED,
                         "the highest level of the noise has no signal left, which "
                         "leaves no place to begin from; likelihoods need one that "
                         "has (zero_snr=false, no flow)");
    DUET_TRY(duet_alloc(&m->level, m->how.levels, sizeof *m->level));
    for (int64_t k = 0; k < m->how.levels; k++)
        m->level[k] = duet_noise_find(
            noise, exp(from + (to - from) * (double)k / (double)(m->how.levels - 1)));
    const double top = m->level[m->how.levels - 1].sigma;
    m->prior = top > 1.0 ? top * top : 1.0;
    m->spread = m->how.spread > 0.0 ? m->how.spread : 0.5 * duet_level_ratio(m->level[0]);
    return DUET_OK;
}

static duet_status make(measuring *m, duet_model *model) {
    const int64_t cells = m->batch * m->dim;
    DUET_TRY(duet_noised_open(m->ctx, &m->n, model, m->batch));
    if (m->how.flow) DUET_TRY(duet_jacobian_open(m->ctx, &m->jacobian, model, m->batch));
    DUET_TRY(make_levels(m));
    DUET_TRY(duet_alloc(&m->eps, cells, sizeof(float)));
    DUET_TRY(duet_alloc(&m->direction, cells, sizeof(float)));
    DUET_TRY(duet_alloc(&m->y, cells, sizeof(double)));
    DUET_TRY(duet_alloc(&m->slope, cells, sizeof(double)));
    for (int64_t r = 0; r < m->batch && m->how.label > 0; r++)
        m->n.labels[r] = (int32_t)m->how.label;
    return duet_alloc(&m->before, m->batch, sizeof(double));
}

static void release(measuring *m) {
    duet_noised_close(&m->n);
    duet_jacobian_close(m->jacobian);
    duet_release(m->level);
    duet_release(m->eps);
    duet_release(m->direction);
    duet_release(m->y);
    duet_release(m->slope);
    duet_release(m->before);
}

static duet_status tick(measuring *m, int64_t rows, double part) {
    duet_progress_report(m->ctx, "likelihood", "images", (double)m->done + part * (double)rows,
                         (double)m->total, NULL);
    return duet_check_cancelled(m->ctx);
}

/* ---- the bound ---- */

/* x = alpha clean + sigma noise, its own for each level; the prediction in x0. */
static duet_status predict(measuring *m, int64_t k) {
    duet_noised *const n = &m->n;
    for (int64_t r = 0; r < n->rows; r++)
        duet_rng_normal(duet_rng_make(m->how.seed, "likelihood", (uint64_t)(m->first + r)),
                        (uint64_t)(k * (m->dim + (m->dim & 1))), n->noise + r * m->dim, m->dim);
    return duet_noised_at(n, m->level[k]);
}

static double square_error(const measuring *m, int64_t row) {
    double sum = 0;
    for (int64_t i = row * m->dim; i < (row + 1) * m->dim; i++) {
        const double x0 = fmax(-1.0, fmin(1.0, (double)m->n.x0[i])), e = x0 - (double)m->n.clean[i];
        sum += e * e;
    }
    return sum;
}

static double normal_below(double z) {
    return 0.5 * erfc(-z * 0.70710678118654752);
}

/* - ln P of a row's bytes; the outermost reach to infinity. */
static double bytes_nats(const measuring *m, int64_t row) {
    double sum = 0;
    for (int64_t i = row * m->dim; i < (row + 1) * m->dim; i++) {
        const double at = (double)m->n.clean[i], x0 = fmax(-1.0, fmin(1.0, (double)m->n.x0[i])),
                     half = 1.0 / 255.0,
                     high = at > 0.999 ? 1.0 : normal_below((at + half - x0) / m->spread),
                     low = at < -0.999 ? 0.0 : normal_below((at - half - x0) / m->spread);
        sum -= log(fmax(high - low, 1e-12));
    }
    return sum;
}

static double prior_nats(const measuring *m, int64_t row) {
    const duet_level top = m->level[m->how.levels - 1];
    const double s2 = top.sigma * top.sigma;
    double sum = 0;
    for (int64_t i = row * m->dim; i < (row + 1) * m->dim; i++) {
        const double mean = top.alpha * (double)m->n.clean[i];
        sum += 0.5 * ((s2 + mean * mean) / m->prior - 1.0 - log(s2 / m->prior));
    }
    return sum;
}

static duet_status bound(measuring *m, int64_t rows, duet_likelihood *out) {
    const double share = m->jacobian != NULL ? 0.15 : 1.0, nats = 1.0 / (LN2 * (double)m->dim);
    for (int64_t r = 0; r < rows; r++)
        out[r] = (duet_likelihood){.prior = nats * prior_nats(m, r), .flow = (double)NAN};
    for (int64_t k = m->how.levels - 1; k >= 0; k--) {
        DUET_TRY(predict(m, k));
        const double snr =
            k > 0 ? duet_level_snr(m->level[k - 1]) - duet_level_snr(m->level[k]) : 0.0;
        for (int64_t r = 0; r < rows; r++) {
            if (k > 0)
                out[r].noise += nats * 0.5 * snr * square_error(m, r);
            else
                out[r].bytes = nats * bytes_nats(m, r);
        }
        DUET_TRY(tick(m, rows, share * (double)(m->how.levels - k) / (double)m->how.levels));
    }
    for (int64_t r = 0; r < rows; r++) out[r].bound = out[r].prior + out[r].noise + out[r].bytes;
    return DUET_OK;
}

/* ---- the flow ---- */

/* eps and div_y eps = alpha div_x eps at y of level k. */
static duet_status look(measuring *m, int64_t k, int64_t rows, const double *y,
                        double *divergence) {
    const double alpha = m->level[k].alpha;
    for (int64_t i = 0; i < rows * m->dim; i++) m->n.x[i] = (float)(alpha * y[i]);
    DUET_TRY(duet_jacobian_run(m->jacobian, m->n.x, m->direction, m->level[k], m->n.labels, rows,
                               m->eps, divergence));
    for (int64_t r = 0; r < rows; r++) divergence[r] *= alpha;
    return DUET_OK;
}

/* Heun's step from level k to k + 1; integral [rows] of the divergence grows. */
static duet_status step(measuring *m, int64_t k, int64_t rows, double *now, double *next,
                        double *integral) {
    const double h = duet_level_ratio(m->level[k + 1]) - duet_level_ratio(m->level[k]);
    const int64_t cells = rows * m->dim;
    DUET_TRY(look(m, k, rows, m->y, now));
    for (int64_t i = 0; i < cells; i++) {
        m->slope[i] = (double)m->eps[i];
        m->y[i] += h * m->slope[i];
    }
    DUET_TRY(look(m, k + 1, rows, m->y, next));
    for (int64_t i = 0; i < cells; i++) m->y[i] += 0.5 * h * ((double)m->eps[i] - m->slope[i]);
    for (int64_t r = 0; r < rows; r++) integral[r] += 0.5 * h * (now[r] + next[r]);
    return DUET_OK;
}

/* - ln p(y_0) - entropy of q(y_0 | x), in nats. */
static double flow_nats(const measuring *m, int64_t row, double integral) {
    const duet_level top = m->level[m->how.levels - 1];
    const double low = duet_level_ratio(m->level[0]), D = (double)m->dim;
    double square = 0;
    for (int64_t i = row * m->dim; i < (row + 1) * m->dim; i++) {
        const double x = top.alpha * m->y[i];
        square += x * x;
    }
    const double end = -0.5 * (square / m->prior + D * log(TWO_PI * m->prior)) + D * log(top.alpha);
    return -(end + integral) - 0.5 * D * (log(TWO_PI * low * low) + 1.0);
}

static duet_status flow(measuring *m, int64_t rows, duet_likelihood *out) {
    duet_status status = DUET_OK;
    double *integral = NULL, *next = NULL;
    DUET_DO(duet_alloc(&integral, rows, sizeof *integral));
    DUET_DO(duet_alloc(&next, rows, sizeof *next));
    DUET_DO(predict(m, 0)); /* x_0, and where the bound left its noise */
    for (int64_t i = 0; i < rows * m->dim; i++) m->y[i] = (double)m->n.x[i] / m->level[0].alpha;
    for (int64_t r = 0; r < rows; r++) {
        const duet_rng rng = duet_rng_make(m->how.seed, "direction", (uint64_t)(m->first + r));
        for (int64_t i = 0; i < m->dim; i++)
            m->direction[r * m->dim + i] = duet_rng_u64(rng, (uint64_t)i) & 1 ? 1.0F : -1.0F;
    }
    for (int64_t k = 0; k + 1 < m->how.levels; k++) {
        DUET_DO(step(m, k, rows, m->before, next, integral));
        DUET_DO(tick(m, rows, 0.15 + 0.85 * (double)(k + 1) / (double)m->how.levels));
    }
    for (int64_t r = 0; r < rows; r++)
        out[r].flow = out[r].bytes + flow_nats(m, r, integral[r]) / (LN2 * (double)m->dim);
done:
    duet_release(integral);
    duet_release(next);
    return status;
}

/* ---- all ---- */

duet_status duet_likelihoods(duet_context *ctx, duet_likelihood *out, duet_model *model,
                             const uint8_t *pixels, int64_t first, int64_t count,
                             const duet_likelihood_options *options) {
    const duet_arch_shape *const shape = &model->shape;
    measuring m = {.ctx = ctx,
                   .how = *options,
                   .dim = shape->size * shape->size * shape->in_channels,
                   .batch = options->batch > 0 ? options->batch : BATCH,
                   .total = count};
    duet_status status = DUET_OK;
    if (m.how.levels == 0) m.how.levels = LEVELS;
    if (m.how.levels < 2)
        return duet_fail(DUET_ARG, "a likelihood needs 2 levels or more, not %lld",
                         (long long)m.how.levels);
    if (m.batch > count && count > 0) m.batch = count;
    DUET_DO(make(&m, model));
    for (; m.done < count; m.done += m.batch) {
        const int64_t rows = count - m.done < m.batch ? count - m.done : m.batch;
        m.first = first + m.done;
        duet_noised_images(&m.n, pixels + m.done * m.dim, rows);
        DUET_DO(bound(&m, rows, out + m.done));
        if (m.jacobian != NULL) DUET_DO(flow(&m, rows, out + m.done));
    }
done:
    release(&m);
    return status;
}
