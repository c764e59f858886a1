/* SPDX-License-Identifier: MIT
 * bench_errors.c: all taps and the output of one pass over random noise, fast and in the given
 * precision, against an exact pass in f32: relative rms errors. The exact values are kept on the
 * heap, so that one session lives at a time. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "bench.h"
#include "engine/graph/plan.h"
#include "model/model.h"

enum { MOST_TAPS = 256 };

typedef struct values {
    duet_value value[MOST_TAPS];
    int64_t floats[MOST_TAPS];
    float *data[MOST_TAPS];
    int count;
} values;

static duet_value record_tap(duet_graph *graph, const duet_tap_info *tap, duet_value x,
                             void *user) {
    (void)graph;
    (void)tap;
    values *v = user;
    if (v->count < MOST_TAPS - 1) v->value[v->count++] = x; /* the last place is for the output */
    return x;
}

static duet_status set_inputs(duet_session *session, const duet_model *model, int64_t batch,
                              int64_t t) {
    const int64_t count = batch * model->shape.size * model->shape.size * model->shape.in_channels;
    duet_status status = DUET_OK;
    float *x = NULL, *net_t = NULL;
    int32_t *y = NULL;
    DUET_DO(duet_alloc(&x, count, sizeof *x));
    DUET_DO(duet_alloc(&net_t, batch, sizeof *net_t));
    DUET_DO(duet_alloc(&y, batch, sizeof *y));
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, x, count);
    for (int64_t i = 0; i < batch; i++) net_t[i] = (float)t;
    DUET_DO(duet_session_set(session, "x", x));
    DUET_DO(duet_session_set(session, "net_t", net_t));
    if (duet_session_has_input(session, "y")) DUET_DO(duet_session_set(session, "y", y));
done:
    duet_release(x);
    duet_release(net_t);
    duet_release(y);
    return status;
}

static duet_status run_pass(duet_context *ctx, values *v, duet_model *model, const bench_options *o,
                            bool exact) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_model_inputs in;
    duet_value raw = DUET_NONE;
    const duet_plan_options options = {.threads = duet_context_threads(ctx), .exact = exact};
    DUET_DO(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, record_tap, v);
    DUET_DO(duet_model_build(model, graph, o->batch, false, &in, &raw)); /* records the taps */
    v->value[v->count++] = raw;
    DUET_DO(duet_pass_run(graph, "fuse", v->value, v->count));
    if (!exact && duet_context_bf16(ctx)) DUET_DO(duet_pass_run(graph, "bf16", v->value, v->count));
    DUET_DO(duet_plan_new(&plan, graph, model->slots, v->value, v->count, NULL, 0, &options));
    DUET_DO(duet_session_new(&session, plan, model->slots));
    DUET_DO(set_inputs(session, model, o->batch, o->t));
    DUET_DO(duet_session_run(session));
    for (int i = 0; i < v->count; i++) {
        v->floats[i] = duet_shape_count(&duet_value_arg(graph, v->value[i])->shape);
        DUET_DO(duet_alloc(&v->data[i], v->floats[i], sizeof(float)));
        DUET_DO(duet_session_get(session, i, -1, v->data[i]));
    }
done:
    duet_session_free(session);
    duet_plan_free(plan);
    duet_graph_free(graph);
    return status;
}

static double relative(const float *have, const float *want, int64_t count) {
    double difference = 0.0, size = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)have[i] - (double)want[i];
        difference += d * d;
        size += (double)want[i] * (double)want[i];
    }
    return size > 0.0 ? sqrt(difference / size) : 0.0;
}

duet_status bench_errors(duet_context *ctx, const bench_options *o) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    values *exact = NULL, *fast = NULL;
    json_t *errors = json_array();
    double worst = 0.0;
    DUET_DO(duet_alloc(&exact, 1, sizeof *exact));
    DUET_DO(duet_alloc(&fast, 1, sizeof *fast));
    DUET_DO(duet_model_open(ctx, &model, o->model));
    DUET_DO(run_pass(ctx, exact, model, o, true));
    DUET_DO(run_pass(ctx, fast, model, o, false));
    for (int i = 0; i < exact->count; i++) {
        const double error = relative(fast->data[i], exact->data[i], exact->floats[i]);
        json_array_append_new(errors, json_real(error));
        worst = fmax(worst, error);
    }
    bench_say(json_pack("{s:f,s:i,s:O}", "worst", worst, "values", exact->count, "errors", errors));
done:
    json_decref(errors);
    for (int i = 0; i < MOST_TAPS; i++) {
        if (exact != NULL) duet_release(exact->data[i]);
        if (fast != NULL) duet_release(fast->data[i]);
    }
    duet_release(exact);
    duet_release(fast);
    duet_model_close(model);
    return status;
}
