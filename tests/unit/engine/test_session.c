/* SPDX-License-Identifier: MIT
 * Inputs and outputs of a session in their places: the same values as with copies, and nothing
 * allocated. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/graph/graph.h"
#include "engine/graph/plan.h"
#include "engine/op/ops.h"

enum { COUNT = 6 };

static void places(void **state) {
    (void)state;
    static const float values[2][COUNT] = {{1, -2, 3, -4, 5, -6}, {7, 8, -9, 10, -11, 12}};
    const duet_plan_options options = {.threads = 1};
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    float copied[COUNT];
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){2, 3}),
                     y = duet_scale(graph, duet_scale(graph, x, 3.0), -0.5);
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    assert_int_equal(duet_plan_new(&plan, graph, slots, &y, 1, NULL, 0, &options), DUET_OK);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    assert_null(duet_session_input(session, "z"));
    float *const in = duet_session_input(session, "x");
    const float *const out = duet_session_output(session, 0);
    assert_non_null(in);
    assert_non_null(out);
    const int64_t blocks = duet_alloc_count();
    for (int turn = 0; turn < 2; turn++) { /* a run may have written over its input */
        assert_int_equal(duet_session_set(session, "x", values[turn]), DUET_OK);
        assert_int_equal(duet_session_run(session), DUET_OK);
        assert_int_equal(duet_session_get(session, 0, -1, copied), DUET_OK);
        for (int i = 0; i < COUNT; i++) assert_true(copied[i] == -1.5f * values[turn][i]);
        for (int i = 0; i < COUNT; i++) in[i] = values[turn][i];
        assert_int_equal(duet_session_run(session), DUET_OK);
        assert_memory_equal(out, copied, sizeof copied);
        assert_ptr_equal(duet_session_input(session, "x"), in);
    }
    assert_int_equal(duet_alloc_count(), blocks);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
