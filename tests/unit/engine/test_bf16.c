/* SPDX-License-Identifier: MIT
 * The pass `bf16`: what it turns and what it leaves f32, results and gradients beside f32, bits
 * that depend neither on threads nor on the batch where they must not. */
#include "tiny_model.h"
#include "tolerance.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/op/op_list.h"
#include "model/model.h"

enum { MOST = 64, IMAGE = 8 * 8 * 3 };

typedef struct network {
    duet_graph *graph;
    duet_value keep[MOST];
    int kept;
} network;

static duet_value keep_tap(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    network *n = user;
    (void)graph;
    (void)tap;
    n->keep[n->kept++] = x;
    return x;
}

/* All taps, then the output. */
static void build(network *n, const duet_model *model, int64_t batch, bool bf16) {
    duet_model_inputs in;
    *n = (network){0};
    OK(duet_graph_new(&n->graph));
    duet_graph_set_tap_hook(n->graph, keep_tap, n);
    duet_value out = DUET_NONE;
    OK(duet_model_build(model, n->graph, batch, false, &in, &out));
    n->keep[n->kept++] = out;
    OK(duet_pass_run(n->graph, "fuse", n->keep, n->kept));
    if (bf16) OK(duet_pass_run(n->graph, "bf16", n->keep, n->kept));
}

/* Values of all kept ones, behind each other; seeded images, the first of them `first`. */
static float *run(const network *n, duet_model *model, int64_t batch, int64_t first,
                  const duet_plan_options *options, int64_t *count) {
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    float *x = NULL, *t = NULL, *values = NULL;
    int64_t at = 0, total = 0;
    OK(duet_plan_new(&plan, n->graph, model->slots, n->keep, n->kept, NULL, 0, options));
    OK(duet_session_new(&session, plan, model->slots));
    OK(duet_alloc(&x, batch * IMAGE, sizeof *x));
    OK(duet_alloc(&t, batch, sizeof *t));
    duet_rng_normal(duet_rng_make(5, "x", 0), (uint64_t)(first * IMAGE), x, batch * IMAGE);
    for (int64_t i = 0; i < batch; i++) t[i] = 37.0f;
    OK(duet_session_set(session, "x", x));
    OK(duet_session_set(session, "net_t", t));
    OK(duet_session_run(session));
    for (int i = 0; i < n->kept; i++)
        total += duet_shape_count(&duet_value_arg(n->graph, n->keep[i])->shape);
    OK(duet_alloc(&values, total, sizeof *values));
    for (int i = 0; i < n->kept; i++) {
        OK(duet_session_get(session, i, -1, values + at));
        at += duet_shape_count(&duet_value_arg(n->graph, n->keep[i])->shape);
    }
    *count = total;
    duet_release(x);
    duet_release(t);
    duet_session_free(session);
    duet_plan_free(plan);
    return values;
}

static double distance(const float *have, const float *want, int64_t count) {
    double error = 0.0, size = 0.0;
    for (int64_t i = 0; i < count; i++) {
        error += ((double)have[i] - (double)want[i]) * ((double)have[i] - (double)want[i]);
        size += (double)want[i] * (double)want[i];
    }
    return sqrt(error / size);
}

/* Each op's activations are bf16 together, all of the rest is f32; kept values are f32; casts are
 * few. */
static void what_turns(void **state) {
    (void)state;
    network n;
    int maps = 0, casts = 0;
    duet_model *model = make_model(NULL, TINY_ARCH, 3);
    build(&n, model, 2, true);
    for (int i = 0; i < n.kept; i++)
        assert_int_equal(duet_value_arg(n.graph, n.keep[i])->dtype, DUET_F32);
    for (int64_t i = 0; i < n.graph->node_count; i++) {
        const duet_node *node = &n.graph->nodes[i];
        duet_call call;
        duet_graph_call(n.graph, node, ~0u, &call);
        casts += node->op == &duet_op_cast;
        duet_call again = call;
        OK(node->op->shape(&again)); /* refuses mixtures */
        for (int k = 0; k < call.outputs; k++) {
            assert_int_equal(call.out[k].dtype, again.out[k].dtype);
            assert_true(call.out[k].dtype == DUET_F32 || call.out[k].shape.rank >= 3);
            maps += call.out[k].dtype == DUET_BF16;
            const duet_value_info *info = &n.graph->values[node->out[k]];
            assert_int_equal(info->source, i);
            assert_int_equal(info->port, k);
        }
        for (int k = 0; k < call.inputs; k++) { /* made before it is read */
            if (call.has_in[k] && n.graph->values[node->in[k]].kind == DUET_VALUE_NODE)
                assert_true(n.graph->values[node->in[k]].source < i);
        }
    }
    assert_true(maps > 10);
    /* the input, what is kept, and where small maps begin and end */
    assert_true(casts > 1 && casts < 3 * n.kept);
    duet_graph_free(n.graph);
    duet_model_close(model);
}

/* All taps and the output; the backend `ref` rounds activations only, the other one also weights
 * where it packs them. */
static void close_to_f32(void **state) {
    (void)state;
    network plain, half;
    int64_t count = 0;
    duet_model *model = make_model(NULL, TINY_ARCH, 4);
    build(&plain, model, 3, false);
    build(&half, model, 3, true);
    float *want =
        run(&plain, model, 3, 0, &(duet_plan_options){.threads = 2, .exact = true}, &count);
    float *have = run(&half, model, 3, 0, &(duet_plan_options){.threads = 2}, &count);
    float *oracle =
        run(&half, model, 3, 0, &(duet_plan_options){.threads = 1, .device = "ref"}, &count);
    double worst[2] = {0};
    for (int64_t i = 0, at = 0; i < plain.kept; i++) {
        const int64_t size = duet_shape_count(&duet_value_arg(plain.graph, plain.keep[i])->shape);
        worst[0] = fmax(worst[0], distance(oracle + at, want + at, size));
        worst[1] = fmax(worst[1], distance(have + at, want + at, size));
        at += size;
    }
    print_message("    worst value: %.1e (ref), %.1e (cpu)\n", worst[0], worst[1]);
    for (int i = 0; i < 2; i++) assert_true(worst[i] > 1e-4 && worst[i] < TOLERANCE_BF16);
    duet_release(want);
    duet_release(have);
    duet_release(oracle);
    duet_graph_free(plain.graph);
    duet_graph_free(half.graph);
    duet_model_close(model);
}

static void exact_bits(void **state) {
    (void)state;
    network many, one;
    int64_t count = 0, single = 0;
    duet_model *model = make_model(NULL, TINY_ARCH, 6);
    build(&many, model, 3, true);
    build(&one, model, 1, true);
    float *first =
        run(&many, model, 3, 0, &(duet_plan_options){.threads = 1, .exact = true}, &count);
    float *second =
        run(&many, model, 3, 0, &(duet_plan_options){.threads = 3, .exact = true}, &count);
    assert_memory_equal(first, second, (size_t)count * sizeof *first);
    for (int64_t b = 0; b < 3; b++) {
        float *alone =
            run(&one, model, 1, b, &(duet_plan_options){.threads = 2, .exact = true}, &single);
        for (int64_t i = 0, at = 0; i < one.kept; i++) {
            const int64_t size = duet_shape_count(&duet_value_arg(one.graph, one.keep[i])->shape);
            assert_memory_equal(alone + at, first + 3 * at + b * size,
                                (size_t)size * sizeof *alone);
            at += size;
        }
        duet_release(alone);
    }
    duet_release(first);
    duet_release(second);
    duet_graph_free(many.graph);
    duet_graph_free(one.graph);
    duet_model_close(model);
}

/* Sums of gradients of parameters stay f32, though they look like maps. */
static void gradients_stay_whole(void **state) {
    (void)state;
    duet_graph *g = NULL;
    OK(duet_graph_new(&g));
    const duet_value x = duet_input(g, "x", DUET_F32, 4, (int64_t[]){2, 4, 4, 4});
    const duet_value w = duet_parameter(g, "w", DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ONE}, 4,
                                        (int64_t[]){4, 4, 3, 3});
    const duet_value y =
        duet_conv2d(g, duet_silu(g, duet_conv2d(g, x, w, DUET_NONE, 1, 1)), w, DUET_NONE, 1, 1);
    duet_value keep[3], dw = DUET_NONE;
    duet_mse_loss(g, y, x, &keep[0], &keep[1]);
    OK(duet_grad(g, keep[0], &w, 1, &dw));
    keep[2] = dw;
    OK(duet_pass_run(g, "bf16", keep, 3));
    assert_int_equal(duet_value_arg(g, dw)->dtype, DUET_F32);
    int turned = 0;
    for (int64_t i = 0; i < g->node_count; i++) {
        const duet_node *node = &g->nodes[i];
        const char *op = node->op->info.name;
        if (strcmp(op, "add") == 0)
            assert_int_equal(duet_value_arg(g, node->in[0])->dtype, DUET_F32);
        if (strcmp(op, "mse_loss") == 0 || strcmp(op, "mse_loss_grad") == 0)
            assert_int_equal(duet_value_arg(g, node->in[0])->dtype, DUET_F32);
        turned +=
            strcmp(op, "conv2d_dw") == 0 && duet_value_arg(g, node->in[0])->dtype == DUET_BF16;
    }
    assert_int_equal(turned, 2);
    duet_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_turns), cmocka_unit_test(close_to_f32),
                                       cmocka_unit_test(exact_bits),
                                       cmocka_unit_test(gradients_stay_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
