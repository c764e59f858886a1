/* SPDX-License-Identifier: MIT
 * A network twice in one graph, the second pass with maps of the first added at a tap: the taps say
 * which pass they are in, the map flows on, and the gradient of all weights along a direction is
 * that of finite differences. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "model/model.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { ROWS = 2, MOST = 256 };

typedef struct injection {
    int block; /* where the maps are added */
    double share;
    duet_value map; /* of the first pass */
    int seen[2];
} injection;

static duet_value inject(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    injection *in = user;
    assert_true(tap->pass == 0 || tap->pass == 1);
    assert_string_equal(tap->part, "");
    in->seen[tap->pass]++;
    if (tap->block != in->block) return x;
    if (tap->pass == 0) in->map = x;
    return tap->pass == 0 || in->share == 0
               ? x
               : duet_add(graph, x, duet_scale(graph, in->map, in->share));
}

typedef struct twice {
    duet_model *model;
    duet_plan *plan;
    duet_session *session;
    duet_slots *slots;
    int64_t weights, slot[MOST];
} twice;

/* Mean square of the second pass's output, and the gradient by every weight. */
static twice build(const char *spec, int block, double share) {
    twice t = {0};
    injection in = {.block = block, .share = share, .map = DUET_NONE};
    duet_graph *graph = NULL;
    duet_value out[2], loss = DUET_NONE, rows = DUET_NONE, wrt[MOST], grad[MOST];
    duet_plan_grad list[MOST];
    const duet_plan_options options = {.device = "ref", .threads = 1};
    OK(duet_model_describe(&t.model, spec));
    OK(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, inject, &in);
    for (int pass = 0; pass < 2; pass++) {
        duet_model_inputs inputs;
        const duet_part_mark mark = duet_part_push(graph, "", pass);
        OK(duet_model_build(t.model, graph, ROWS, false, &inputs, &out[pass]));
        duet_part_pop(graph, mark);
    }
    assert_int_equal(in.seen[0], t.model->tap_count);
    assert_int_equal(in.seen[1], t.model->tap_count);
    const duet_shape shape = duet_value_arg(graph, out[1])->shape;
    duet_mse_loss(graph, out[1], duet_fill(graph, 0.5, shape.rank, shape.dim), &loss, &rows);
    OK(duet_graph_status(graph));
    OK(duet_slots_new(&t.slots, graph));
    assert_int_equal(t.slots->count, t.model->slots->count); /* shared by the passes */
    duet_slots_init(t.slots, 3, true);
    for (int64_t i = 0; i < graph->param_count && t.weights < MOST; i++) {
        t.slot[t.weights] = duet_slots_bind(t.slots, &graph->params[i], NULL);
        wrt[t.weights++] = graph->params[i].value;
    }
    OK(duet_grad(graph, loss, wrt, t.weights, grad));
    for (int64_t i = 0; i < t.weights; i++)
        list[i] = (duet_plan_grad){.value = grad[i], .slot = t.slot[i]};
    OK(duet_plan_new(&t.plan, graph, t.slots, &loss, 1, list, t.weights, &options));
    OK(duet_session_new(&t.session, t.plan, t.slots));
    duet_graph_free(graph);
    return t;
}

static float loss_of(twice *t) {
    float loss = 0;
    const duet_arch_shape *shape = &t->model->shape;
    float *const x = duet_session_input(t->session, "x"), *const net_t = duet_session_input(
                                                              t->session, "net_t");
    duet_rng_normal(duet_rng_make(7, "x", 0), 0, x,
                    ROWS * shape->size * shape->size * shape->in_channels);
    for (int i = 0; i < ROWS && net_t != NULL; i++) net_t[i] = 100.0F * (float)(i + 1);
    OK(duet_session_run(t->session));
    OK(duet_session_get(t->session, 0, -1, &loss));
    return loss;
}

/* w += step d, with d drawn for each weight. */
static void move(twice *t, float step) {
    for (int64_t k = 0; k < t->slots->count; k++) {
        const duet_slot *slot = &t->slots->list[k];
        const duet_rng rng = duet_rng_make(9, slot->name, 0);
        for (int64_t i = 0; i < slot->count; i++)
            slot->own[i] += step * (float)(duet_rng_uniform(rng, (uint64_t)i) - 0.5);
    }
    duet_slots_touch(t->slots, -1);
}

static double slope(twice *t) {
    double sum = 0;
    const float *const grad = duet_session_gradients(t->session);
    for (int64_t k = 0; k < t->slots->count; k++) {
        const duet_slot *slot = &t->slots->list[k];
        const int64_t at = duet_plan_grad_offset(t->plan, k);
        const duet_rng rng = duet_rng_make(9, slot->name, 0);
        for (int64_t i = 0; at >= 0 && i < slot->count; i++)
            sum += (double)grad[at + i] * (duet_rng_uniform(rng, (uint64_t)i) - 0.5);
    }
    return sum;
}

static void close_twice(twice *t) {
    duet_session_free(t->session);
    duet_plan_free(t->plan);
    duet_slots_free(t->slots);
    duet_model_close(t->model);
}

static void check(const char *spec, int block) {
    const float step = 1e-3F;
    twice plain = build(spec, block, 0.0), t = build(spec, block, 0.5);
    const float without = loss_of(&plain), with = loss_of(&t);
    if (without == with) fail_msg("%s: the map does not flow on (%g)", spec, (double)with);
    const double want = slope(&t);
    move(&t, step);
    const double up = (double)loss_of(&t);
    move(&t, -2 * step);
    const double down = (double)loss_of(&t);
    const double have = (up - down) / (2.0 * (double)step);
    if (!(fabs(have - want) < 2e-2 * fabs(want)))
        fail_msg("%s: slope %g by differences, %g by the gradient", spec, have, want);
    close_twice(&plain);
    close_twice(&t);
}

static void unet(void **state) {
    (void)state;
    check("adm_unet:image_size=8,num_channels=8,channel_mult=1/2,num_res_blocks=1,"
          "attention_resolutions=4,num_heads=2,norm_groups=4",
          4);
}

static void vit(void **state) {
    (void)state;
    check("vit:image_size=8,patch=4,width=8,depth=3,heads=2,hidden=16,classes=5", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unet), cmocka_unit_test(vit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
