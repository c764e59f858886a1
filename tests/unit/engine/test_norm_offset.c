/* SPDX-License-Identifier: MIT
 * norm_act and its gradient where the mean is 1000 times the deviation: (x - mean) must come before
 * any product, or the rounding of a x and of d, each about 1000 in size, is what remains. The
 * oracle is the reference in double. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "engine/graph/plan.h"
#include "engine/op/ops_grad.h"

enum { BATCH = 3, SIDE = 9, CHANNELS = 24, GROUPS = 4, COUNT = BATCH * SIDE * SIDE * CHANNELS };

/* y, then dx */
static void run(const char *backend, int threads, const float *x, const float *dy, float *y,
                float *dx) {
    const int64_t four[] = {BATCH, SIDE, SIDE, CHANNELS}, one[] = {CHANNELS},
                  two[] = {BATCH, 2 * CHANNELS};
    const duet_plan_options options = {.device = backend, .threads = threads};
    float small[2 * BATCH * CHANNELS];
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    const duet_value in = duet_input(graph, "x", DUET_F32, 4, four),
                     up = duet_input(graph, "dy", DUET_F32, 4, four);
    const duet_value gamma = duet_input(graph, "gamma", DUET_F32, 1, one),
                     beta = duet_input(graph, "beta", DUET_F32, 1, one);
    const duet_value shift = duet_input(graph, "shift", DUET_F32, 2, two);
    duet_value norm[DUET_MAX_OUTPUTS], grad[4];
    const duet_norm_attr attr = {.groups = GROUPS, .eps = 1e-5, .silu = true};
    duet_graph_add(graph, duet_op_find("norm_act"), &attr,
                   (duet_value[DUET_MAX_INPUTS]){in, gamma, beta, shift, DUET_NONE}, norm);
    duet_norm_act_grad(graph, (duet_value[7]){in, gamma, beta, shift, norm[1], norm[2], up}, GROUPS,
                       1e-5, true, grad);
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    assert_int_equal(
        duet_plan_new(&plan, graph, slots, (duet_value[]){norm[0], grad[0]}, 2, NULL, 0, &options),
        DUET_OK);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    duet_rng_normal(duet_rng_make(3, "small", 0), 0, small, 2 * BATCH * CHANNELS);
    assert_int_equal(duet_session_set(session, "x", x), DUET_OK);
    assert_int_equal(duet_session_set(session, "dy", dy), DUET_OK);
    assert_int_equal(duet_session_set(session, "gamma", small), DUET_OK);
    assert_int_equal(duet_session_set(session, "beta", small + CHANNELS), DUET_OK);
    assert_int_equal(duet_session_set(session, "shift", small), DUET_OK);
    assert_int_equal(duet_session_run(session), DUET_OK);
    assert_int_equal(duet_session_get(session, 0, -1, y), DUET_OK);
    assert_int_equal(duet_session_get(session, 1, -1, dx), DUET_OK);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

/* Largest difference divided by the RMS of the oracle. */
static double distance(const float *value, const float *oracle) {
    double worst = 0.0, square = 0.0;
    for (int i = 0; i < COUNT; i++) {
        const double d = fabs((double)value[i] - (double)oracle[i]);
        if (!(d <= worst)) worst = d;
        square += (double)oracle[i] * (double)oracle[i];
    }
    return worst / sqrt(square / COUNT);
}

static void test_offset(void **state) {
    static float x[COUNT], dy[COUNT], y[COUNT], dx[COUNT], oracle_y[COUNT], oracle_dx[COUNT];
    (void)state;
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, x, COUNT);
    duet_rng_normal(duet_rng_make(2, "dy", 0), 0, dy, COUNT);
    for (int i = 0; i < COUNT; i++) x[i] += 1000.0F;
    run("ref", 1, x, dy, oracle_y, oracle_dx);
    for (int threads = 1; threads <= 4;
         threads += 3) { /* 4: threads share the chunks of a sample */
        run("cpu", threads, x, dy, y, dx);
        const double error = distance(y, oracle_y), grad_error = distance(dx, oracle_dx);
        if (!(error < 5e-6))
            fail_msg("y is off by %.2e of its RMS with %d threads", error, threads);
        if (!(grad_error < 3e-5))
            fail_msg("dx is off by %.2e of its RMS with %d threads", grad_error, threads);
        print_message("    %d threads: y %.1e, dx %.1e\n", threads, error, grad_error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_offset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
