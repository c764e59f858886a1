/* SPDX-License-Identifier: MIT
 * head/head_linear.c: multinomial logistic regression (logistic.h) on standardised features.
 * Strengths are solved side by side (newton.h), from strong to weak, to a gap of 1e-4 of the
 * objective (1e-3 when quick); the best on the validation rows is kept (ties: the stronger). Where
 * they do not all fit at once, the path ends after two strengths without improvement. A given
 * strength is solved to a gap of 1e-5. Where there are more features than rows, the problem is
 * solved in the axes of the rows' span (span.h), whose minimum is the same. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "head/affine.h"
#include "head/newton.h"
#include "head/span.h"

typedef struct linear_options {
    char strengths[DUET_TEXT_SIZE], features[DUET_TEXT_SIZE];
    int64_t iterations;
} linear_options;

static const duet_param params[] = {
    DUET_TEXT(linear_options, strengths, "", NULL,
              "L2 strengths to try, strong to weak; default: nine from 1 to 0.00001, in a sweep "
              "0.1/0.01/0.001/0.0001/0.00001"),
    DUET_INT(linear_options, iterations, "400", 1, 100000,
             "most passes over the rows per strength"),
    DUET_HEAD_FEATURES(linear_options, "standardised|whitened|raw"),
};

/* Classes of all lanes together: more make the products no faster. */
enum { LANES = 5, WIDEST_LANES = 256 };
static const char default_strengths[] = "1/0.1/0.03/0.01/0.003/0.001/0.0003/0.0001/0.00001",
                  quick_strengths[] = "0.1/0.01/0.001/0.0001/0.00001";

typedef struct path {
    float *x;       /* [M,D], standardised */
    duet_span span; /* of x; without axes where the problem is on x itself */
    duet_logistic *problem;
    duet_newton *newton;
    int lanes;
    double *w[LANES], *best, *wide; /* variables; wide: on all features */
    float *logits;
} path;

static void take(duet_head *head, const path *p, const double *w) {
    if (p->span.axes == NULL) {
        duet_affine_take(head, w);
        return;
    }
    duet_span_widen(&p->span, head->classes, w, p->wide);
    duet_affine_take(head, p->wide);
}

/* The first lane begins where another head ended. */
static void begin(const path *p, const duet_head *start) {
    const duet_affine *s = start->state;
    const int64_t n = start->classes * start->dim;
    double *const w = p->span.axes != NULL ? p->wide : p->w[0];
    for (int64_t i = 0; i < n; i++) w[i] = (double)s->weight[i];
    for (int k = 0; k < start->classes; k++) w[n + k] = (double)s->bias[k];
    if (p->span.axes != NULL) duet_span_narrow(&p->span, start->classes, w, p->w[0]);
}

/* The lanes of one round, in order. Returns how many strengths in a row have brought nothing. */
static int judge(duet_head *head, const duet_head_fit *fit, const double *strengths, int first,
                 int count, const duet_logistic_result *solved, path *p, int worse,
                 duet_head_result *result) {
    for (int s = 0; s < count; s++) {
        result->iterations += solved[s].passes;
        take(head, p, p->w[s]);
        const double accuracy = fit->val != NULL ? duet_head_top1(head, fit->val, p->logits) : NAN;
        if (fit->val != NULL && first + s > 0 && !(accuracy > result->val_top1)) {
            worse++;
            continue;
        }
        worse = 0;
        result->val_top1 = accuracy;
        result->strength = strengths[s];
        result->converged = solved[s].converged;
        memcpy(p->best, p->w[s], (size_t)duet_logistic_variables(p->problem) * sizeof *p->best);
    }
    return worse;
}

static duet_status follow(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                          const double *strengths, int count, const duet_logistic_limits *limits,
                          path *p, duet_head_result *result) {
    int worse = 0;
    result->val_top1 = NAN;
    for (int s = 0; s < count && worse < 2; s += p->lanes) {
        duet_logistic_result solved[LANES];
        const int round = count - s < p->lanes ? count - s : p->lanes;
        DUET_TRY(duet_check_cancelled(ctx));
        DUET_TRY(duet_newton_fit(p->newton, strengths + s, round, limits, p->w, solved));
        worse = judge(head, fit, strengths + s, s, round, solved, p, worse, result);
        double *const last = p->w[round - 1]; /* where the next round begins */
        p->w[round - 1] = p->w[0];
        p->w[0] = last;
    }
    take(head, p, p->best);
    return DUET_OK;
}

/* The rows of the problem: standardised, and where it pays in the axes of their span. */
static duet_status make_rows(duet_context *ctx, path *p, duet_logistic_data *data,
                             const duet_head *head, const duet_head_fit *fit) {
    const duet_feature_table *const t = fit->train;
    const int threads = duet_context_threads(ctx);
    DUET_TRY(duet_alloc(&p->x, t->rows * t->dim, sizeof *p->x));
    duet_head_standardise(head, t->x, t->rows, threads, p->x);
    data->x = p->x;
    data->dim = t->dim;
    if (!duet_span_pays(t->rows, t->dim)) return DUET_OK;
    DUET_TRY(duet_span_new(&p->span, p->x, t->rows, t->dim, threads));
    data->x = p->span.x;
    data->dim = p->span.rank;
    return duet_alloc(&p->wide, fit->class_count * (t->dim + 1), sizeof *p->wide);
}

static duet_status make_path(duet_context *ctx, path *p, duet_logistic_data *data,
                             const duet_head *head, const duet_head_fit *fit) {
    p->lanes = data->lanes;
    DUET_TRY(make_rows(ctx, p, data, head, fit));
    DUET_TRY(duet_logistic_new(ctx, &p->problem, data));
    DUET_TRY(duet_newton_new(&p->newton, p->problem, 2048));
    for (int l = 0; l < p->lanes; l++)
        DUET_TRY(duet_alloc(&p->w[l], duet_logistic_variables(p->problem), sizeof **p->w));
    DUET_TRY(duet_alloc(&p->best, duet_logistic_variables(p->problem), sizeof *p->best));
    return duet_alloc(&p->logits, fit->val != NULL ? fit->val->rows * fit->class_count : 1,
                      sizeof *p->logits);
}

static void free_path(path *p) {
    duet_newton_free(p->newton);
    duet_logistic_free(p->problem);
    for (int l = 0; l < LANES; l++) duet_release(p->w[l]);
    duet_release(p->best);
    duet_release(p->wide);
    duet_release(p->logits);
    duet_span_free(&p->span);
    duet_release(p->x);
}

static duet_status fit_linear(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                              duet_head_result *result) {
    const linear_options *o = (const linear_options *)&head->choice.options;
    duet_status status = DUET_OK;
    double strengths[DUET_MOST_STRENGTHS];
    int count = 1;
    path p = {.x = NULL};
    const duet_logistic_limits limits = {
        .passes = fit->quick && o->iterations > 40 ? 40 : (int)o->iterations,
        .gap = fit->quick         ? 1e-3
               : fit->val != NULL ? 1e-4
                                  : 1e-5};
    *result = (duet_head_result){0};
    if (fit->val != NULL)
        DUET_TRY(duet_head_strengths(o->strengths[0] ? o->strengths
                                     : fit->quick    ? quick_strengths
                                                     : default_strengths,
                                     strengths, &count));
    else
        strengths[0] = fit->strength;
    const int fitting = WIDEST_LANES / fit->class_count, most = fitting < 1       ? 1
                                                                : fitting < LANES ? fitting
                                                                                  : LANES;
    duet_logistic_data data = {.labels = fit->train->labels,
                               .rows = fit->train->rows,
                               .classes = fit->class_count,
                               .lanes = count < most ? count : most};
    DUET_DO(make_path(ctx, &p, &data, head, fit));
    if (fit->start != NULL) begin(&p, fit->start);
    DUET_DO(follow(ctx, head, fit, strengths, count, &limits, &p, result));
done:
    free_path(&p);
    return status;
}

const duet_head_kind duet_head_linear = {
    .info = {.name = "linear",
             .help = "multinomial logistic regression, strength chosen on validation rows",
             .params = DUET_TABLE(params, linear_options)},
    .make = duet_affine_make,
    .fit = fit_linear,
    .tensors = duet_affine_tensors,
    .ready = duet_affine_ready,
    .logits = duet_affine_logits,
};
