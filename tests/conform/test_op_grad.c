/* SPDX-License-Identifier: MIT
 * tests/conform/test_op_grad.c: the gradient of every differentiable op, by duet_grad on the
 * backend "ref", against finite differences of its reference. loss = sum of out[0] * cotangent, as
 * a graph: linear(reshape(out, [1,N]), cotangent[1,N]). Differences: (8 (f(h) - f(-h)) - (f(2h) -
 * f(-2h))) / 12h with f in double, of all elements or of 64 random ones. */
#include "conform/op_fixture.h"
#include "tolerance.h"

#define STEP   0.04
#define MOST   64     /* elements an input */
#define KINK   0.005  /* of a slope; a smooth one differs less between the steps */
#define BUDGET 400000 /* operations of one forward run; larger cases are for kernels */

static int checked;
static double worst_of_all;
static const char *worst_name = "";

/* Functions that are smooth in pieces. */
static bool has_kinks(const op_fixture *f) {
    static const char *const rows[][2] = {
        {"relu", ""},
        {"elementwise", "function=relu"},
        {"elementwise", "function=leaky_relu"},
        {"elementwise", "function=abs"},
        {"elementwise", "function=clamp"},
        {"reduce", "how=max"},
        {"window_pool", ""},
    };
    const char *const attr = f->use->attr != NULL ? f->use->attr : "";
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        if (strcmp(rows[i][0], f->op->info.name) == 0 &&
            strncmp(rows[i][1], attr, strlen(rows[i][1])) == 0)
            return true;
    }
    return false;
}

/* out[0] . cotangent in double, of the reference */
static double objective(const op_fixture *f, const float *cotangent, guarded *out) {
    const void *in[DUET_MAX_INPUTS];
    void *to[DUET_MAX_OUTPUTS] = {0};
    double sum = 0.0;
    for (int k = 0; k < DUET_MAX_INPUTS; k++) in[k] = f->in[k].data;
    for (int k = 0; k < f->op->outputs; k++) to[k] = out[k].data;
    run_reference(f, in, to);
    const int64_t count = arg_count(&f->call.out[0]);
    for (int64_t i = 0; i < count; i++)
        sum += (double)((const float *)out[0].data)[i] * (double)cotangent[i];
    return sum;
}

/* NAN across a kink, where differences mean nothing: those of one step and of two disagree. */
static double difference(const op_fixture *f, const float *cotangent, guarded *out, float *x) {
    const float middle = *x;
    double value[4], at[4];
    static const double steps[4] = {-2.0 * STEP, -STEP, STEP, 2.0 * STEP};
    for (int i = 0; i < 4; i++) {
        *x = (float)((double)middle + steps[i]);
        at[i] = (double)*x;
        value[i] = objective(f, cotangent, out);
    }
    *x = middle;
    const double near = (value[2] - value[1]) / (at[2] - at[1]),
                 far = (value[3] - value[0]) / (at[3] - at[0]);
    if (has_kinks(f) && fabs(near - far) > KINK * fmax(fabs(near), fabs(far))) return NAN;
    return (4.0 * near - far) / 3.0;
}

/* What the rounding of the f32 results (half an ulp, 6e-8) does to a difference. */
static double noise_of(const op_fixture *f, const float *cotangent) {
    const float *y = f->expect[0].data;
    double sum = 0.0;
    for (int64_t i = 0; i < f->expect[0].bytes / 4; i++)
        sum += (double)(y[i] * cotangent[i]) * (double)(y[i] * cotangent[i]);
    return 6e-8 * sqrt(sum) / STEP;
}

/* gradients[k]: of input k; NULL data where nothing flows. */
static void graph_gradients(const op_fixture *f, const float *cotangent, guarded *gradients) {
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS], d[DUET_MAX_INPUTS],
        outputs[DUET_MAX_INPUTS];
    int64_t count = arg_count(&f->call.out[0]), found = 0;
    int source[DUET_MAX_INPUTS];
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    fixture_graph(f, graph, 0, in, out);
    const duet_value flat = duet_reshape(graph, out[0], 2, (const int64_t[]){1, count});
    const duet_value weight =
        duet_input(graph, "cotangent", DUET_F32, 2, (const int64_t[]){1, count});
    const duet_value loss = duet_linear(graph, flat, weight, DUET_NONE);
    assert_int_equal(duet_graph_status(graph), DUET_OK);
    duet_value wrt[DUET_MAX_INPUTS];
    int64_t wanted = 0;
    for (int k = 0; k < f->op->inputs; k++) {
        if (!f->call.has_in[k] || f->call.in[k].dtype != DUET_F32) continue;
        if ((f->op->constant_inputs >> k & 1u) != 0) continue;
        source[wanted] = k;
        wrt[wanted++] = in[k];
    }
    if (duet_grad(graph, loss, wrt, wanted, d) != DUET_OK)
        fail_msg("%s: %s", f->op->info.name, duet_error_message());
    for (int64_t i = 0; i < wanted; i++) {
        if (d[i] == DUET_NONE)
            fail_msg("%s: no gradient for input %d", f->op->info.name, source[i]);
        outputs[found++] = d[i];
    }
    const duet_plan_options options = {.device = "ref", .threads = 1};
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    assert_int_equal(duet_plan_new(&plan, graph, slots, outputs, found, NULL, 0, &options),
                     DUET_OK);
    duet_graph_free(graph);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    fixture_feed(f, session, slots);
    assert_int_equal(duet_session_set(session, "cotangent", cotangent), DUET_OK);
    assert_int_equal(duet_session_run(session), DUET_OK);
    for (int64_t i = 0; i < found; i++) {
        gradients[source[i]] = guarded_new(f->in[source[i]].bytes, 0xFF);
        assert_int_equal(duet_session_get(session, i, -1, gradients[source[i]].data), DUET_OK);
    }
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
}

static void compare(const op_fixture *f, int index, int k, const float *cotangent,
                    const guarded *gradient, guarded *out) {
    const int64_t count = arg_count(&f->call.in[k]);
    const int64_t tries = count < MOST ? count : MOST;
    const duet_rng rng = duet_rng_make(3, "element", (uint64_t)k);
    double numeric[MOST], have[MOST], scale = rms_of(gradient->data, count);
    int64_t skipped = 0;
    for (int64_t i = 0; i < tries; i++) {
        const int64_t e =
            count <= MOST ? i : (int64_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)count);
        float *const x = (float *)f->in[k].data + e;
        have[i] = (double)((const float *)gradient->data)[e];
        numeric[i] = difference(f, cotangent, out, x);
        if (isnan(numeric[i])) {
            numeric[i] = have[i];
            skipped++;
        }
        /* a gradient of zeros must not pass by dividing by nothing */
        scale = fmax(scale, fabs(numeric[i]) / 4.0);
    }
    if (2 * skipped > tries)
        fail_msg("%s case %d, input %d: %d of %d differences cross a kink", f->op->info.name, index,
                 k, (int)skipped, (int)tries);
    scale = fmax(scale, 1e-4);
    const double noise = noise_of(f, cotangent) / scale;
    for (int64_t i = 0; i < tries; i++) {
        const double error = fabs(numeric[i] - have[i]) / scale;
        if (!(error <= TOLERANCE_DIFFERENCE + noise)) {
            fail_msg("%s case %d '%s', input %d: gradient %.6g, differences %.6g: off by %.2e",
                     f->op->info.name, index, f->use->attr != NULL ? f->use->attr : "", k, have[i],
                     numeric[i], error);
        }
        if (error / (TOLERANCE_DIFFERENCE + noise) > worst_of_all) {
            worst_of_all = error / (TOLERANCE_DIFFERENCE + noise);
            worst_name = f->op->info.name;
        }
    }
    checked++;
}

static void check_gradient(const op_fixture *f, int index) {
    if (f->op->constant_inputs == (1u << f->op->inputs) - 1u) return; /* nothing flows */
    if (f->op->grad == NULL || (f->op->flops != NULL && f->op->flops(&f->call) > BUDGET)) return;
    guarded out[DUET_MAX_OUTPUTS] = {{0}}, gradients[DUET_MAX_INPUTS] = {{0}};
    for (int k = 0; k < f->op->outputs; k++) out[k] = guarded_new(f->expect[k].bytes, 0);
    guarded cotangent = guarded_new(f->expect[0].bytes, 0);
    const duet_rng rng = duet_rng_make(5, "cotangent", (uint64_t)index);
    for (int64_t i = 0; i < cotangent.bytes / 4; i++) {
        ((float *)cotangent.data)[i] = (float)(2.0 * duet_rng_uniform(rng, (uint64_t)i) - 1.0);
    }
    graph_gradients(f, cotangent.data, gradients);
    for (int k = 0; k < f->op->inputs; k++) {
        if (gradients[k].data != NULL) compare(f, index, k, cotangent.data, &gradients[k], out);
        guarded_free(&gradients[k]);
    }
    guarded_free(&cotangent);
    for (int k = 0; k < f->op->outputs; k++) guarded_free(&out[k]);
}

static void test_gradients(void **state) {
    (void)state;
    for_each_case(check_gradient);
    print_message("    %d gradients, the worst uses %.2f of what is allowed (%s)\n", checked,
                  worst_of_all, worst_name);
    assert_true(checked > 80);
}

/* An op without gradient that is neither grad_only nor free of differentiable inputs would make
 * training fail late. */
static void test_complete(void **state) {
    (void)state;
    for (int i = 0; i < duet_family_op.count; i++) {
        const duet_op *const op = duet_op_of(duet_family_op.entries[i]);
        const bool constant = op->constant_inputs == (1u << op->inputs) - 1u;
        const bool none = constant || op->inference_only ||
                          strncmp(op->info.name, "timestep_", 9) == 0 ||
                          strcmp(op->info.name, "cast") == 0;
        if (!op->grad_only && !none && op->grad == NULL)
            fail_msg("%s has no gradient", op->info.name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_complete),
                                       cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
