/* SPDX-License-Identifier: MIT
 * tests/conform/test_op_oracle_elementwise.c: functions of elements, mul, sub, add with repetition,
 * reduce, window pooling and the transposed convolution against PyTorch in float64
 * (tests/oracle/make_op_goldens.py): results and gradients on both backends, element by element.
 * What they refuse, in words. */
#include "conform/op_fixture.h"

#include <duet/store.h>

#include "engine/op/elementwise.h"
#include "engine/op/op_list.h"

#define OK(call)                                                     \
    do {                                                             \
        if ((call) != DUET_OK) fail_msg("%s", duet_error_message()); \
    } while (0)

enum { MOST_INPUTS = 3, MOST_ELEMENTS = 1024 };

typedef duet_value (*builder)(duet_graph *g, const duet_value *in, const char *what);

typedef struct golden {
    const char *name, *what;
    builder build;
} golden;

static duet_store *store;

/* ---- the cases ---- */

/* A row of the table, also those that have an op of their own. */
static duet_value row(duet_graph *g, const duet_value *in, const char *what) {
    duet_elementwise_attr attr = {.slope = 0.25, .low = -0.5, .high = 0.75};
    snprintf(attr.function, sizeof attr.function, "%s", what);
    return duet_op_apply(g, &duet_op_elementwise, &attr, in[0], DUET_NONE, DUET_NONE);
}

static duet_value function(duet_graph *g, const duet_value *in, const char *what) {
    if (strcmp(what, "leaky_relu") == 0) return duet_leaky_relu(g, in[0], 0.25);
    if (strcmp(what, "clamp") == 0) return duet_clamp(g, in[0], -0.5, 0.75);
    return duet_elementwise(g, in[0], what);
}

static duet_value pair(duet_graph *g, const duet_value *in, const char *what) {
    return what[0] == 'm'   ? duet_mul(g, in[0], in[1])
           : what[0] == 's' ? duet_sub(g, in[0], in[1])
                            : duet_add(g, in[0], in[1]);
}

/* what: "mean_12" over axes 1 and 2 */
static duet_value reduction(duet_graph *g, const duet_value *in, const char *what) {
    char how[8];
    int64_t axes[4];
    int count = 0;
    const char *const digits = strchr(what, '_') + 1;
    snprintf(how, sizeof how, "%.*s", (int)(digits - what) - 1, what);
    for (; digits[count] >= '0' && digits[count] <= '3'; count++) axes[count] = digits[count] - '0';
    return duet_reduce(g, in[0], how, count, axes);
}

/* what: kernel, stride, pad */
static duet_value max_pool(duet_graph *g, const duet_value *in, const char *what) {
    return duet_max_pool(g, in[0], what[0] - '0', what[1] - '0', what[2] - '0');
}

static duet_value mean_pool(duet_graph *g, const duet_value *in, const char *what) {
    return duet_mean_pool(g, in[0], what[0] - '0', what[1] - '0', what[2] - '0');
}

static duet_value transpose(duet_graph *g, const duet_value *in, const char *what) {
    return duet_conv_transpose2d(g, in[0], in[1], in[2], what[0] - '0', what[1] - '0');
}

static const golden goldens[] = {
    {"mul_same", "mul", pair},           {"mul_rows", "mul", pair},
    {"mul_middle", "mul", pair},         {"mul_all", "mul", pair},
    {"sub_same", "sub", pair},           {"sub_rows", "sub", pair},
    {"sub_middle", "sub", pair},         {"sub_all", "sub", pair},
    {"add_same", "add", pair},           {"add_rows", "add", pair},
    {"add_middle", "add", pair},         {"add_all", "add", pair},
    {"sum_all", "sum_all", reduction},   {"sum_02", "sum_02", reduction},
    {"mean_12", "mean_12", reduction},   {"max_3", "max_3", reduction},
    {"max_12", "max_12", reduction},     {"max_pool_321", "321", max_pool},
    {"max_pool_220", "220", max_pool},   {"mean_pool_321", "321", mean_pool},
    {"mean_pool_220", "220", mean_pool}, {"transpose_421", "21", transpose},
    {"transpose_310", "10", transpose},  {"transpose_220", "20", transpose},
};

/* ---- running one ---- */

/* The tensor as f32; its shape, of rank -1 where the file has none. */
static duet_shape read_tensor(const char *name, const char *what, int k, float *to) {
    char key[64];
    char number[16] = "";
    if (k >= 0) snprintf(number, sizeof number, "%d", k);
    snprintf(key, sizeof key, "%s/%s%s", name, what, number);
    const duet_store_entry *const entry = duet_store_find(store, key);
    if (entry == NULL) return (duet_shape){.rank = -1};
    assert_true(duet_shape_count(&entry->shape) <= MOST_ELEMENTS);
    OK(duet_store_read(store, key, DUET_F32, to));
    return entry->shape;
}

/* Element by element, beside its own size and a tenth. */
static void compare(const char *name, const char *backend, const char *what, int k,
                    duet_session *session, int64_t output, double *worst) {
    static float have[MOST_ELEMENTS], want[MOST_ELEMENTS];
    const duet_shape shape = read_tensor(name, what, k, want);
    assert_true(shape.rank >= 0);
    OK(duet_session_get(session, output, -1, have));
    for (int64_t i = 0; i < duet_shape_count(&shape); i++) {
        const double error =
            fabs((double)have[i] - (double)want[i]) / (fabs((double)want[i]) + 0.1);
        if (!(error < 1e-5))
            fail_msg("%s on %s: %s%d[%d] is %.8g, expected %.8g", name, backend, what,
                     k < 0 ? 0 : k, (int)i, (double)have[i], (double)want[i]);
        *worst = fmax(*worst, error);
    }
}

static void check(const golden *test, const char *backend, double *worst) {
    static float in[MOST_INPUTS][MOST_ELEMENTS], dout[MOST_ELEMENTS];
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value x[MOST_INPUTS] = {DUET_NONE, DUET_NONE, DUET_NONE}, outputs[1 + MOST_INPUTS];
    char name[16];
    int inputs = 0;
    OK(duet_graph_new(&graph));
    for (; inputs < MOST_INPUTS; inputs++) {
        const duet_shape shape = read_tensor(test->name, "in", inputs, in[inputs]);
        if (shape.rank < 0) break;
        snprintf(name, sizeof name, "in%d", inputs);
        x[inputs] = duet_input(graph, name, DUET_F32, shape.rank, shape.dim);
    }
    const duet_shape shape = read_tensor(test->name, "dout", -1, dout);
    const duet_value y = outputs[0] = test->build(graph, x, test->what);
    OK(duet_graph_status(graph));
    assert_true(duet_shape_equal(&duet_value_arg(graph, y)->shape, &shape));
    const int64_t row_shape[] = {1, duet_shape_count(&shape)};
    const duet_value weight = duet_input(graph, "dout", DUET_F32, 2, row_shape);
    const duet_value loss =
        duet_linear(graph, duet_reshape(graph, y, 2, row_shape), weight, DUET_NONE);
    OK(duet_grad(graph, loss, x, inputs, outputs + 1));
    OK(duet_slots_new(&slots, graph));
    const duet_plan_options options = {.device = backend, .threads = 2};
    OK(duet_plan_new(&plan, graph, slots, outputs, 1 + inputs, NULL, 0, &options));
    duet_graph_free(graph);
    OK(duet_session_new(&session, plan, slots));
    OK(duet_session_set(session, "dout", dout));
    for (int k = 0; k < inputs; k++) {
        snprintf(name, sizeof name, "in%d", k);
        if (duet_session_has_input(session, name)) OK(duet_session_set(session, name, in[k]));
    }
    OK(duet_session_run(session));
    compare(test->name, backend, "out", -1, session, 0, &worst[0]);
    for (int k = 0; k < inputs; k++)
        compare(test->name, backend, "din", k, session, 1 + k, &worst[1]);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
}

static void check_all(const char *backend) {
    double worst[2] = {0, 0};
    for (int i = 0; i < DUET_FUNCTION_COUNT; i++) {
        const char *const name = duet_functions[i].name;
        check(&(golden){name, name, row}, backend, worst);
        check(&(golden){name, name, function}, backend, worst);
    }
    for (int i = 0; i < DUET_COUNT(goldens); i++) check(&goldens[i], backend, worst);
    print_message("    %s: results within %.1e, gradients within %.1e\n", backend, worst[0],
                  worst[1]);
}

static void test_reference(void **state) {
    (void)state;
    check_all("ref");
}

static void test_cpu(void **state) {
    (void)state;
    check_all("cpu");
}

/* ---- the ends of the numbers ---- */

static void test_ends(void **state) {
    (void)state;
    static const struct {
        const char *function;
        float x, y;
    } rows[] = {
        {"exp", 89.0f, INFINITY},     {"exp", -110.0f, 0.0f},     {"exp", -INFINITY, 0.0f},
        {"exp", INFINITY, INFINITY},  {"log", 0.0f, -INFINITY},   {"log", -1.0f, NAN},
        {"log", INFINITY, INFINITY},  {"log", 1e-40f, -92.1034f}, {"sqrt", -1.0f, NAN},
        {"tanh", 100.0f, 1.0f},       {"tanh", -INFINITY, -1.0f}, {"softplus", 100.0f, 100.0f},
        {"softplus", -100.0f, 0.0f},  {"clamp", INFINITY, 0.75f}, {"sigmoid", -INFINITY, 0.0f},
        {"abs", -INFINITY, INFINITY}, {"silu", -200.0f, 0.0f},    {"exp", 88.5f, 2.7230878e38f},
    };
    enum { COUNT = DUET_COUNT(rows) };
    for (int i = 0; i < COUNT + DUET_FUNCTION_COUNT; i++) {
        const char *const function = i < COUNT ? rows[i].function : duet_functions[i - COUNT].name;
        const float x = i < COUNT ? rows[i].x : NAN, want = i < COUNT ? rows[i].y : NAN;
        const duet_elementwise_attr attr = {.slope = 0.25, .low = -0.5, .high = 0.75};
        duet_elementwise_attr named = attr;
        snprintf(named.function, sizeof named.function, "%s", function);
        duet_call call = {.op = &duet_op_elementwise,
                          .attr = &named,
                          .inputs = 1,
                          .outputs = 1,
                          .has_in = {true},
                          .has_out = {true}};
        call.in[0] = (duet_arg){DUET_F32, DUET_SHAPE_OF(1)};
        OK(call.op->shape(&call));
        const duet_kernel *const kernels[] = {
            duet_kernel_reference(call.op),
            duet_cpu_backend()->find(&call, &(duet_kernel_options){.threads = 1})};
        for (int k = 0; k < 2; k++) {
            float y = 7.0f;
            const duet_run run = {.call = &call, .in = {&x}, .out = {&y}, .threads = 1};
            assert_non_null(kernels[k]);
            OK(kernels[k]->run(&run));
            const bool same =
                isnan(want)   ? isnan(y)
                : isinf(want) ? y == want
                              : fabs((double)y - (double)want) <= 1e-5 * fabs((double)want) + 1e-30;
            if (!same)
                fail_msg("%s of %g by %s is %.9g", function, (double)x, kernels[k]->name,
                         (double)y);
        }
    }
}

/* ---- refusals ---- */

static void refuses(duet_graph *graph, const char *words) {
    if (duet_graph_status(graph) != DUET_SHAPE || strstr(duet_error_message(), words) == NULL)
        fail_msg("'%s' has no '%s'", duet_error_message(), words);
    duet_graph_free(graph);
}

static duet_value input(duet_graph **graph, int rank, const int64_t *dims) {
    OK(duet_graph_new(graph));
    return duet_input(*graph, "x", DUET_F32, rank, dims);
}

static void test_refusals(void **state) {
    (void)state;
    static const int64_t dims[] = {2, 3, 4, 5};
    duet_graph *g = NULL;
    duet_value x = input(&g, 4, dims);
    (void)duet_mul(g, x, duet_input(g, "b", DUET_F32, 1, dims + 2));
    refuses(g, "b is [4], expected [2,3,4,5], as x, or [5], [2,5] or [1]");
    x = input(&g, 2, dims);
    (void)duet_sub(g, x, duet_input(g, "b", DUET_F32, 1, dims));
    refuses(g, "b is [2], expected [2,3], as x, or [3] or [1]");
    x = input(&g, 2, dims);
    (void)duet_elementwise(g, x, "sine");
    refuses(g, "there is no function 'sine'; those known are relu, leaky_relu, ");
    x = input(&g, 2, dims);
    (void)duet_clamp(g, x, 1.0, -1.0);
    refuses(g, "low 1 is above high -1");
    x = input(&g, 2, dims);
    (void)duet_reduce(g, x, "sum", 1, (const int64_t[]){2});
    refuses(g, "there is no axis 2 in x [2,3]");
    x = input(&g, 2, dims);
    (void)duet_reduce(g, x, "sum", 2, (const int64_t[]){1, -1});
    refuses(g, "axis 1 stands twice");
    x = input(&g, 2, dims);
    (void)duet_reduce(g, x, "least", 0, NULL);
    refuses(g, "how is 'least', expected sum, mean or max");
}

static int open_goldens(void **state) {
    (void)state;
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/ops_elementwise.safetensors"));
    return 0;
}

static int close_goldens(void **state) {
    (void)state;
    duet_store_close(store);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, open_goldens, close_goldens);
}
