/* SPDX-License-Identifier: MIT
 * head/logistic.c: the objective over fixed groups of rows, and its minimum by liblbfgs (Liu and Nocedal 1989; line
 * search of More and Thuente) in variables that head/scaling.c makes round. Products are f32, the loss and all sums over
 * groups are double; a chunk of rows is read once for logits and gradient while it is in the cache. */
#include "head/logistic.h"

#include <lbfgs.h>
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "head/scaling.h"

enum { GROUPS = 16, MEMORY = 12, PAST = 5 };

typedef struct group {
    float *gradient; /* [K,D] */
    float *logits;   /* [chunk,K]; then p - onehot(y) */
    double *bias;    /* [K], gradient */
    double loss;
} group;

struct duet_logistic {
    duet_context *ctx;
    duet_logistic_data data;
    int64_t chunk, weights, variables; /* weights = K*D */
    int threads;
    group groups[GROUPS];
    float *w;          /* [K,D] */
    bool scaled;
    duet_scaling scaling;
    double strength;   /* of the running fit */
    double *inner;     /* [variables]: w of the running fit */
};

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
    return duet_alloc(&p->inner, p->variables, sizeof(double));
}

duet_status duet_logistic_new(duet_context *ctx, duet_logistic **out, const duet_logistic_data *data, int64_t widest)
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
    if (data->dim <= widest) {
        const int64_t most = data->dim < 2048 ? 8192 : 4 * data->dim;
        DUET_DO(duet_scaling_new(&p->scaling, data->x, data->rows, data->dim, data->classes, most, p->threads));
        p->scaled = true;
    }
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
    if (problem->scaled) duet_scaling_free(&problem->scaling);
    duet_release(problem->w);
    duet_release(problem->inner);
    duet_release(problem);
}

/* One row: logits + bias -> p - onehot(label), in place. Returns -log p[label]. */
static double softmax_row(float *z, const double *bias, int classes, int32_t label)
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
    for (int k = 0; k < classes; k++) z[k] *= inverse;
    z[label] -= 1.0f;
    return log(sum) - own;
}

static void run_group(duet_logistic *p, group *own, int64_t first_chunk, int64_t last_chunk, const double *bias)
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
            float *row = own->logits + i * classes;
            own->loss += softmax_row(row, bias, p->data.classes, p->data.labels[first + i]);
            for (int64_t k = 0; k < classes; k++) own->bias[k] += (double)row[k];
        }
        duet_gemm_f32(true, false, classes, d, rows, 1.0f, own->logits, classes, x, d, 1.0f, own->gradient, d);
    }
}

double duet_logistic_objective(duet_logistic *problem, double strength, const double *w, double *gradient)
{
    duet_logistic *p = problem;
    const int64_t chunks = (p->data.rows + p->chunk - 1) / p->chunk;
    const double *bias = w + p->weights, rows = (double)p->data.rows;
    for (int64_t i = 0; i < p->weights; i++) p->w[i] = (float)w[i];
#pragma omp parallel for schedule(dynamic, 1) num_threads(p->threads)
    for (int g = 0; g < GROUPS; g++) run_group(p, &p->groups[g], chunks * g / GROUPS, chunks * (g + 1) / GROUPS, bias);
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < p->weights; i++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += (double)p->groups[g].gradient[i];
        gradient[i] = sum / rows + strength * w[i];
    }
    double loss = 0, square = 0;
    for (int g = 0; g < GROUPS; g++) loss += p->groups[g].loss;
    for (int k = 0; k < p->data.classes; k++) {
        double sum = 0;
        for (int g = 0; g < GROUPS; g++) sum += p->groups[g].bias[k];
        gradient[p->weights + k] = sum / rows;
    }
    for (int64_t i = 0; i < p->weights; i++) square += w[i] * w[i];
    return loss / rows + 0.5 * strength * square;
}

/* Scaled variables v and back. The bias' Hessian at zero is about 1/K. */
static double bias_scale(const duet_logistic *p)
{
    return p->scaled ? sqrt((double)p->data.classes) : 1.0;
}

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *v, lbfgsfloatval_t *gradient, const int n,
                                const lbfgsfloatval_t step)
{
    duet_logistic *p = instance;
    (void)n;
    (void)step;
    memcpy(p->inner, v, (size_t)p->variables * sizeof(double));
    if (p->scaled) duet_scaling_leave(&p->scaling, p->inner, p->data.classes);
    for (int64_t i = p->weights; i < p->variables; i++) p->inner[i] *= bias_scale(p);
    const double loss = duet_logistic_objective(p, p->strength, p->inner, gradient);
    if (p->scaled) duet_scaling_gradient(&p->scaling, gradient, p->data.classes);
    for (int64_t i = p->weights; i < p->variables; i++) gradient[i] *= bias_scale(p);
    return loss;
}

typedef struct watch {
    duet_logistic *problem;
    int iterations;
    double gradient, variables; /* norms */
} watch;

static lbfgsfloatval_t watch_evaluate(void *instance, const lbfgsfloatval_t *v, lbfgsfloatval_t *gradient, const int n,
                                      const lbfgsfloatval_t step)
{
    return evaluate(((watch *)instance)->problem, v, gradient, n, step);
}

static int watch_progress(void *instance, const lbfgsfloatval_t *x, const lbfgsfloatval_t *g, const lbfgsfloatval_t fx,
                          const lbfgsfloatval_t xnorm, const lbfgsfloatval_t gnorm, const lbfgsfloatval_t step, int n, int k, int ls)
{
    (void)x, (void)g, (void)fx, (void)step, (void)n, (void)ls;
    watch *w = instance;
    w->iterations = k;
    w->gradient = gnorm;
    w->variables = xnorm;
    return duet_cancelled(w->problem->ctx) ? 1 : 0;
}

static duet_status outcome(const watch *w, int code, double loss, duet_logistic_result *result)
{
    DUET_TRY(duet_check_cancelled(w->problem->ctx));
    if (code == LBFGSERR_OUTOFMEMORY) return duet_fail(DUET_NO_MEMORY, "out of memory in the logistic regression");
    if (!isfinite(loss)) return duet_fail(DUET_NUMERIC, "the loss of the logistic regression is not a number");
    /* Near the minimum rounding of the f32 products ends the line search first: a small gradient is an answer all the same. */
    const bool flat = w->gradient < 1e-3 * fmax(1.0, w->variables);
    *result = (duet_logistic_result){
        .loss = loss,
        .iterations = w->iterations,
        .converged = code >= 0 || (code != LBFGSERR_MAXIMUMITERATION && flat),
    };
    return DUET_OK;
}

duet_status duet_logistic_fit(duet_logistic *problem, double strength, const duet_logistic_limits *limits, double *w,
                              duet_logistic_result *result)
{
    duet_logistic *p = problem;
    duet_status status = DUET_OK;
    double *v = NULL; /* the library wants a multiple of eight, 16-byte aligned */
    DUET_DO(duet_alloc(&v, p->variables + 8, sizeof(*v)));
    p->strength = strength;
    if (p->scaled) {
        DUET_DO(duet_scaling_factor(&p->scaling, strength));
        duet_scaling_enter(&p->scaling, v, w, p->data.classes);
    } else {
        memcpy(v, w, (size_t)p->weights * sizeof(*v));
    }
    for (int64_t i = p->weights; i < p->variables; i++) v[i] = w[i] / bias_scale(p);
    lbfgs_parameter_t setting;
    lbfgs_parameter_init(&setting);
    setting.m = MEMORY;
    setting.epsilon = limits->gradient;
    setting.past = PAST;
    setting.delta = limits->decrease;
    setting.max_iterations = limits->iterations;
    setting.max_linesearch = 20;
    watch seen = {.problem = p, .gradient = INFINITY};
    double loss = 0;
    const int code = lbfgs((int)p->variables, v, &loss, watch_evaluate, watch_progress, &seen, &setting);
    DUET_DO(outcome(&seen, code, loss, result));
    memcpy(w, v, (size_t)p->variables * sizeof(*v));
    if (p->scaled) duet_scaling_leave(&p->scaling, w, p->data.classes);
    for (int64_t i = p->weights; i < p->variables; i++) w[i] *= bias_scale(p);
done:
    duet_release(v);
    return status;
}
