/* SPDX-License-Identifier: MIT
 * head/newton.c: truncated Newton (Dembo and Steihaug 1983) for several strengths in step: each is
 * a small machine that asks for F and its gradient, or for H v, and goes on when the pass that
 * serves all of them is over. The preconditioner is the Hessian with class and feature parts
 * averaged on their own, P = C (x) G + strength I: C = mean of diag(p) - p p' at w, G = X'VX / sum
 * V with V its trace for each row, 1 - sum p^2, so that rows count by the curvature they bring.
 * With C = U diag(c) U' the row U'_i of the gradient is solved with c_i G + strength I
 * (head/scaling.h). Dropped: that the directions of C and x depend on each other. */
#include "head/newton.h"

#include <math.h>
#include <string.h>

#include <duet/registry.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "head/scaling.h"

enum {
    ROWS_A_COLUMN = 4,
    BLOCK = 256,
    /* MANY: operations worth waking the other threads */
    MANY = 10000000
};
static const double near_gap = 1e-2,
                    start_gap = 1e-1; /* of a penalty on the way; where the next strength begins */

typedef enum lane_state { LANE_WAITS, LANE_OPENS, LANE_CURVES, LANE_TRIES, LANE_DONE } lane_state;

typedef struct lane {
    lane_state state;
    double strength, penalty; /* aimed at, and of the way there */
    double *w;                /* the caller's */
    duet_logistic_result *result;
    bool near;                    /* near enough for the next strength to begin from w */
    double *mean, *axes, *values; /* C, U [K,K] and c [K], ascending, not below a floor */
    double made_for, spread;      /* the penalty and the trace of C of the preconditioner */
    duet_scaling scaling;         /* G; without axes: that of all rows alike */
    double scaled_at;             /* trace of C for which G was made */
    float *curvature;             /* [M], V */
    double *gradient, *step, *residual, *solved, *direction, *product, *trial,
        *turned;        /* [variables] */
    float *rows, *work; /* [K,D] */
    double loss, lowered, begun, size, length;
    int tries;
    bool finished;
    duet_status status;
} lane;

struct duet_newton {
    duet_logistic *problem;
    int64_t classes, dim, weights, variables;
    int lane_count, threads;
    lane *lanes;
    duet_logistic_lane *asked; /* [lane_count] */
    duet_scaling scaling;
    bool scaled;
    const duet_logistic_limits *limits;
};

static double dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* to += factor from */
static void add(double *to, double factor, const double *from, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] += factor * from[i];
}

static void copy(const duet_newton *n, double *to, const double *from) {
    memcpy(to, from, (size_t)n->variables * sizeof(double));
}

static duet_status make_lane(const duet_newton *n, lane *l) {
    double **vectors[] = {&l->gradient,  &l->step,    &l->residual, &l->solved,
                          &l->direction, &l->product, &l->trial,    &l->turned};
    for (int i = 0; i < DUET_COUNT(vectors); i++)
        DUET_TRY(duet_alloc(vectors[i], n->variables, sizeof(double)));
    DUET_TRY(duet_alloc(&l->mean, n->classes * n->classes, sizeof(double)));
    DUET_TRY(duet_alloc(&l->axes, n->classes * n->classes, sizeof(double)));
    DUET_TRY(duet_alloc(&l->values, n->classes, sizeof(double)));
    DUET_TRY(duet_alloc(&l->rows, n->weights, sizeof(float)));
    DUET_TRY(duet_alloc(&l->curvature, duet_logistic_rows(n->problem)->rows, sizeof(float)));
    return duet_alloc(&l->work, n->weights, sizeof(float));
}

static void free_lane(lane *l) {
    double *vectors[] = {l->gradient, l->step,   l->residual, l->solved, l->direction, l->product,
                         l->trial,    l->turned, l->mean,     l->axes,   l->values};
    for (int i = 0; i < DUET_COUNT(vectors); i++) duet_release(vectors[i]);
    duet_release(l->rows);
    duet_release(l->curvature);
    duet_scaling_free(&l->scaling);
    duet_release(l->work);
}

duet_status duet_newton_new(duet_newton **out, duet_logistic *problem, int64_t widest) {
    duet_newton *n = NULL;
    duet_status status = DUET_OK;
    const duet_logistic_data *data = duet_logistic_rows(problem);
    DUET_DO(duet_alloc(&n, 1, sizeof *n));
    n->problem = problem;
    n->classes = data->classes;
    n->dim = data->dim;
    n->weights = n->classes * n->dim;
    n->variables = duet_logistic_variables(problem);
    n->lane_count = data->lanes < 1 ? 1 : data->lanes;
    n->threads = duet_context_threads(duet_logistic_context(problem));
    DUET_DO(duet_alloc(&n->lanes, n->lane_count, sizeof *n->lanes));
    DUET_DO(duet_alloc(&n->asked, n->lane_count, sizeof *n->asked));
    for (int l = 0; l < n->lane_count; l++) DUET_DO(make_lane(n, &n->lanes[l]));
    if (data->dim <= widest) {
        const int64_t most = data->dim < 2048 ? 8192 : 4 * data->dim;
        duet_linalg_set_threads(1); /* the same bits for any number of threads */
        status = duet_scaling_new(&n->scaling, data->x, data->rows, data->dim, most, n->threads);
        duet_linalg_set_threads(n->threads);
        DUET_DO(status);
        n->scaled = true;
    }
    *out = n;
    return DUET_OK;
done:
    duet_newton_free(n);
    return status;
}

void duet_newton_free(duet_newton *newton) {
    if (newton == NULL) return;
    for (int l = 0; newton->lanes != NULL && l < newton->lane_count; l++)
        free_lane(&newton->lanes[l]);
    duet_release(newton->lanes);
    duet_release(newton->asked);
    if (newton->scaled) duet_scaling_free(&newton->scaling);
    duet_release(newton);
}

/* G anew where the curvature of the rows is far below that when it was made: then it is for others
 * that they still do. */
static duet_status scale_lane(const duet_newton *n, lane *l, double spread) {
    const duet_logistic_data *data = duet_logistic_rows(n->problem);
    const int64_t wanted = ROWS_A_COLUMN * data->dim,
                  count = wanted < data->rows ? wanted : data->rows;
    if (!n->scaled || spread > 0.3 * l->scaled_at || !(spread > 0)) return DUET_OK;
    duet_logistic_curvature(n->problem, (int)(l - n->lanes), l->curvature);
    duet_scaling_free(&l->scaling);
    DUET_TRY(duet_scaling_weighted(&l->scaling, data->x, l->curvature, data->rows, data->dim, count,
                                   n->threads));
    l->scaled_at = spread;
    return DUET_OK;
}

/* C at the lane's last F; an old one serves while the penalty is the same and the classes are about
 * as uncertain. */
static duet_status prepare(const duet_newton *n, lane *l) {
    const int64_t classes = n->classes;
    double spread = 0;
    duet_logistic_classes(n->problem, (int)(l - n->lanes), l->mean);
    for (int64_t k = 0; k < classes; k++) spread += l->mean[k * classes + k];
    if (!isfinite(spread)) return DUET_OK; /* the loss says so */
    DUET_TRY(scale_lane(n, l, spread));
    if (l->made_for == l->penalty && spread > l->spread / 1.5 && spread < l->spread * 1.5)
        return DUET_OK;
    memcpy(l->axes, l->mean, (size_t)(classes * classes) * sizeof(double));
    DUET_TRY(duet_eigen_sym_f64(classes, l->axes, l->values));
    /* F does not see the sum of all classes: its c is 0, and rounding must not be blown up there.
     */
    const double floor =
        fmax(classes > 1 ? l->values[1] : 0, fmax(1e-4 * l->values[classes - 1], 1e-12));
    for (int64_t k = 0; k < classes; k++) l->values[k] = fmax(l->values[k], floor);
    l->made_for = l->penalty;
    l->spread = spread;
    return DUET_OK;
}

/* out = U' in or U in, [K,D + 1]; fixed blocks of columns, so that bits do not depend on the
 * threads. */
static void turn(const duet_newton *n, const lane *l, bool back, const double *in, double *out) {
    const int64_t K = n->classes, D = n->dim, blocks = (D + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) num_threads(n->threads) if (K * n->weights > MANY)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t first = b * BLOCK, columns = D - first < BLOCK ? D - first : BLOCK;
        duet_gemm_f64(!back, false, K, columns, K, 1.0, l->axes, K, in + first, D, 0.0, out + first,
                      D);
    }
    for (int64_t i = 0; i < K; i++) {
        double sum = 0;
        for (int64_t k = 0; k < K; k++)
            sum += (back ? l->axes[i * K + k] : l->axes[k * K + i]) * in[n->weights + k];
        out[n->weights + i] = sum;
    }
}

/* out = P^-1 g. The rows are scaled to a largest entry of 1 for single precision. Columns without
 * axes have unit variance and count as uncorrelated. */
static void precondition(const duet_newton *n, lane *l, const double *g, double *out) {
    const int64_t K = n->classes, D = n->dim;
    double *t = l->turned, most = 0;
    turn(n, l, false, g, t);
    if (n->scaled) {
        for (int64_t i = 0; i < n->weights; i++) most = fmax(most, fabs(t[i]));
        const double shrink = most > 0 ? 1.0 / most : 0;
        for (int64_t i = 0; i < n->weights; i++) l->rows[i] = (float)(t[i] * shrink);
        duet_scaling_solve(l->scaling.axes != NULL ? &l->scaling : &n->scaling, l->values,
                           fmax(l->penalty, 1e-7 * l->values[K - 1]), l->rows, l->work, K);
        for (int64_t i = 0; i < n->weights; i++) t[i] = (double)l->rows[i] * most;
    }
    for (int64_t k = 0; k < K; k++) {
        const double factor = n->scaled ? 1.0 : 1.0 / (l->values[k] + l->penalty);
        for (int64_t c = 0; c < D; c++) t[k * D + c] *= factor;
        t[n->weights + k] /= l->values[k];
    }
    turn(n, l, true, t, out);
}

static void end_lane(lane *l, bool converged) {
    l->result->loss = l->loss;
    l->result->converged = converged;
    l->near = true;
    l->state = LANE_DONE;
}

/* The search for H step = -gradient begins. */
static void begin_step(const duet_newton *n, lane *l) {
    if (!isfinite(l->loss) || l->result->passes >= n->limits->passes) {
        end_lane(l, false);
        return;
    }
    l->status = prepare(n, l);
    memset(l->step, 0, (size_t)n->variables * sizeof(double));
    for (int64_t i = 0; i < n->variables; i++) l->residual[i] = -l->gradient[i];
    precondition(n, l, l->residual, l->solved);
    copy(n, l->direction, l->solved);
    l->lowered = 0;
    l->size = l->begun = dot(l->residual, l->solved, n->variables);
    l->state = LANE_CURVES;
    if (!(l->size > 0)) end_lane(l, l->size == 0);
}

/* Near the minimum of a penalty on the way the next one follows; F changes by its penalty only. */
static void lower_penalty(const duet_newton *n, lane *l) {
    const double before = l->penalty;
    double square = 0;
    l->penalty = before / 10 < 3.0 * fmax(l->strength, 1e-7) ? l->strength : before / 10;
    for (int64_t i = 0; i < n->weights; i++) {
        square += l->w[i] * l->w[i];
        l->gradient[i] += (l->penalty - before) * l->w[i];
    }
    l->loss += 0.5 * (l->penalty - before) * square;
}

/* The step is known: how far it lowers the model of F says whether it is the last one. */
static void end_search(const duet_newton *n, lane *l) {
    const double gap = l->penalty > l->strength ? near_gap : n->limits->gap;
    l->finished = l->lowered <= gap * l->loss;
    l->near |= l->penalty == l->strength && l->lowered <= start_gap * l->loss;
    if (!(l->lowered > 0)) {
        end_lane(l, true);
        return;
    }
    l->length = 1.0;
    l->tries = 0;
    copy(n, l->trial, l->w);
    add(l->trial, 1.0, l->step, n->variables);
    l->state = LANE_TRIES;
}

/* H direction is there. The search ends when an iteration lowers the model by less than a tenth of
 * all before. */
static void take_curve(const duet_newton *n, lane *l) {
    const double curvature = dot(l->direction, l->product, n->variables);
    if (!(curvature > 0) || !isfinite(curvature)) {
        end_search(n, l);
        return;
    }
    const double along = l->size / curvature, gain = 0.5 * along * l->size;
    add(l->step, along, l->direction, n->variables);
    add(l->residual, -along, l->product, n->variables);
    l->lowered += gain;
    precondition(n, l, l->residual, l->solved);
    const double left = dot(l->residual, l->solved, n->variables);
    if ((gain < 0.1 * l->lowered && left < 0.1 * l->begun) || !(left > 0) ||
        l->result->passes >= n->limits->passes) {
        end_search(n, l);
        return;
    }
    for (int64_t i = 0; i < n->variables; i++)
        l->direction[i] = l->solved[i] + left / l->size * l->direction[i];
    l->size = left;
}

/* F at the trial point is there: the step is halved until it lowers F, up to rounding. */
static void take_trial(const duet_newton *n, lane *l, double now) {
    if (now <= l->loss - 1e-4 * l->length * l->lowered + 1e-9 * l->loss) {
        copy(n, l->w, l->trial);
        copy(n, l->gradient, l->product);
        l->loss = now;
        if (l->finished && l->penalty > l->strength)
            lower_penalty(n, l);
        else if (l->finished) {
            end_lane(l, true);
            return;
        }
        begin_step(n, l);
        return;
    }
    l->length /= 2;
    if (++l->tries == 12) {
        /* Rounding of the f32 products ends the descent first when gap is very small. */
        end_lane(l, l->penalty == l->strength && (l->finished || l->lowered < 1e-5 * l->loss));
        return;
    }
    copy(n, l->trial, l->w);
    add(l->trial, l->length, l->step, n->variables);
}

static void go_on(const duet_newton *n, lane *l, const duet_logistic_lane *answer) {
    l->result->passes++;
    if (l->state == LANE_CURVES)
        take_curve(n, l);
    else if (l->state == LANE_TRIES)
        take_trial(n, l, answer->loss);
    else {
        l->loss = answer->loss;
        copy(n, l->gradient, l->product);
        begin_step(n, l);
    }
}

/* What the lane wants to know next; everything lands in product. */
static duet_logistic_lane ask(const lane *l, int place) {
    const double *at = l->state == LANE_CURVES  ? l->direction
                       : l->state == LANE_TRIES ? l->trial
                                                : l->w;
    return (duet_logistic_lane){.place = place,
                                .strength = l->penalty,
                                .at = at,
                                .curve = l->state == LANE_CURVES,
                                .out = l->product};
}

static void start_lanes(duet_newton *n, const double *strengths, int count, double *const *w,
                        duet_logistic_result *results) {
    bool zeros = true;
    for (int64_t i = 0; i < n->variables; i++) zeros &= w[0][i] == 0;
    for (int i = 0; i < count; i++) {
        lane *l = &n->lanes[i];
        results[i] = (duet_logistic_result){0};
        l->strength = l->penalty = strengths[i];
        if (i == 0 && zeros && strengths[0] < 1.0 / 3) l->penalty = 1.0;
        l->w = w[i];
        l->result = &results[i];
        l->near = false;
        l->status = DUET_OK;
        l->made_for = -1;
        duet_scaling_free(&l->scaling);
        l->scaled_at = 1.0 - 1.0 / (double)n->classes; /* of w = 0 */
        l->state = i == 0 ? LANE_OPENS : LANE_WAITS;
    }
}

/* Lanes that wait begin where the one before them stands; its penalty is tenfold at most. */
static void wake_lanes(duet_newton *n, int count) {
    for (int i = 1; i < count; i++) {
        lane *l = &n->lanes[i];
        const lane *before = &n->lanes[i - 1];
        if (l->state != LANE_WAITS || !before->near) continue;
        copy(n, l->w, before->w);
        l->penalty =
            fmax(l->strength,
                 before->strength / 10 < 3.0 * l->strength ? l->strength : before->strength / 10);
        l->state = LANE_OPENS;
    }
}

/* One question of each lane, one pass, the answers. False: nobody asks. */
static bool run_round(duet_newton *n, int count) {
    int places = 0;
    wake_lanes(n, count);
    for (int i = 0; i < count; i++)
        if (n->lanes[i].state != LANE_DONE && n->lanes[i].state != LANE_WAITS)
            n->asked[places++] = ask(&n->lanes[i], i);
    if (places == 0) return false;
    duet_logistic_pass(n->problem, n->asked, places);
#pragma omp parallel for schedule(dynamic, 1) num_threads(n->threads) if (places > 1)
    for (int a = 0; a < places; a++) go_on(n, &n->lanes[n->asked[a].place], &n->asked[a]);
    return true;
}

duet_status duet_newton_fit(duet_newton *newton, const double *strengths, int count,
                            const duet_logistic_limits *limits, double *const *w,
                            duet_logistic_result *results) {
    duet_newton *n = newton;
    duet_status status = DUET_OK;
    bool asking = true;
    if (count < 1 || count > n->lane_count)
        return duet_fail(DUET_ARG, "%d strengths at once; there is room for %d", count,
                         n->lane_count);
    n->limits = limits;
    start_lanes(n, strengths, count, w, results);
    duet_linalg_set_threads(1); /* the same bits for any number of threads */
    while (status == DUET_OK && asking) {
        status = duet_check_cancelled(duet_logistic_context(n->problem));
        if (status == DUET_OK) asking = run_round(n, count);
        for (int i = 0; status == DUET_OK && i < count; i++)
            if (n->lanes[i].status != DUET_OK)
                status = duet_fail(n->lanes[i].status,
                                   "the classes of the logistic regression cannot be scaled");
    }
    duet_linalg_set_threads(n->threads);
    for (int i = 0; status == DUET_OK && i < count; i++)
        if (!isfinite(results[i].loss))
            status = duet_fail(DUET_NUMERIC, "the loss of the logistic regression is not a number");
    return status;
}
