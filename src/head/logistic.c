/* SPDX-License-Identifier: MIT
 * head/logistic.c: passes over fixed groups of rows: F and its gradient, and the Hessian times a vector,
 *   H v = 1/M sum_i (diag p_i - p_i p_i') (V x_i + v_b) (x_i, 1)' + strength V.
 * Products are f32, the loss and all sums over groups are double; a chunk of rows is read once for both products while it
 * is in the cache. The minimum: head/newton.c. */
#include "head/logistic.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

enum { GROUPS = 16 };

typedef struct group {
    float *gradient; /* [K,D] */
    float *logits;   /* [chunk,K]; then what the second product takes */
    double *bias;    /* [K], gradient */
    double loss;
} group;

struct duet_logistic {
    duet_context *ctx;
    duet_logistic_data data;
    int64_t chunk, weights, variables; /* weights = K*D */
    int threads;
    group groups[GROUPS];
    float *w;             /* [K,D] */
    float *probabilities; /* [M,K], of the last objective */
};

const duet_logistic_data *duet_logistic_rows(const duet_logistic *problem)
{
    return &problem->data;
}

duet_context *duet_logistic_context(const duet_logistic *problem)
{
    return problem->ctx;
}

int64_t duet_logistic_variables(const duet_logistic *problem)
{
    return problem->variables;
}

static duet_status make_groups(duet_logistic *p)
{
    const int64_t k = p->data.classes;
    for (int g = 0; g < GROUPS; g++) {
        DUET_TRY(duet_alloc(&p->groups[g].gradient, p->weights, sizeof(float)));
        DUET_TRY(duet_alloc(&p->groups[g].logits, p->chunk * k, sizeof(float)));
        DUET_TRY(duet_alloc(&p->groups[g].bias, k, sizeof(double)));
    }
    DUET_TRY(duet_alloc(&p->w, p->weights, sizeof(float)));
    return duet_alloc(&p->probabilities, p->data.rows * k, sizeof(float));
}

duet_status duet_logistic_new(duet_context *ctx, duet_logistic **out, const duet_logistic_data *data)
{
    duet_logistic *p = NULL;
    duet_status status = DUET_OK;
    if (data->rows < 1 || data->dim < 1 || data->classes < 1) return duet_fail(DUET_SHAPE, "logistic regression needs rows and columns");
    if ((int64_t)data->classes > INT32_MAX / (data->dim + 1) - 8) {
        return duet_fail(DUET_NO_MEMORY, "%d classes of %lld features are too many variables", data->classes, (long long)data->dim);
    }
    DUET_DO(duet_alloc(&p, 1, sizeof(*p)));
    p->ctx = ctx;
    p->data = *data;
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

void duet_logistic_free(duet_logistic *problem)
{
    if (problem == NULL) return;
    for (int g = 0; g < GROUPS; g++) {
        duet_release(problem->groups[g].gradient);
        duet_release(problem->groups[g].logits);
        duet_release(problem->groups[g].bias);
    }
    duet_release(problem->w);
    duet_release(problem->probabilities);
    duet_release(problem);
}

/* One row: logits + bias -> p (kept) and p - onehot(label), in place. Returns -log p[label]. */
static double softmax_row(float *z, float *p, const double *bias, int classes, int32_t label)
{
    float top = -INFINITY;
    for (int k = 0; k < classes; k++) {
        z[k] += (float)bias[k];
        if (z[k] > top) top = z[k];
    }
    const double own = (double)z[label] - (double)top;
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        z[k] = expf(z[k] - top);
        sum += (double)z[k];
    }
    const float inverse = (float)(1.0 / sum);
    for (int k = 0; k < classes; k++) p[k] = z[k] *= inverse;
    z[label] -= 1.0f;
    return log(sum) - own;
}

/* One row of H v: z = V x + v_b -> (diag p - p p') z, in place. */
static void curve_row(float *z, const float *p, const double *bias, int classes)
{
    float mean = 0;
    for (int k = 0; k < classes; k++) {
        z[k] += (float)bias[k];
        mean += p[k] * z[k];
    }
    for (int k = 0; k < classes; k++) z[k] = p[k] * (z[k] - mean);
}

static void run_group(duet_logistic *p, group *own, int64_t first_chunk, int64_t last_chunk, const double *bias, bool curve)
{
    const int64_t d = p->data.dim, classes = p->data.classes;
    memset(own->gradient, 0, (size_t)p->weights * sizeof(float));
    memset(own->bias, 0, (size_t)classes * sizeof(double));
    own->loss = 0;
    for (int64_t c = first_chunk; c < last_chunk; c++) {
        const int64_t first = c * p->chunk;
        const int64_t rows = p->data.rows - first < p->chunk ? p->data.rows - first : p->chunk;
        const float *x = p->data.x + first * d;
        duet_gemm_f32(false, true, rows, classes, d, 1.0f, x, d, p->w, d, 0.0f, own->logits, classes);
        for (int64_t i = 0; i < rows; i++) {
            float *row = own->logits + i * classes, *kept = p->probabilities + (first + i) * classes;
            if (curve) curve_row(row, kept, bias, p->data.classes);
            else own->loss += softmax_row(row, kept, bias, p->data.classes, p->data.labels[first + i]);
            for (int64_t k = 0; k < classes; k++) own->bias[k] += (double)row[k];
        }
        duet_gemm_f32(true, false, classes, d, rows, 1.0f, own->logits, classes, x, d, 1.0f, own->gradient, d);
    }
}

/* out = (sum over rows) / M + strength w, the bias without strength. Returns the loss. */
static double pass(duet_logistic *p, double strength, const double *w, double *out, bool curve)
{
    const int64_t chunks = (p->data.rows + p->chunk - 1) / p->chunk;
    const double *bias = w + p->weights, rows = (double)p->data.rows;
    for (int64_t i = 0; i < p->weights; i++) p->w[i] = (float)w[i];
#pragma omp parallel for schedule(dynamic, 1) num_threads(p->threads)
    for (int g = 0; g < GROUPS; g++) run_group(p, &p->groups[g], chunks * g / GROUPS, chunks * (g + 1) / GROUPS, bias, curve);
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < p->weights; i++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += (double)p->groups[g].gradient[i];
        out[i] = sum / rows + strength * w[i];
    }
    double loss = 0;
    for (int g = 0; g < GROUPS; g++) loss += p->groups[g].loss;
    for (int k = 0; k < p->data.classes; k++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += p->groups[g].bias[k];
        out[p->weights + k] = sum / rows;
    }
    return loss / rows;
}

double duet_logistic_objective(duet_logistic *problem, double strength, const double *w, double *gradient)
{
    const double loss = pass(problem, strength, w, gradient, false);
    double square = 0;
    for (int64_t i = 0; i < problem->weights; i++) square += w[i] * w[i];
    return loss + 0.5 * strength * square;
}

void duet_logistic_curve(duet_logistic *problem, double strength, const double *v, double *product)
{
    (void)pass(problem, strength, v, product, true);
}

void duet_logistic_classes(const duet_logistic *problem, double *out)
{
    const int64_t rows = problem->data.rows, classes = problem->data.classes;
    memset(out, 0, (size_t)(classes * classes) * sizeof(double));
    for (int64_t i = 0; i < rows; i++) {
        const float *p = problem->probabilities + i * classes;
        for (int64_t a = 0; a < classes; a++)
            for (int64_t b = 0; b <= a; b++) out[a * classes + b] -= (double)p[a] * (double)p[b];
        for (int64_t a = 0; a < classes; a++) out[a * classes + a] += (double)p[a];
    }
    for (int64_t a = 0; a < classes; a++) {
        for (int64_t b = 0; b <= a; b++) {
            out[a * classes + b] /= (double)rows;
            out[b * classes + a] = out[a * classes + b];
        }
    }
}
