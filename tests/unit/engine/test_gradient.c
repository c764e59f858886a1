/* SPDX-License-Identifier: MIT
 * Two losses differentiated in one graph give what each gives in a graph of its own, to the bit,
 * also where values inside blocks are computed again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "engine/graph/plan.h"
#include "engine/op/ops.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { ROWS = 3, WIDTH = 4, LAYERS = 3, WEIGHTS = WIDTH * WIDTH };

/* Three layers of silu(W x), each a block with a tap. */
static duet_value network(duet_graph *graph) {
    duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){ROWS, WIDTH});
    for (int i = 0; i < LAYERS; i++) {
        const size_t mark = duet_scope_push(graph, "layer%d", i);
        const duet_init init = {.kind = DUET_INIT_UNIFORM, .scale = 0.7};
        const duet_value w =
            duet_parameter(graph, "w", DUET_WEIGHT, init, 2, (int64_t[]){WIDTH, WIDTH});
        x = duet_silu(graph, duet_silu(graph, duet_linear(graph, x, w, DUET_NONE)));
        x = duet_tap(graph, i + 1, "layer", x);
        duet_scope_pop(graph, mark);
    }
    return x;
}

static duet_value loss_of(duet_graph *graph, duet_value y, const char *target) {
    duet_value loss = DUET_NONE, rows = DUET_NONE;
    duet_mse_loss(graph, y, duet_input(graph, target, DUET_F32, 2, (int64_t[]){ROWS, WIDTH}), &loss,
                  &rows);
    return loss;
}

static void feed(duet_session *session, const char *name) {
    float values[ROWS * WIDTH];
    duet_rng_normal(duet_rng_make(3, name, 0), 0, values, ROWS * WIDTH);
    if (duet_session_has_input(session, name)) OK(duet_session_set(session, name, values));
}

/* Gradients of the losses (a: the output, b: its double) by all weights, [losses][LAYERS]. Returns
 * how many nodes run. */
static int64_t gradients(float *out, bool a, bool b, bool recompute) {
    const duet_plan_options options = {.device = "ref", .threads = 1};
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value wrt[LAYERS], d[2 * LAYERS];
    int64_t count = 0;
    OK(duet_graph_new(&graph));
    const duet_value y = network(graph);
    for (int i = 0; i < LAYERS; i++) wrt[i] = graph->params[i].value;
    if (a) {
        OK(duet_grad(graph, loss_of(graph, y, "a"), wrt, LAYERS, d));
        count += LAYERS;
    }
    if (b) { /* its forward nodes stand behind the gradient of the first */
        OK(duet_grad(graph, loss_of(graph, duet_scale(graph, y, 2.0), "b"), wrt, LAYERS,
                     d + count));
        count += LAYERS;
    }
    if (recompute) OK(duet_pass_run(graph, "recompute", d, count));
    OK(duet_slots_new(&slots, graph));
    duet_slots_init(slots, 1, false);
    OK(duet_plan_new(&plan, graph, slots, d, count, NULL, 0, &options));
    OK(duet_session_new(&session, plan, slots));
    feed(session, "x");
    feed(session, "a");
    feed(session, "b");
    OK(duet_session_run(session));
    for (int64_t i = 0; i < count; i++) OK(duet_session_get(session, i, -1, out + i * WEIGHTS));
    const int64_t nodes = duet_plan_rows(plan);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
    return nodes;
}

static void two_losses(void **state) {
    (void)state;
    float apart[2 * LAYERS * WEIGHTS], together[2 * LAYERS * WEIGHTS];
    gradients(apart, true, false, false);
    gradients(apart + LAYERS * WEIGHTS, false, true, false);
    assert_memory_not_equal(apart, apart + LAYERS * WEIGHTS, sizeof apart / 2);
    const int64_t nodes = gradients(together, true, true, false);
    assert_memory_equal(apart, together, sizeof apart);
    memset(together, 0, sizeof together);
    assert_true(gradients(together, true, true, true) > nodes); /* some run twice */
    assert_memory_equal(apart, together, sizeof apart);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_losses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
