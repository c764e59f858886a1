/* SPDX-License-Identifier: MIT
 * head/newton.c: truncated Newton (Dembo and Steihaug 1983) for several strengths in step: each is
 * a small machine that asks for F and its gradient, or for H v, and goes on when the pass that
 * serves all of them is over. Conjugate gradients are preconditioned by head/preconditioner.h. */
#include "head/newton.h"

#include <math.h>
#include <string.h>

#include <duet/registry.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "head/preconditioner.h"

static const double near_gap = 1e-2,
                    start_gap = 1e-1; /* of a penalty on the way; where the next strength begins */

typedef enum lane_state { LANE_WAITS, LANE_OPENS, LANE_CURVES, LANE_TRIES, LANE_DONE } lane_state;

typedef struct lane {
    lane_state state;
    double strength, penalty; /* aimed at, and of the way there */
    double *w;                /* the caller's */
    duet_logistic_result *result;
    bool near; /* near enough for the next strength to begin from w */
    duet_preconditioner preconditioner;
    double *gradient, *step, *residual, *solved, *direction, *product, *trial; /* [variables] */
    double loss, lowered, begun, size, length;
    int tries;
    bool finished;
    duet_status status;
} lane;

struct duet_newton {
    duet_logistic *problem;
    int64_t weights, variables;
    int lane_count, threads;
    lane *lanes;
    duet_logistic_lane *asked; /* [lane_count] */
    duet_preconditioner_base base;
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
                          &l->direction, &l->product, &l->trial};
    for (int i = 0; i < DUET_COUNT(vectors); i++)
        DUET_TRY(duet_alloc(vectors[i], n->variables, sizeof(double)));
    return duet_preconditioner_new(&l->preconditioner, &n->base);
}

static void free_lane(lane *l) {
    double *vectors[] = {l->gradient,  l->step,    l->residual, l->solved,
                         l->direction, l->product, l->trial};
    for (int i = 0; i < DUET_COUNT(vectors); i++) duet_release(vectors[i]);
    duet_preconditioner_free(&l->preconditioner);
}

duet_status duet_newton_new(duet_newton **out, duet_logistic *problem, int64_t widest) {
    duet_newton *n = NULL;
    duet_status status = DUET_OK;
    const duet_logistic_data *data = duet_logistic_rows(problem);
    DUET_DO(duet_alloc(&n, 1, sizeof *n));
    n->problem = problem;
    n->weights = data->classes * data->dim;
    n->variables = duet_logistic_variables(problem);
    n->lane_count = data->lanes < 1 ? 1 : data->lanes;
    n->threads = duet_context_threads(duet_logistic_context(problem));
    DUET_DO(duet_preconditioner_base_new(&n->base, problem, widest));
    DUET_DO(duet_alloc(&n->lanes, n->lane_count, sizeof *n->lanes));
    DUET_DO(duet_alloc(&n->asked, n->lane_count, sizeof *n->asked));
    for (int l = 0; l < n->lane_count; l++) DUET_DO(make_lane(n, &n->lanes[l]));
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
    duet_preconditioner_base_free(&newton->base);
    duet_release(newton);
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
    l->status =
        duet_preconditioner_update(&l->preconditioner, &n->base, (int)(l - n->lanes), l->penalty);
    memset(l->step, 0, (size_t)n->variables * sizeof(double));
    for (int64_t i = 0; i < n->variables; i++) l->residual[i] = -l->gradient[i];
    duet_preconditioner_apply(&l->preconditioner, &n->base, l->penalty, l->residual, l->solved);
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
    duet_preconditioner_apply(&l->preconditioner, &n->base, l->penalty, l->residual, l->solved);
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
        duet_preconditioner_reset(&l->preconditioner, &n->base);
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
