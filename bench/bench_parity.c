/* SPDX-License-Identifier: MIT
 * bench_parity.c: what tools/parity compares with other programs, of an exact pass in f32 over
 * random noise. File: x[B,S,S,C], start[B,S,S,C] (the noise that `duet sample` begins with),
 * net_t[B], low_res[B,S,S,C] (networks for super-resolution), output, tap/NAME[B,H,W,C'] of all
 * taps; with gradient=1 also the gradient of every parameter under its own name, of the loss
 * mean(output^2); recompute=1 computes what is inside a block again for it, as training's
 * recompute=blocks does. Classes are those of the row numbers. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "bench.h"
#include "engine/graph/plan.h"
#include "engine/op/ops.h"
#include "model/model.h"
#include "noise/noise.h"

enum { MOST_TAPS = 256 };

typedef struct parity {
    duet_model *model;
    const bench_options *o;
    duet_graph *graph;
    duet_plan *plan;
    duet_session *session;
    duet_value value[MOST_TAPS]; /* output, then taps */
    char name[MOST_TAPS][64];
    int count;
    duet_plan_grad *grads;
    duet_store_item *items;
    int64_t item_count;
} parity;

static duet_value record_tap(duet_graph *graph, const duet_tap_info *tap, duet_value x,
                             void *user) {
    parity *p = user;
    (void)graph;
    if (p->count == MOST_TAPS) return x;
    snprintf(p->name[p->count], sizeof p->name[0], "tap/%s", tap->name);
    p->value[p->count++] = x;
    return x;
}

static duet_status add_gradients(parity *p) {
    const duet_slots *slots = p->model->slots;
    duet_status status = DUET_OK;
    duet_value loss = DUET_NONE, unused = DUET_NONE, *wrt = NULL, *grad = NULL;
    const duet_shape shape = duet_value_arg(p->graph, p->value[0])->shape;
    duet_mse_loss(p->graph, p->value[0], duet_fill(p->graph, 0.0, shape.rank, shape.dim), &loss,
                  &unused);
    DUET_DO(duet_alloc(&wrt, slots->count, sizeof *wrt));
    DUET_DO(duet_alloc(&grad, slots->count, sizeof *grad));
    DUET_DO(duet_alloc(&p->grads, slots->count, sizeof *p->grads));
    for (int64_t i = 0; i < slots->count; i++) wrt[i] = p->graph->params[i].value;
    DUET_DO(duet_grad(p->graph, loss, wrt, slots->count, grad));
    for (int64_t i = 0; i < slots->count; i++)
        p->grads[i] = (duet_plan_grad){
            .value = grad[i], .slot = duet_slots_find(slots, "", p->graph->params[i].name)};
done:
    duet_release(wrt);
    duet_release(grad);
    return status;
}

static duet_status recompute(parity *p) {
    const int64_t count = p->model->slots->count;
    duet_value *keep = NULL;
    DUET_TRY(duet_alloc(&keep, p->count + count, sizeof *keep));
    memcpy(keep, p->value, (size_t)p->count * sizeof *keep);
    for (int64_t i = 0; i < count; i++) keep[p->count + i] = p->grads[i].value;
    const duet_status status = duet_pass_run(p->graph, "recompute", keep, p->count + count);
    duet_release(keep);
    return status;
}

static duet_status compile(parity *p, duet_context *ctx) {
    const duet_plan_options options = {.threads = duet_context_threads(ctx), .exact = true};
    duet_model_inputs in;
    snprintf(p->name[p->count++], sizeof p->name[0], "output");
    DUET_TRY(duet_graph_new(&p->graph));
    duet_graph_set_tap_hook(p->graph, record_tap, p);
    DUET_TRY(duet_model_build(p->model, p->graph, p->o->batch, false, &in, &p->value[0]));
    DUET_TRY(duet_pass_run(p->graph, "fuse", p->value, p->count));
    if (p->o->gradient) DUET_TRY(add_gradients(p));
    if (p->o->gradient && p->o->recompute) DUET_TRY(recompute(p));
    DUET_TRY(duet_plan_new(&p->plan, p->graph, p->model->slots, p->value, p->count, p->grads,
                           p->o->gradient ? p->model->slots->count : 0, &options));
    return duet_session_new(&p->session, p->plan, p->model->slots);
}

/* A further tensor of the file, to be filled. */
static duet_status add(parity *p, float **out, const char *name, duet_shape shape) {
    duet_store_item *item = &p->items[p->item_count];
    DUET_TRY(duet_alloc(out, duet_shape_count(&shape), sizeof **out));
    *item = (duet_store_item){
        .name = name, .dtype = DUET_F32, .stored = DUET_F32, .shape = shape, .data = *out};
    p->item_count++;
    return DUET_OK;
}

static duet_status set_noise(parity *p, const char *name) {
    const duet_arch_shape *s = &p->model->shape;
    float *x = NULL;
    if (!duet_session_has_input(p->session, name)) return DUET_OK;
    DUET_TRY(add(p, &x, name,
                 (duet_shape){.rank = 4, .dim = {p->o->batch, s->size, s->size, s->in_channels}}));
    duet_rng_normal(duet_rng_make(1, name, 0), 0, x,
                    p->o->batch * s->size * s->size * s->in_channels);
    return duet_session_set(p->session, name, x);
}

/* Not of the network: what `duet sample --seed 0` starts from, for other programs to start from
 * too. */
static duet_status add_start(parity *p) {
    const duet_arch_shape *const s = &p->model->shape;
    const int64_t dim = s->size * s->size * s->in_channels;
    float *start = NULL;
    DUET_TRY(add(p, &start, "start",
                 (duet_shape){.rank = 4, .dim = {p->o->batch, s->size, s->size, s->in_channels}}));
    for (int64_t i = 0; i < p->o->batch; i++) duet_image_noise(start + i * dim, 0, i, dim);
    return DUET_OK;
}

static duet_status set_inputs(parity *p) {
    float *net_t = NULL;
    int32_t *y = NULL;
    DUET_TRY(set_noise(p, "x"));
    DUET_TRY(set_noise(p, "low_res"));
    DUET_TRY(add_start(p));
    DUET_TRY(add(p, &net_t, "net_t", (duet_shape){.rank = 1, .dim = {p->o->batch}}));
    for (int64_t i = 0; i < p->o->batch; i++) net_t[i] = 900.0F / (float)(1 + 8 * i);
    if (duet_session_has_input(p->session, "net_t"))
        DUET_TRY(duet_session_set(p->session, "net_t", net_t));
    if (!duet_session_has_input(p->session, "y")) return DUET_OK;
    DUET_TRY(duet_alloc(&y, p->o->batch, sizeof *y));
    for (int64_t i = 0; i < p->o->batch; i++) y[i] = (int32_t)(i % p->model->shape.class_count);
    const duet_status status = duet_session_set(p->session, "y", y);
    duet_release(y);
    return status;
}

static duet_status collect(parity *p) {
    const duet_slots *slots = p->model->slots;
    float *data = NULL;
    for (int i = 0; i < p->count; i++) {
        DUET_TRY(add(p, &data, p->name[i], duet_value_arg(p->graph, p->value[i])->shape));
        DUET_TRY(duet_session_get(p->session, i, -1, data));
    }
    for (int64_t k = 0; p->o->gradient && k < slots->count; k++) {
        DUET_TRY(add(p, &data, slots->list[k].name, slots->list[k].shape));
        memcpy(data, duet_session_gradients(p->session) + duet_plan_grad_offset(p->plan, k),
               (size_t)slots->list[k].count * sizeof *data);
    }
    return DUET_OK;
}

static void free_parity(parity *p) {
    for (int64_t i = 0; i < p->item_count; i++) {
        void *data = NULL;
        memcpy(&data, &p->items[i].data, sizeof data); /* const only for the writer */
        duet_release(data);
    }
    duet_release(p->items);
    duet_release(p->grads);
    duet_session_free(p->session);
    duet_plan_free(p->plan);
    duet_graph_free(p->graph);
    duet_model_close(p->model);
    duet_release(p);
}

duet_status bench_parity(duet_context *ctx, const bench_options *o) {
    duet_status status = DUET_OK;
    parity *p = NULL;
    DUET_TRY(duet_alloc(&p, 1, sizeof *p));
    p->o = o;
    DUET_DO(duet_model_open(ctx, &p->model, o->model));
    DUET_DO(compile(p, ctx));
    DUET_DO(duet_alloc(&p->items, p->count + p->model->slots->count + 4, sizeof *p->items));
    DUET_DO(set_inputs(p));
    DUET_DO(duet_session_run(p->session));
    DUET_DO(collect(p));
    DUET_DO(duet_store_write(o->out, "safetensors", p->items, p->item_count, NULL, 0));
    bench_say(json_pack("{s:s,s:s,s:i,s:I}", "arch", duet_model_card(p->model)->arch, "config",
                        duet_model_config(p->model), "taps", p->count - 1, "parameters",
                        (json_int_t)duet_model_parameters(p->model)));
done:
    free_parity(p);
    return status;
}
