/* SPDX-License-Identifier: MIT
 * Slots: parts and their names, graphs that share them, bindings to averages, tensors that are lent
 * and become own, states that are assigned twice in one graph. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <duet/base.h>

#include "engine/graph/plan.h"
#include "engine/op/ops.h"

#define OK(call) assert_int_equal(call, DUET_OK)

static const duet_init zero = {.kind = DUET_INIT_ZERO};

static duet_graph *new_graph(void) {
    duet_graph *graph = NULL;
    OK(duet_graph_new(&graph));
    return graph;
}

static duet_value weight(duet_graph *graph, const char *name, int64_t count) {
    return duet_parameter(graph, name, DUET_WEIGHT, zero, 1, &count);
}

/* A layer of width 2 whose only node is x + bias. */
static duet_value layer(duet_graph *graph, duet_value x, const char *scope) {
    const size_t mark = duet_scope_push(graph, "%s", scope);
    x = duet_add_bias(graph, x, weight(graph, "bias", 2));
    duet_scope_pop(graph, mark);
    return x;
}

/* Runs y of the graph once on x = 0 [1,2]. */
static void run(float out[2], duet_graph *graph, duet_slots *slots, duet_value y,
                duet_bindings bindings) {
    const duet_plan_options options = {.device = "ref", .threads = 1, .bindings = bindings};
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    OK(duet_plan_new(&plan, graph, slots, &y, 1, NULL, 0, &options));
    OK(duet_session_new(&session, plan, slots));
    OK(duet_session_set(session, "x", (float[2]){0}));
    OK(duet_session_run(session));
    OK(duet_session_get(session, 0, -1, out));
    duet_session_free(session);
    duet_plan_free(plan);
}

static duet_value input(duet_graph *graph) {
    return duet_input(graph, "x", DUET_F32, 2, (int64_t[]){1, 2});
}

static void parts_have_names_of_their_own(void **state) {
    (void)state;
    duet_graph *graph = new_graph();
    duet_value x = layer(graph, input(graph), "a");
    duet_part_mark mark = duet_part_push(graph, "head", 0);
    x = layer(graph, x, "a");
    duet_part_pop(graph, mark);
    mark = duet_part_push(graph, "", 1);
    x = layer(graph, x, "a");
    duet_part_pop(graph, mark);
    mark = duet_part_push(graph, "head", 2);
    x = layer(graph, x, "a");
    duet_part_pop(graph, mark);
    OK(duet_graph_status(graph));
    assert_int_equal(graph->param_count, 2); /* each asked for twice */
    for (int i = 0; i < 2; i++) assert_string_equal(graph->params[i].name, "a.bias");
    assert_string_equal(graph->params[0].part, "");
    assert_string_equal(graph->params[1].part, "head");
    const char *const scopes[] = {"a", "head.a", "#1.a", "head#2.a"};
    assert_int_equal(graph->node_count, 4);
    for (int i = 0; i < 4; i++) assert_string_equal(graph->nodes[i].scope, scopes[i]);
    assert_string_equal(graph->scope, "");

    duet_slots *slots = NULL;
    OK(duet_slots_new(&slots, graph));
    assert_int_equal(slots->count, 2);
    const int64_t own = duet_slots_find(slots, "", "a.bias"),
                  head = duet_slots_find(slots, "head", "a.bias");
    assert_true(own >= 0 && head >= 0 && own != head);
    slots->list[own].own[0] = 1;
    slots->list[head].own[0] = 10;
    float out[2];
    run(out, graph, slots, x, (duet_bindings){0});
    assert_true(out[0] == 22 && out[1] == 0);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

static void graphs_share_slots(void **state) {
    (void)state;
    duet_graph *one = new_graph(), *two = new_graph(), *wrong = new_graph();
    duet_slots *slots = NULL;
    layer(one, input(one), "a");
    layer(two, layer(two, input(two), "a"), "b");
    weight(wrong, "a.bias", 3);
    OK(duet_slots_empty(&slots));
    OK(duet_slots_add(slots, one, NULL));
    OK(duet_slots_alloc(slots));
    float *const first = slots->list[0].own;
    OK(duet_slots_add(slots, two, NULL));
    OK(duet_slots_alloc(slots));
    assert_int_equal(slots->count, 2);
    assert_ptr_equal(slots->list[0].own, first); /* stays where it is */
    assert_non_null(slots->list[1].own);
    assert_int_equal(duet_slots_add(slots, wrong, NULL), DUET_SHAPE);
    assert_non_null(strstr(duet_error_message(), "a.bias"));
    /* under another prefix it is another tensor */
    const duet_binding binding = {.part = "", .prefix = "other"};
    OK(duet_slots_add(slots, wrong, &(duet_bindings){.list = &binding, .count = 1}));
    assert_int_equal(slots->count, 3);
    assert_int_equal(slots->list[2].count, 3);
    const uint64_t before = slots->parts[0].version;
    duet_slots_touch(slots, 1);
    assert_int_equal(slots->parts[0].version, before); /* what is packed of it stays */
    duet_slots_free(slots);
    duet_graph_free(one);
    duet_graph_free(two);
    duet_graph_free(wrong);
}

static void bindings_choose_averages(void **state) {
    (void)state;
    duet_graph *graph = new_graph();
    duet_slots *slots = NULL;
    duet_part_mark mark = duet_part_push(graph, "teacher", 0);
    const duet_value y = layer(graph, input(graph), "a");
    duet_part_pop(graph, mark);
    duet_binding binding = {.part = "teacher", .prefix = "unet"};
    const duet_bindings bindings = {.list = &binding, .count = 1};
    OK(duet_slots_empty(&slots));
    OK(duet_slots_add(slots, graph, &bindings));
    OK(duet_slots_accompany(slots, 0, DUET_MOMENT, "adamw.m"));
    OK(duet_slots_accompany(slots, 0, DUET_AVERAGE, "ema"));
    OK(duet_slots_alloc(slots));
    assert_int_equal(duet_slots_beside(slots, 0, "ema"), 2);
    assert_int_equal(duet_slots_beside(slots, 0, "adamw.v"), -1);
    assert_int_equal(duet_slots_find(slots, "unet", "a.bias"), 0);
    slots->list[0].own[1] = 3;
    slots->list[2].own[1] = 4;
    float out[2];
    run(out, graph, slots, y, bindings);
    assert_true(out[1] == 3);
    binding.average = "ema";
    run(out, graph, slots, y, bindings);
    assert_true(out[1] == 4);
    duet_slots_init(slots, 1, false); /* of tensors only */
    assert_true(slots->list[0].own[1] == 0 && slots->list[2].own[1] == 4);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

static void lent_tensors_are_copied(void **state) {
    (void)state;
    const uint16_t half[2] = {0x3F80, 0xC000}; /* 1 and -2 in bf16 */
    duet_graph *graph = new_graph(), *part = new_graph(), *more = new_graph();
    duet_slots *slots = NULL, *lent = NULL, *wrong = NULL;
    weight(graph, "a", 2);
    weight(graph, "b", 2);
    OK(duet_slots_describe(&lent, graph));
    duet_slots_lend(lent, 0, DUET_BF16, half);
    OK(duet_slots_alloc(lent));
    assert_ptr_equal(duet_slot_data(&lent->list[0]), half);
    assert_null(lent->list[0].own);
    lent->list[1].own[0] = 7;
    const duet_part_mark mark = duet_part_push(part, "head", 0);
    weight(part, "a", 2);
    weight(part, "b", 2);
    duet_part_pop(part, mark);
    OK(duet_slots_new(&slots, part));
    OK(duet_slots_copy(slots, "head", lent, false));
    assert_int_equal(slots->list[0].dtype, DUET_F32);
    assert_ptr_equal(duet_slot_data(&slots->list[0]), slots->list[0].own);
    assert_true(slots->list[0].own[0] == 1 && slots->list[0].own[1] == -2);
    assert_true(slots->list[1].own[0] == 7);
    for (int i = 0; i < 2; i++) assert_int_equal((uintptr_t)slots->list[i].own % 64, 0);
    weight(more, "c", 2);
    OK(duet_slots_new(&wrong, more));
    assert_int_equal(duet_slots_copy(wrong, "", lent, false), DUET_FORMAT);
    assert_non_null(strstr(duet_error_message(), "'c'"));
    OK(duet_slots_copy(wrong, "", lent, true)); /* what only it has stays */
    duet_slots_free(slots);
    duet_slots_free(lent);
    duet_slots_free(wrong);
    duet_graph_free(graph);
    duet_graph_free(part);
    duet_graph_free(more);
}

/* s = 2 s + x in each of two passes: 4 s + 3 x, written once; outside, the old value. */
static void states_chain(void **state) {
    (void)state;
    const int64_t dims[] = {1, 2};
    duet_graph *graph = new_graph();
    duet_slots *slots = NULL;
    const duet_value x = duet_add_bias(graph, input(graph), weight(graph, "one", 2));
    duet_value first = DUET_NONE;
    for (int pass = 0; pass < 2; pass++) {
        const duet_part_mark mark = duet_part_push(graph, "", pass);
        const duet_value s = duet_parameter(graph, "s", DUET_STATE, zero, 2, dims);
        if (pass == 0) first = duet_scale(graph, s, 1.0);
        duet_assign(graph, s, duet_add(graph, duet_scale(graph, s, 2.0), x));
        duet_part_pop(graph, mark);
    }
    OK(duet_graph_status(graph));
    assert_int_equal(graph->assign_count, 1);
    OK(duet_slots_new(&slots, graph));
    const int64_t s = duet_slots_find(slots, "", "s");
    slots->list[s].own[0] = 5;
    slots->list[duet_slots_find(slots, "", "one")].own[0] = 1;
    const uint64_t before = slots->parts[0].version;
    float out[2];
    run(out, graph, slots, first, (duet_bindings){0});
    assert_true(out[0] == 5);
    assert_true(slots->list[s].own[0] == 23);
    assert_true(slots->parts[0].version > before);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_names_of_their_own),
        cmocka_unit_test(graphs_share_slots),
        cmocka_unit_test(bindings_choose_averages),
        cmocka_unit_test(lent_tensors_are_copied),
        cmocka_unit_test(states_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
