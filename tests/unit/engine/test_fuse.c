/* SPDX-License-Identifier: MIT
 * The pass `fuse`: small graphs with and without it have the same results and the same gradients of
 * all inputs and weights, on both backends; it rewrites what it may (counted), and leaves alone
 * what somebody else reads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "engine/graph/plan.h"

enum { B = 2, S = 6, C = 8, KEPT = 4, MOST = 4096, WRT = 16 };

typedef struct built {
    duet_value keep[KEPT]; /* keep[0] is differentiated */
    int count;
} built;

typedef struct fuse_case {
    const char *name;
    built (*build)(duet_graph *g);
    const char *op; /* so many of these are left in the fused graph */
    int left;
} fuse_case;

static duet_value image(duet_graph *g, const char *name) {
    return duet_input(g, name, DUET_F32, 4, (int64_t[]){B, S, S, C});
}

static duet_value weight(duet_graph *g, const char *name, int rank, const int64_t *dims) {
    return duet_parameter(g, name, DUET_WEIGHT, (duet_init){.kind = DUET_INIT_NORMAL, .scale = 0.3},
                          rank, dims);
}

static duet_value conv(duet_graph *g, const char *name, duet_value x, int64_t out, int64_t side) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const int64_t in = duet_dim(g, x, -1);
    const duet_value w = weight(g, "weight", 4, (int64_t[]){out, in, side, side}),
                     b = weight(g, "bias", 1, &out);
    const duet_value y = duet_conv2d(g, x, w, b, 1, side / 2);
    duet_scope_pop(g, mark);
    return y;
}

static duet_value norm_silu(duet_graph *g, const char *name, duet_value x) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const int64_t c = duet_dim(g, x, -1);
    const duet_value gamma = weight(g, "gamma", 1, &c), beta = weight(g, "beta", 1, &c);
    duet_scope_pop(g, mark);
    return duet_silu(g, duet_group_norm(g, x, gamma, beta, 4, 1e-5));
}

static built residual(duet_graph *g) {
    const duet_value x = image(g, "x");
    return (built){{duet_add(g, x, conv(g, "a", norm_silu(g, "n", x), C, 3))}, 1};
}

static built residual_of_two(duet_graph *g) {
    const duet_value x = image(g, "x"), h = conv(g, "a", x, 12, 3);
    return (built){{duet_add(g, conv(g, "b", x, 12, 1), h)}, 1};
}

/* A tap on the convolution: its value must stay. */
static built residual_tapped(duet_graph *g) {
    const duet_value x = image(g, "x"), h = conv(g, "a", x, C, 3);
    return (built){{duet_add(g, x, h), h}, 2};
}

static built residual_read_twice(duet_graph *g) {
    const duet_value x = image(g, "x"), h = conv(g, "a", x, C, 3);
    return (built){{duet_silu(g, duet_add(g, duet_add(g, x, h), duet_silu(g, h)))}, 1};
}

/* An attention block's end: tokens back to pixels, plus the input. */
static built residual_of_tokens(duet_graph *g) {
    const duet_value x = image(g, "x"), flat = duet_reshape(g, x, 3, (int64_t[]){B, S * S, C});
    const duet_value h = duet_linear(g, flat, weight(g, "w", 3, (int64_t[]){C, C, 1}),
                                     weight(g, "b", 1, (int64_t[]){C}));
    return (built){{duet_add(g, x, duet_reshape(g, h, 4, (int64_t[]){B, S, S, C}))}, 1};
}

/* The other summand is made behind the reshape: the product cannot start from it there. */
static built residual_too_late(duet_graph *g) {
    const duet_value x = image(g, "x"), flat = duet_reshape(g, x, 3, (int64_t[]){B, S * S, C});
    const duet_value h = duet_linear(g, flat, weight(g, "w", 3, (int64_t[]){C, C, 1}), DUET_NONE);
    const duet_value back = duet_reshape(g, h, 4, (int64_t[]){B, S, S, C});
    return (built){{duet_add(g, duet_silu(g, x), back)}, 1};
}

/* Two sums in a row: a convolution takes one residual. */
static built residual_chain(duet_graph *g) {
    const duet_value x = image(g, "x"), y = image(g, "y"),
                     h = duet_add(g, x, conv(g, "a", x, C, 3));
    return (built){{duet_add(g, h, y)}, 1};
}

/* A decoder's residual block: the concat is read by the norm and by the skip connection. */
static built concat(duet_graph *g) {
    const duet_value x = duet_concat(g, image(g, "x"), duet_silu(g, image(g, "y")));
    const duet_value h = conv(g, "a", norm_silu(g, "n", x), 12, 3);
    return (built){{duet_add(g, conv(g, "skip", x, 12, 1), h)}, 1};
}

static built concat_tapped(duet_graph *g) {
    const duet_value x = duet_concat(g, image(g, "x"), image(g, "y"));
    return (built){{conv(g, "skip", x, 12, 1), x}, 2};
}

static built concat_read_otherwise(duet_graph *g) {
    const duet_value x = duet_concat(g, image(g, "x"), image(g, "y"));
    return (built){{duet_add(g, conv(g, "skip", x, 12, 1), conv(g, "wide", x, 12, 3))}, 1};
}

static built norm(duet_graph *g) {
    return (built){{norm_silu(g, "n", image(g, "x"))}, 1};
}

static const fuse_case cases[] = {
    {"residual", residual, "add", 0},
    {"residual of two convolutions", residual_of_two, "add", 0},
    {"residual of a tapped convolution", residual_tapped, "add", 1},
    {"residual of a convolution read twice", residual_read_twice, "add", 2},
    {"residual of tokens", residual_of_tokens, "add", 0},
    {"residual that comes too late", residual_too_late, "add", 1},
    {"two residuals", residual_chain, "add", 1},
    {"concat", concat, "concat", 0},
    {"a concat's skip connection", concat, "conv2d", 1},
    {"tapped concat", concat_tapped, "concat", 1},
    {"concat that a 3x3 convolution reads", concat_read_otherwise, "concat", 1},
    {"norm and SiLU", norm, "silu", 0},
};

/* ---- both ways ---- */

typedef struct results {
    float kept[KEPT][MOST], gradient[WRT][MOST];
    int64_t kept_count[KEPT], gradient_count[WRT];
    int gradients;
} results;

static int count_op(const duet_graph *graph, const char *op) {
    int count = 0;
    for (int64_t n = 0; n < graph->node_count; n++) {
        count += !graph->nodes[n].dead && strcmp(graph->nodes[n].op->info.name, op) == 0;
    }
    return count;
}

static void feed(duet_session *session, const duet_graph *graph) {
    static float values[MOST];
    for (int64_t i = 0; i < graph->input_count; i++) {
        const duet_value_info *info = &graph->values[graph->inputs[i]];
        const int64_t count = duet_shape_count(&info->arg.shape);
        assert_true(count <= MOST);
        duet_rng_normal(duet_rng_make(5, info->name, 0), 0, values, count);
        if (duet_session_has_input(session, info->name))
            assert_int_equal(duet_session_set(session, info->name, values), DUET_OK);
    }
}

static void collect(const duet_session *session, const duet_graph *graph, const duet_value *values,
                    int kept, int count, results *out) {
    out->gradients = count - kept;
    for (int i = 0; i < count; i++) {
        const int64_t size = duet_shape_count(&duet_value_arg(graph, values[i])->shape);
        assert_true(size <= MOST);
        *(i < kept ? &out->kept_count[i] : &out->gradient_count[i - kept]) = size;
        assert_int_equal(
            duet_session_get(session, i, -1, i < kept ? out->kept[i] : out->gradient[i - kept]),
            DUET_OK);
    }
}

static void run(const fuse_case *use, const char *backend, bool fused, results *out) {
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value loss = DUET_NONE, unused = DUET_NONE, values[KEPT + WRT], wrt[WRT];
    int count = 0;
    memset(out, 0, sizeof *out);
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    const built made = use->build(graph);
    assert_int_equal(duet_graph_status(graph), DUET_OK);
    if (fused) {
        assert_int_equal(duet_pass_run(graph, "fuse", made.keep, made.count), DUET_OK);
        assert_int_equal(count_op(graph, use->op), use->left);
    }
    const duet_shape shape = duet_value_arg(graph, made.keep[0])->shape;
    duet_mse_loss(graph, made.keep[0], duet_input(graph, "target", DUET_F32, shape.rank, shape.dim),
                  &loss, &unused);
    for (int64_t i = 0; i < graph->param_count; i++) wrt[count++] = graph->params[i].value;
    for (int64_t i = 0; i < graph->input_count; i++)
        if (strcmp(graph->values[graph->inputs[i]].name, "target") != 0)
            wrt[count++] = graph->inputs[i];
    assert_true(count <= WRT);
    memcpy(values, made.keep, sizeof made.keep);
    assert_int_equal(duet_grad(graph, loss, wrt, count, values + made.count), DUET_OK);
    const duet_plan_options options = {.device = backend, .threads = 2};
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    duet_slots_init(slots, 3, true);
    assert_int_equal(
        duet_plan_new(&plan, graph, slots, values, made.count + count, NULL, 0, &options), DUET_OK);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    feed(session, graph);
    assert_int_equal(duet_session_run(session), DUET_OK);
    collect(session, graph, values, made.count, made.count + count, out);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

static double error_of(const float *have, const float *want, int64_t count) {
    double square = 0.0, worst = 0.0;
    for (int64_t i = 0; i < count; i++) {
        square += (double)want[i] * (double)want[i];
        worst = fmax(worst, fabs((double)have[i] - (double)want[i]));
    }
    return worst / fmax(sqrt(square / (double)count), 1e-6);
}

static void test_same_results(void **state) {
    (void)state;
    static results plain, fused;
    for (int i = 0; i < DUET_COUNT(cases); i++) {
        for (int side = 0; side < 2; side++) {
            const char *const backend = side == 0 ? "ref" : "cpu";
            run(&cases[i], "ref", false, &plain);
            run(&cases[i], backend, true, &fused);
            for (int k = 0; k < KEPT; k++) {
                assert_int_equal(plain.kept_count[k], fused.kept_count[k]);
                const double error = plain.kept_count[k] ? error_of(fused.kept[k], plain.kept[k],
                                                                    plain.kept_count[k])
                                                         : 0.0;
                if (!(error < 2e-5))
                    fail_msg("%s on %s: value %d is off by %.2e", cases[i].name, backend, k, error);
            }
            assert_int_equal(plain.gradients, fused.gradients);
            assert_true(plain.gradients > 0);
            for (int k = 0; k < plain.gradients; k++) {
                const double error =
                    error_of(fused.gradient[k], plain.gradient[k], plain.gradient_count[k]);
                if (!(error < 1e-4))
                    fail_msg("%s on %s: gradient %d is off by %.2e", cases[i].name, backend, k,
                             error);
            }
        }
    }
}

/* A residual that dies is overwritten by the sum: the slab holds x, h and nothing else. */
static void test_in_place(void **state) {
    (void)state;
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    const duet_plan_options options = {.threads = 2};
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    const duet_value x = conv(graph, "first", image(graph, "x"), C, 3);
    duet_value y = x;
    for (int i = 0; i < 4; i++) {
        char name[8] = {(char)('a' + i), '\0'};
        y = duet_add(graph, y, conv(graph, name, duet_silu(graph, y), C, 3));
    }
    assert_int_equal(duet_pass_run(graph, "fuse", &y, 1), DUET_OK);
    assert_int_equal(count_op(graph, "add"), 0);
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    assert_int_equal(duet_plan_new(&plan, graph, slots, &y, 1, NULL, 0, &options), DUET_OK);
    assert_int_equal(duet_plan_slab(plan),
                     3 * B * S * S * C * (int64_t)sizeof(float)); /* the input, x, silu(x) */
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_results),
                                       cmocka_unit_test(test_in_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
