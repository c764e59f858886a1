/* SPDX-License-Identifier: MIT
 * head/logistic.c: passes over fixed groups of rows: F and its gradient, and the Hessian times a
 *   vector, H v = 1/M sum_i (diag p_i - p_i p_i') (V x_i + v_b) (x_i, 1)' + strength V.
 * Products are f32 and serve all lanes (several w, or v) at once, the loss and all sums over groups
 * are double; a chunk of rows is read once for both products while it is in the cache. The minimum:
 * head/newton.c. */
#include "head/logistic.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "head/narrow.h"

enum { GROUPS = 16, MANY = 500000 }; /* MANY: sums worth waking the other threads */

typedef struct group {
    float *gradient; /* [lanes*K,D] */
    /* [chunk,lanes*K], rows as narrow.h has them; then what the second product takes */
    float *logits;
    double *bias; /* [lanes*K], gradient */
    double *loss; /* [lanes] */
} group;

struct duet_logistic {
    duet_context *ctx;
    duet_logistic_data data;
    int64_t chunk, weights, variables; /* weights = K*D */
    int threads;
    group groups[GROUPS];
    float *w, *packed;    /* [lanes*K,D], and as narrow.h takes it */
    float *probabilities; /* [lanes,M,K], each of the last F there */
};

const duet_logistic_data *duet_logistic_rows(const duet_logistic *problem) {
    return &problem->data;
}

duet_context *duet_logistic_context(const duet_logistic *problem) {
    return problem->ctx;
}

int64_t duet_logistic_variables(const duet_logistic *problem) {
    return problem->variables;
}

static duet_status make_groups(duet_logistic *p) {
    const int64_t k = (int64_t)p->data.classes * p->data.lanes;
    for (int g = 0; g < GROUPS; g++) {
        DUET_TRY(duet_alloc(&p->groups[g].gradient, k * p->data.dim, sizeof(float)));
        DUET_TRY(
            duet_alloc(&p->groups[g].logits, p->chunk * duet_narrow_columns(k), sizeof(float)));
        DUET_TRY(duet_alloc(&p->groups[g].bias, k, sizeof(double)));
        DUET_TRY(duet_alloc(&p->groups[g].loss, p->data.lanes, sizeof(double)));
    }
    DUET_TRY(duet_alloc(&p->w, k * p->data.dim, sizeof(float)));
    DUET_TRY(duet_alloc(&p->packed, duet_narrow_columns(k) * p->data.dim, sizeof(float)));
    return duet_alloc(&p->probabilities, p->data.rows * k, sizeof(float));
}

duet_status duet_logistic_new(duet_context *ctx, duet_logistic **out,
                              const duet_logistic_data *data) {
    duet_logistic *p = NULL;
    duet_status status = DUET_OK;
    if (data->rows < 1 || data->dim < 1 || data->classes < 1)
        return duet_fail(DUET_SHAPE, "logistic regression needs rows and columns");
    if ((int64_t)data->classes > INT32_MAX / (data->dim + 1) - 8) {
        return duet_fail(DUET_NO_MEMORY, "%d classes of %lld features are too many variables",
                         data->classes, (long long)data->dim);
    }
    DUET_DO(duet_alloc(&p, 1, sizeof *p));
    p->ctx = ctx;
    p->data = *data;
    if (p->data.lanes < 1) p->data.lanes = 1;
    p->threads = duet_context_threads(ctx);
    p->weights = data->classes * data->dim;
    p->variables = p->weights + data->classes;
    const int64_t fitting = 131072 / data->dim; /* half a MiB of rows */
    p->chunk = fitting < 32 ? 32 : fitting > 1024 ? 1024 : fitting;
    DUET_DO(make_groups(p));
    *out = p;
    return DUET_OK;
done:
    duet_logistic_free(p);
    return status;
}

void duet_logistic_free(duet_logistic *problem) {
    if (problem == NULL) return;
    for (int g = 0; g < GROUPS; g++) {
        duet_release(problem->groups[g].gradient);
        duet_release(problem->groups[g].logits);
        duet_release(problem->groups[g].bias);
        duet_release(problem->groups[g].loss);
    }
    duet_release(problem->w);
    duet_release(problem->packed);
    duet_release(problem->probabilities);
    duet_release(problem);
}

/* e^x for x <= 0 in operations that vectorise; relative error below 3e-7 (polynomial: Cephes,
 * exp2f). 2^n by its bits: adding 1.5 * 2^23 leaves n in the lowest bits of the sum. NaN stays
 * NaN. */
static float exp_below(float x) {
    const float scaled = (x < -87.0f ? -87.0f : x) * 1.44269504f, shifted = scaled + 12582912.0f,
                f = scaled - (shifted - 12582912.0f);
    float p = 1.535336188e-4f, power;
    uint32_t bits;
    p = p * f + 1.339887440e-3f;
    p = p * f + 9.618437357e-3f;
    p = p * f + 5.550332471e-2f;
    p = p * f + 2.402264791e-1f;
    p = p * f + 6.931472028e-1f;
    p = p * f + 1.0f;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* One row of F: logits + bias -> p (kept) and p - onehot(label), in place. Returns -log p[label].
 */
static double softmax_row(float *z, float *p, const double *bias, int classes, int32_t label) {
    float top = -INFINITY, sum = 0;
    for (int k = 0; k < classes; k++) {
        z[k] += (float)bias[k];
        if (z[k] > top) top = z[k];
    }
    const double own = (double)z[label] - (double)top;
#pragma omp simd
    for (int k = 0; k < classes; k++) z[k] = exp_below(z[k] - top);
    for (int k = 0; k < classes; k++) sum += z[k];
    const float inverse = 1.0f / sum;
    for (int k = 0; k < classes; k++) p[k] = z[k] *= inverse;
    z[label] -= 1.0f;
    return log((double)sum) - own;
}

/* One row of H v: z = V x + v_b -> (diag p - p p') z, in place. */
static void curve_row(float *z, const float *p, const double *bias, int classes) {
    float mean = 0;
    for (int k = 0; k < classes; k++) {
        z[k] += (float)bias[k];
        mean += p[k] * z[k];
    }
    for (int k = 0; k < classes; k++) z[k] = p[k] * (z[k] - mean);
}

/* The rows of a chunk for one lane: columns l*K … of the logits. */
static void run_rows(duet_logistic *p, group *own, const duet_logistic_lane *lane, int l, int count,
                     int64_t first, int64_t rows) {
    const int64_t classes = p->data.classes, columns = duet_narrow_columns(count * classes);
    const double *bias = lane->at + p->weights;
    double *sum = own->bias + l * classes, loss = 0;
    for (int64_t i = 0; i < rows; i++) {
        float *row = own->logits + i * columns + l * classes;
        float *kept = p->probabilities + (lane->place * p->data.rows + first + i) * classes;
        if (lane->curve)
            curve_row(row, kept, bias, p->data.classes);
        else
            loss += softmax_row(row, kept, bias, p->data.classes, p->data.labels[first + i]);
        for (int64_t k = 0; k < classes; k++) sum[k] += (double)row[k];
    }
    own->loss[l] += loss;
}

static void run_group(duet_logistic *p, group *own, int64_t first_chunk, int64_t last_chunk,
                      const duet_logistic_lane *lanes, int count) {
    const int64_t d = p->data.dim, columns = (int64_t)count * p->data.classes;
    memset(own->gradient, 0, (size_t)(columns * d) * sizeof(float));
    memset(own->bias, 0, (size_t)columns * sizeof(double));
    memset(own->loss, 0, (size_t)count * sizeof(double));
    for (int64_t c = first_chunk; c < last_chunk; c++) {
        const int64_t first = c * p->chunk;
        const int64_t rows = p->data.rows - first < p->chunk ? p->data.rows - first : p->chunk;
        const float *x = p->data.x + first * d;
        duet_narrow_forward(x, rows, d, p->packed, columns, own->logits);
        for (int l = 0; l < count; l++) run_rows(p, own, &lanes[l], l, count, first, rows);
        duet_narrow_backward(x, rows, d, own->logits, columns, own->gradient);
    }
}

/* (sum over the groups) / M + strength at, the bias without strength; F. */
static void finish_lane(duet_logistic *p, duet_logistic_lane *lane, int l) {
    const double rows = (double)p->data.rows;
    const float *gradient[GROUPS];
    double square = 0;
    for (int g = 0; g < GROUPS; g++) gradient[g] = p->groups[g].gradient + l * p->weights;
#pragma omp parallel for schedule(static) num_threads(p->threads) if (p->weights > MANY)
    for (int64_t i = 0; i < p->weights; i++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += (double)gradient[g][i];
        lane->out[i] = sum / rows + lane->strength * lane->at[i];
    }
    for (int k = 0; k < p->data.classes; k++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += p->groups[g].bias[l * p->data.classes + k];
        lane->out[p->weights + k] = sum / rows;
    }
    if (lane->curve) return;
    for (int64_t i = 0; i < p->weights; i++) square += lane->at[i] * lane->at[i];
    lane->loss = 0;
    for (int g = 0; g < GROUPS; g++) lane->loss += p->groups[g].loss[l];
    lane->loss = lane->loss / rows + 0.5 * lane->strength * square;
}

void duet_logistic_pass(duet_logistic *problem, duet_logistic_lane *lanes, int count) {
    duet_logistic *p = problem;
    const int64_t chunks = (p->data.rows + p->chunk - 1) / p->chunk;
    for (int l = 0; l < count; l++)
        for (int64_t i = 0; i < p->weights; i++) p->w[l * p->weights + i] = (float)lanes[l].at[i];
    duet_narrow_pack(p->w, (int64_t)count * p->data.classes, p->data.dim, p->packed);
#pragma omp parallel for schedule(dynamic, 1) num_threads(p->threads)
    for (int g = 0; g < GROUPS; g++)
        run_group(p, &p->groups[g], chunks * g / GROUPS, chunks * (g + 1) / GROUPS, lanes, count);
    for (int l = 0; l < count; l++) finish_lane(p, &lanes[l], l);
}

void duet_logistic_classes(const duet_logistic *problem, int place, double *out) {
    const int64_t rows = problem->data.rows, classes = problem->data.classes;
    const int64_t most = (int64_t)100000000 / (classes * classes) + 1,
                  stride = rows > most ? rows / most : 1;
    const float *all = problem->probabilities + place * rows * classes;
    int64_t used = 0;
    memset(out, 0, (size_t)(classes * classes) * sizeof(double));
    for (int64_t i = 0; i < rows; i += stride, used++) {
        const float *p = all + i * classes;
        for (int64_t a = 0; a < classes; a++)
            for (int64_t b = 0; b <= a; b++) out[a * classes + b] -= (double)p[a] * (double)p[b];
        for (int64_t a = 0; a < classes; a++) out[a * classes + a] += (double)p[a];
    }
    for (int64_t a = 0; a < classes; a++) {
        for (int64_t b = 0; b <= a; b++) {
            out[a * classes + b] /= (double)used;
            out[b * classes + a] = out[a * classes + b];
        }
    }
}

void duet_logistic_curvature(const duet_logistic *problem, int place, float *out) {
    const int64_t rows = problem->data.rows, classes = problem->data.classes;
    const float *all = problem->probabilities + place * rows * classes;
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0;
        for (int64_t k = 0; k < classes; k++)
            sum += all[i * classes + k] * (1.0f - all[i * classes + k]);
        out[i] = sum;
    }
}
