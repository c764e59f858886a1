/* SPDX-License-Identifier: MIT
 * engine/graph/tuner.c: measures kernels. Every candidate of a case runs on the same random data in
 * turns, so that a disturbance hits all; the time of each is its best turn. The kernel of the rule
 * stays unless another one is faster by MARGIN, in a second measurement of the two as well: noise
 * alone should change nothing. */
#include "engine/graph/tuner.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/rng.h"
#include "engine/graph/plan_internal.h"

enum { FEWEST_TURNS = 3, MOST_TURNS = 25 };
#define MARGIN   0.97 /* of the rule's time */
#define HOPELESS 1.6  /* times the best: no more turns */
#define SHORTEST 5e-4 /* seconds of a turn */

typedef struct trial { /* one kernel at work */
    const duet_kernel *kernel;
    duet_kernel_plan plan;
    duet_run run;
    double best; /* seconds */
    int times;   /* runs of a turn */
    bool out;    /* cannot, or hopeless */
} trial;

typedef struct bench {
    const duet_call *call;
    duet_kernel_options options;
    bool trains; /* weights are others in every run */
    void *in[DUET_MAX_INPUTS], *out[DUET_MAX_OUTPUTS];
    trial trials[DUET_MAX_CANDIDATES];
    int count, usual; /* trials; that of the rule */
} bench;

/* Values of [-1, 1); zeros of integers, which are indices. */
static duet_status make_input(void **out, const duet_arg *arg, int k) {
    const int64_t count = duet_shape_count(&arg->shape);
    const duet_rng random = duet_rng_make(1, "tune", (uint64_t)k);
    float *x = NULL;
    DUET_TRY(duet_alloc(out, count, duet_dtype_size(arg->dtype)));
    if (arg->dtype == DUET_I32) return DUET_OK;
    DUET_TRY(duet_alloc(&x, count, sizeof *x));
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(2.0 * duet_rng_uniform(random, (uint64_t)i) - 1.0);
    duet_convert(*out, arg->dtype, x, DUET_F32, count);
    duet_release(x);
    return DUET_OK;
}

static duet_status bench_data(bench *b) {
    for (int k = 0; k < b->call->inputs; k++)
        if (b->call->has_in[k]) DUET_TRY(make_input(&b->in[k], &b->call->in[k], k));
    for (int k = 0; k < b->call->outputs; k++)
        if (b->call->has_out[k])
            DUET_TRY(duet_alloc(&b->out[k], (int64_t)duet_arg_bytes(&b->call->out[k]), 1));
    return DUET_OK;
}

static duet_status trial_new(const bench *b, trial *t) {
    if (t->kernel->plan != NULL) DUET_TRY(t->kernel->plan(b->call, &b->options, &t->plan));
    t->run = (duet_run){.call = b->call,
                        .state = t->plan.state,
                        .threads = b->options.threads,
                        .l2_bytes = b->options.l2_bytes};
    for (int k = 0; k < b->call->inputs; k++) t->run.in[k] = b->in[k];
    for (int k = 0; k < b->call->outputs; k++) t->run.out[k] = b->out[k];
    DUET_TRY(duet_alloc(&t->run.keep, t->plan.keep, 1));
    DUET_TRY(duet_alloc(&t->run.scratch, t->plan.scratch, 1));
    return t->kernel->open != NULL ? t->kernel->open(t->plan.state, &t->run.local) : DUET_OK;
}

static void trial_free(trial *t) {
    if (t->kernel->close != NULL && t->run.local != NULL) t->kernel->close(t->run.local);
    if (t->kernel->release != NULL && t->plan.state != NULL) t->kernel->release(t->plan.state);
    duet_release(t->run.keep);
    duet_release(t->run.scratch);
}

static void bench_free(bench *b) {
    for (int i = 0; i < b->count; i++) trial_free(&b->trials[i]);
    for (int k = 0; k < DUET_MAX_INPUTS; k++) duet_release(b->in[k]);
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) duet_release(b->out[k]);
}

/* Versions of parameters as a session gives them. */
static duet_status turn(const bench *b, trial *t, int times, double *seconds) {
    const double start = duet_clock();
    for (int i = 0; i < times; i++) {
        for (int k = 0; k < b->call->inputs; k++)
            if (b->options.param_inputs >> k & 1u)
                t->run.in_version[k] = b->trains ? t->run.in_version[k] + 1 : 1;
        DUET_TRY(t->kernel->run(&t->run));
    }
    *seconds = (duet_clock() - start) / times;
    return DUET_OK;
}

static duet_status warm_up(const duet_tuner *tuner, bench *b, trial *t) {
    double one = 0.0;
    DUET_TRY(turn(b, t, 1, &one)); /* packs weights, fetches pages */
    if (tuner->seconds > 0.0) DUET_TRY(turn(b, t, 1, &one));
    t->times = one < SHORTEST && tuner->seconds > 0.0 ? (int)(SHORTEST / fmax(one, 1e-7)) + 1 : 1;
    return DUET_OK;
}

static int fastest(const bench *b) {
    int best = b->usual;
    for (int i = 0; i < b->count; i++)
        if (!b->trials[i].out && b->trials[i].best < b->trials[best].best) best = i;
    return best;
}

/* Sets `best` of all trials that are not out. */
static duet_status measure(const duet_tuner *tuner, bench *b) {
    const int fewest = tuner->seconds > 0.0 ? FEWEST_TURNS : 1;
    /* measured twice where another kernel is faster */
    const double end = duet_clock() + tuner->seconds / 2;
    for (int i = 0; i < b->count; i++) b->trials[i].best = INFINITY;
    for (int n = 0; n < MOST_TURNS && (n < fewest || duet_clock() < end); n++) {
        for (int i = 0; i < b->count; i++) {
            double seconds = 0.0;
            if (b->trials[i].out) continue;
            DUET_TRY(duet_check_cancelled(tuner->ctx));
            DUET_TRY(turn(b, &b->trials[i], b->trials[i].times, &seconds));
            b->trials[i].best = fmin(b->trials[i].best, seconds);
        }
        const double best = b->trials[fastest(b)].best;
        for (int i = 0; i < b->count; i++)
            b->trials[i].out |= i != b->usual && b->trials[i].best > HOPELESS * best;
    }
    return DUET_OK;
}

static duet_status choose(const duet_tuner *tuner, bench *b, int *chosen) {
    for (int i = 0; i < b->count; i++)
        if (!b->trials[i].out) DUET_TRY(warm_up(tuner, b, &b->trials[i]));
    DUET_TRY(measure(tuner, b));
    *chosen = fastest(b);
    if (*chosen == b->usual) return DUET_OK;
    if (b->trials[*chosen].best < MARGIN * b->trials[b->usual].best) {
        for (int i = 0; i < b->count; i++) b->trials[i].out = i != *chosen && i != b->usual;
        DUET_TRY(measure(tuner, b));
    }
    if (b->trials[*chosen].best >= MARGIN * b->trials[b->usual].best) *chosen = b->usual;
    return DUET_OK;
}

/* The kernels of the case: how many; fewer than 2 are no choice. The rule's is trial `usual`. */
static int list_trials(bench *b, const duet_backend *backend) {
    const duet_kernel *kernels[DUET_MAX_CANDIDATES], *usual = backend->find(b->call, &b->options);
    const int count =
        backend->candidates != NULL
            ? backend->candidates(kernels, DUET_MAX_CANDIDATES, b->call, &b->options, NULL)
            : 0;
    b->count = 0;
    b->usual = -1;
    for (int i = 0; i < count; i++) {
        if (usual != NULL && strcmp(kernels[i]->name, usual->name) == 0) b->usual = i;
        b->trials[b->count++] = (trial){.kernel = kernels[i]};
    }
    /* the rule takes none of them, but one that widens its arguments */
    if (b->usual < 0) b->count = 0;
    return b->count;
}

static duet_status tune_case(const duet_tuner *tuner, bench *b, const char *key,
                             duet_tuning *table) {
    duet_status status = DUET_OK;
    int chosen = b->usual;
    DUET_DO(bench_data(b));
    for (int i = 0; i < b->count; i++) {
        status = trial_new(b, &b->trials[i]);
        b->trials[i].out = i != b->usual && status == DUET_UNSUPPORTED;
        if (!b->trials[i].out) DUET_DO(status);
    }
    DUET_DO(choose(tuner, b, &chosen));
    const duet_tuning_row row = {.key = key,
                                 .kernel = b->trials[chosen].kernel->name,
                                 .usual = b->trials[b->usual].kernel->name,
                                 .seconds = b->trials[chosen].best,
                                 .usual_seconds = b->trials[b->usual].best};
    DUET_DO(duet_tuning_put(table, &row));
done:
    bench_free(b);
    return status;
}

/* Keys of all steps that have a choice, NULL for the others; of steps alike the first has their
 * count. */
static duet_status list_cases(const duet_plan *plan, duet_arena *arena, char **keys,
                              int64_t *counts, int64_t *total) {
    *total = 0;
    for (int64_t s = 0; s < plan->step_count; s++) {
        duet_str key = {0};
        bench b = {.call = &plan->steps[s].call,
                   .options = duet_step_options(plan, &plan->steps[s])};
        if (plan->steps[s].kernel == NULL) continue;
        if (list_trials(&b, plan->backend) < 2) continue;
        const duet_status status = duet_tuning_key(&key, b.call, &b.options, plan->grad_size > 0);
        keys[s] = status == DUET_OK ? duet_arena_text(arena, key.text) : NULL;
        duet_str_free(&key);
        DUET_TRY(status);
        DUET_TRY(duet_arena_status(arena));
        int64_t first = 0;
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): NULL stops above */
        while (keys[first] == NULL || strcmp(keys[first], keys[s]) != 0) first++;
        *total += first == s;
        counts[first]++;
    }
    return DUET_OK;
}

duet_status duet_tune_plan(const duet_tuner *tuner, const duet_plan *plan, duet_tuning *table) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    char **keys = NULL;
    int64_t *counts = NULL, total = 0, done = 0;
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_alloc(&keys, plan->step_count, sizeof *keys));
    DUET_DO(duet_alloc(&counts, plan->step_count, sizeof *counts));
    DUET_DO(list_cases(plan, arena, keys, counts, &total));
    for (int64_t s = 0; s < plan->step_count; s++) {
        const duet_step *step = &plan->steps[s];
        bench b = {.call = &step->call,
                   .options = duet_step_options(plan, step),
                   .trains = plan->grad_size > 0};
        if (counts[s] == 0) continue;
        duet_progress_report(tuner->ctx, tuner->task, "cases", (double)done++, (double)total,
                             step->call.op->info.name);
        DUET_DO(duet_check_cancelled(tuner->ctx));
        const int candidates = list_trials(&b, plan->backend);
        if (duet_tuning_row_of(table, keys[s]) == NULL)
            DUET_CONTEXT(tune_case(tuner, &b, keys[s], table), "cannot tune '%s'", keys[s]);
        tuner->row(&step->call, duet_tuning_row_of(table, keys[s]), counts[s], candidates,
                   tuner->user);
    }
done:
    duet_release(keys);
    duet_release(counts);
    duet_arena_free(arena);
    return status;
}
