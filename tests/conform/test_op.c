/* SPDX-License-Identifier: MIT
 * tests/conform/test_op.c: every kernel of every backend against the ops' references, on all tested
 * shapes: values, guard bytes, unwanted outputs, writing in place, weights packed once and changed
 * later, same bits for any threads and batch. Fused ops against their plain ones; shape rules
 * against wrong shapes. */
#include "base/system.h"
#include "conform/op_fixture.h"
#include "engine/backend/cpu/onednn_kernels.h"
#include "engine/backend/widen.h"
#include "tolerance.h"

#define DUET_CPU(name)      extern const duet_kernel_list duet_cpu_##name##_base;
#define DUET_CPU_BF16(name) extern const duet_kernel_list duet_cpu_##name##_bf16_base;
#include "engine/backend/cpu/cpu.def"
#if defined(__x86_64__)
#define DUET_CPU(name) \
    extern const duet_kernel_list duet_cpu_##name##_avx2, duet_cpu_##name##_avx512;
#define DUET_CPU_BF16(name) \
    extern const duet_kernel_list duet_cpu_##name##_bf16_avx2, duet_cpu_##name##_bf16_avx512;
#include "engine/backend/cpu/cpu.def"
#endif

typedef struct kernel_use {
    const duet_kernel *kernel;
    duet_kernel_plan plan;
    void *local;
    guarded keep, scratch;
    int threads;
} kernel_use;

static int kernel_count, fallback_count; /* of the backend "cpu" */
static double worst[2];                  /* share of the tolerance: forward, gradient */
static const char *worst_name[2] = {"", ""};

static double tolerance_of(const duet_op *op) {
    return op->grad_only ? TOLERANCE_GRADIENT : TOLERANCE_FORWARD;
}

static void use_open(kernel_use *use, const duet_kernel *kernel, const duet_call *call,
                     const duet_kernel_options *options) {
    *use = (kernel_use){.kernel = kernel, .threads = options->threads};
    if (kernel->plan != NULL && kernel->plan(call, options, &use->plan) != DUET_OK) {
        fail_msg("%s/%s: plan: %s", call->op->info.name, kernel->name, duet_error_message());
    }
    if (kernel->open != NULL) assert_int_equal(kernel->open(use->plan.state, &use->local), DUET_OK);
    use->keep = guarded_new(use->plan.keep, 0);
    use->scratch = guarded_new(use->plan.scratch, 0xFF);
}

static void use_close(kernel_use *use) {
    assert_true(guarded_intact(&use->keep));
    assert_true(guarded_intact(&use->scratch));
    if (use->kernel->close != NULL && use->local != NULL) use->kernel->close(use->local);
    if (use->kernel->release != NULL && use->plan.state != NULL)
        use->kernel->release(use->plan.state);
    guarded_free(&use->keep);
    guarded_free(&use->scratch);
}

static void use_run(kernel_use *use, const op_fixture *f, const duet_call *call, void *const *in,
                    void *const *out, uint64_t version) {
    duet_run run = {.call = call,
                    .state = use->plan.state,
                    .local = use->local,
                    .keep = use->plan.keep > 0 ? use->keep.data : NULL,
                    .scratch = use->scratch.data,
                    .seed = f->seed,
                    .step = f->step,
                    .threads = use->threads};
    for (int k = 0; k < call->inputs; k++) {
        run.in[k] = in[k];
        run.in_version[k] = (param_inputs_of(f->op) >> k & 1u) != 0 ? version : 0;
    }
    for (int k = 0; k < call->outputs; k++) run.out[k] = call->has_out[k] ? out[k] : NULL;
    if (use->kernel->run(&run) != DUET_OK)
        fail_msg("%s/%s: run: %s", f->op->info.name, use->kernel->name, duet_error_message());
}

static void inputs_of(const op_fixture *f, void **in) {
    for (int k = 0; k < DUET_MAX_INPUTS; k++) in[k] = f->in[k].data;
}

static void check_output(const op_fixture *f, int index, const char *how, const char *kernel, int k,
                         const guarded *have, const guarded *want) {
    const double error =
        stored_error(have->data, f->call.out[k].dtype, want->data, want->bytes / 4);
    if (!guarded_intact(have))
        fail_msg("%s case %d, %s (%s): writes outside output %d", f->op->info.name, index, kernel,
                 how, k);
    if (error / tolerance_of(f->op) > worst[f->op->grad_only]) {
        worst[f->op->grad_only] = error / tolerance_of(f->op);
        worst_name[f->op->grad_only] = f->op->info.name;
    }
    if (error > tolerance_of(f->op)) {
        fail_msg("%s case %d '%s', stored %u, %s (%s): output %d is off by %.2e of its RMS, %.0e "
                 "is allowed",
                 f->op->info.name, index, f->use->attr != NULL ? f->use->attr : "", f->stored,
                 kernel, how, k, error, tolerance_of(f->op));
    }
}

/* The outputs in `wanted`, by a kernel. */
static void check_wanted(const op_fixture *f, int index, const duet_kernel *kernel, uint32_t wanted,
                         const duet_kernel_options *options, const char *how) {
    duet_call call = f->call;
    for (int k = 0; k < call.outputs; k++) call.has_out[k] = (wanted >> k & 1u) != 0;
    kernel_use use;
    use_open(&use, kernel, &call, options);
    guarded out[DUET_MAX_OUTPUTS] = {{0}};
    void *in[DUET_MAX_INPUTS], *to[DUET_MAX_OUTPUTS] = {0};
    inputs_of(f, in);
    for (int k = 0; k < call.outputs; k++) {
        out[k] = guarded_new(arg_bytes(&f->call.out[k]), 0xFF);
        to[k] = out[k].data;
    }
    for (int twice = 0; twice < 2; twice++) { /* the second run finds packed weights */
        use_run(&use, f, &call, in, to, 1);
        for (int k = 0; k < call.outputs; k++) {
            if (call.has_out[k])
                check_output(f, index, how, kernel->name, k, &out[k], &f->expect[k]);
            assert_true(guarded_intact(&out[k]));
        }
    }
    for (int k = 0; k < call.outputs; k++) guarded_free(&out[k]);
    use_close(&use);
}

static void check_in_place(const op_fixture *f, int index, const duet_kernel *kernel) {
    for (int k = 0; k < f->op->inputs; k++) {
        if ((f->op->in_place >> k & 1u) == 0 || !f->call.has_in[k]) continue;
        const duet_kernel_options options = {.threads = 1};
        kernel_use use;
        use_open(&use, kernel, &f->call, &options);
        guarded both = guarded_new(f->in[k].bytes, 0);
        memcpy(both.data, f->in[k].data, (size_t)both.bytes);
        void *in[DUET_MAX_INPUTS], *to[DUET_MAX_OUTPUTS] = {both.data};
        inputs_of(f, in);
        in[k] = both.data;
        use_run(&use, f, &f->call, in, to, 1);
        check_output(f, index, "in place", kernel->name, 0, &both, &f->expect[0]);
        guarded_free(&both);
        use_close(&use);
    }
}

/* Another set of weights and what the reference makes of them: once for all kernels of a case. */
static struct changed_weights { guarded in[DUET_MAX_INPUTS], expect[DUET_MAX_OUTPUTS]; } changed;

static void change_weights(const op_fixture *f) {
    const uint32_t params = param_inputs_of(f->op);
    if (params == 0) return;
    void *in[DUET_MAX_INPUTS], *want[DUET_MAX_OUTPUTS] = {0};
    inputs_of(f, in);
    for (int k = 0; k < f->op->inputs; k++) {
        if ((params >> k & 1u) == 0 || !f->call.has_in[k]) continue;
        changed.in[k] = guarded_new(f->in[k].bytes, 0);
        fill_input(f, k, 1, changed.in[k].data);
        in[k] = changed.in[k].data;
    }
    for (int k = 0; k < f->op->outputs; k++) {
        changed.expect[k] = guarded_new(f->expect[k].bytes, 0xFF);
        want[k] = changed.expect[k].data;
    }
    run_reference(f, (const void *const *)in, want);
}

static void forget_weights(void) {
    for (int k = 0; k < DUET_MAX_INPUTS; k++) guarded_free(&changed.in[k]);
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) guarded_free(&changed.expect[k]);
}

/* New weights under a new version must be seen by a kernel that keeps them packed. */
static void check_repack(const op_fixture *f, int index, const duet_kernel *kernel) {
    const uint32_t params = param_inputs_of(f->op);
    if (params == 0) return;
    const duet_kernel_options options = {.threads = 1, .param_inputs = params};
    void *in[DUET_MAX_INPUTS], *to[DUET_MAX_OUTPUTS] = {0};
    guarded out[DUET_MAX_OUTPUTS] = {{0}};
    inputs_of(f, in);
    for (int k = 0; k < f->op->outputs; k++) {
        out[k] = guarded_new(arg_bytes(&f->call.out[k]), 0xFF);
        to[k] = out[k].data;
    }
    kernel_use use;
    use_open(&use, kernel, &f->call, &options);
    use_run(&use, f, &f->call, in, to, 1);
    for (int k = 0; k < f->op->inputs; k++)
        if (changed.in[k].data != NULL) in[k] = changed.in[k].data;
    use_run(&use, f, &f->call, in, to, 2);
    for (int k = 0; k < f->op->outputs; k++)
        check_output(f, index, "changed weights", kernel->name, k, &out[k], &changed.expect[k]);
    for (int k = 0; k < f->op->outputs; k++) guarded_free(&out[k]);
    use_close(&use);
}

static void check_kernel(const op_fixture *f, int index, const duet_kernel *kernel) {
    const uint32_t all = (1u << f->op->outputs) - 1u;
    check_wanted(f, index, kernel, all, &(duet_kernel_options){.threads = 1}, "1 thread");
    if (kernel != duet_kernel_reference(f->op)) { /* that knows no options, and takes long */
        check_wanted(f, index, kernel, all, &(duet_kernel_options){.threads = 3}, "3 threads");
        check_wanted(f, index, kernel, all, &(duet_kernel_options){.threads = 2, .exact = true},
                     "exact");
        check_wanted(f, index, kernel, all,
                     &(duet_kernel_options){.threads = 1, .param_inputs = param_inputs_of(f->op)},
                     "weights");
    }
    for (int k = 0; k < f->op->outputs && f->op->outputs > 1; k++) {
        if (arg_count(&f->call.out[k]) == 0) continue;
        check_wanted(f, index, kernel, 1u << k, &(duet_kernel_options){.threads = 1}, "one output");
    }
    check_in_place(f, index, kernel);
    check_repack(f, index, kernel);
    for (int k = 0; k < f->op->inputs; k++) assert_true(guarded_intact(&f->in[k]));
    kernel_count++;
}

typedef void (*kernel_check)(const op_fixture *f, int index, const duet_kernel *kernel);

static void check_list(const op_fixture *f, int index, const duet_kernel_list *list,
                       kernel_check check) {
    for (int i = 0; i < list->count; i++) {
        const duet_kernel *kernel = &list->kernels[i];
        if (strcmp(kernel->op, f->op->info.name) != 0 ||
            (kernel->supports != NULL && !kernel->supports(&f->call)))
            continue;
        if ((f->stored & 2u) != 0 && !kernel->bf16_weights) continue;
        if (kernel->rounds ? (f->stored & (1u | DUET_ROUNDED)) == 0
                           : (f->stored & DUET_ROUNDED) != 0)
            continue;
        check(f, index, kernel);
    }
}

/* Also kernels that the backend would not choose, of all instruction sets that this machine runs.
 */
static void for_each_kernel(const op_fixture *f, int index, kernel_check check) {
    const bool bf16 = duet_call_is_bf16(&f->call) || f->call.out[0].dtype == DUET_BF16;
    check(f, index, duet_kernel_reference(f->op));
    duet_call plain = f->call;
    for (int k = 0; k < plain.inputs; k++)
        plain.in[k].dtype = plain.in[k].dtype == DUET_BF16 ? DUET_F32 : plain.in[k].dtype;
    for (int k = 0; k < plain.outputs; k++) plain.out[k].dtype = DUET_F32;
    const bool widens =
        duet_cpu_backend()->find(&plain, &(duet_kernel_options){.threads = 1}) != NULL;
    if ((bf16 || f->stored != 0) && widens) check(f, index, &duet_kernel_widened);
    if (!bf16) check_list(f, index, &duet_onednn_candidates, check);
#define DUET_CPU(name) \
    if (!bf16) check_list(f, index, &duet_cpu_##name##_base, check);
#define DUET_CPU_BF16(name) \
    if (bf16) check_list(f, index, &duet_cpu_##name##_bf16_base, check);
#include "engine/backend/cpu/cpu.def"
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
#define DUET_CPU(name) \
    if (!bf16) check_list(f, index, &duet_cpu_##name##_avx2, check);
#define DUET_CPU_BF16(name) \
    if (bf16) check_list(f, index, &duet_cpu_##name##_bf16_avx2, check);
#include "engine/backend/cpu/cpu.def"
#ifndef DUET_NO_AVX512
    if (strcmp(duet_cpu_backend()->isa, "avx512") != 0) return;
#define DUET_CPU(name) \
    if (!bf16) check_list(f, index, &duet_cpu_##name##_avx512, check);
#define DUET_CPU_BF16(name) \
    if (bf16) check_list(f, index, &duet_cpu_##name##_bf16_avx512, check);
#include "engine/backend/cpu/cpu.def"
#endif
#endif
}

static bool rounding_kernels(void) {
    return strcmp(duet_cpu_backend()->isa, "avx512") == 0 && duet_has_amx();
}

static void check_kernels(const op_fixture *f, int index) {
    if (f->op->alias) return;
    const duet_kernel_options options = {.threads = 1};
    if (duet_cpu_backend()->find(&f->call, &options) == NULL) {
        print_message("    %s case %d: no cpu kernel\n", f->op->info.name, index);
        fallback_count++;
    }
    change_weights(f);
    for_each_kernel(f, index, check_kernel);
    forget_weights();
}

static void test_kernels(void **state) {
    (void)state;
    for_each_stored_case(check_kernels, rounding_kernels() ? DUET_ROUNDED : 3);
    print_message("    %d uses of kernels up to '%s', %d cases without one\n", kernel_count,
                  duet_cpu_backend()->isa, fallback_count);
    print_message("    worst: %.2f (%s) of the tolerance forward, %.2f (%s) of gradients\n",
                  worst[0], worst_name[0], worst[1], worst_name[1]);
    assert_true(kernel_count > fallback_count);
}

/* ---- the same through graph, plan and session ---- */

/* Weights stored as bf16 stay where they are, as those of a mapped file do. */
static void lend_stored(const op_fixture *f, duet_slots *slots) {
    for (int64_t i = 0; i < slots->count; i++) {
        const int k = slots->list[i].name[2] - '0'; /* "in1" */
        if (f->call.in[k].dtype != DUET_F32)
            duet_slots_lend(slots, i, f->call.in[k].dtype, f->in[k].data);
    }
}

static void check_session(const op_fixture *f, int index, const char *backend,
                          uint32_t params_mask) {
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    fixture_graph(f, graph, params_mask, in, out);
    if (duet_graph_status(graph) != DUET_OK)
        fail_msg("%s case %d: %s", f->op->info.name, index, duet_error_message());
    int64_t wanted = 0;
    for (int k = 0; k < f->op->outputs; k++) wanted += arg_count(&f->call.out[k]) > 0;
    const duet_plan_options options = {.device = backend, .threads = 2};
    assert_int_equal(duet_slots_describe(&slots, graph), DUET_OK);
    lend_stored(f, slots);
    assert_int_equal(duet_slots_alloc(slots), DUET_OK);
    assert_int_equal(duet_plan_new(&plan, graph, slots, out, wanted, NULL, 0, &options), DUET_OK);
    duet_graph_free(graph);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    fixture_feed(f, session, slots);
    assert_int_equal(duet_session_run(session), DUET_OK);
    for (int k = 0; k < wanted; k++) {
        guarded have = guarded_new(arg_bytes(&f->call.out[k]), 0);
        assert_int_equal(duet_session_get(session, k, -1, have.data), DUET_OK);
        check_output(f, index, "session", backend, k, &have, &f->expect[k]);
        guarded_free(&have);
    }
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
}

static void check_sessions(const op_fixture *f, int index) {
    check_session(f, index, "ref", 0);
    check_session(f, index, "cpu", 0);
    if (param_inputs_of(f->op) != 0) check_session(f, index, "cpu", param_inputs_of(f->op));
}

static void test_sessions(void **state) {
    (void)state;
    for_each_stored_case(check_sessions, 3);
}

/* ---- fused ops ---- */

static void check_expand(const op_fixture *f, int index) {
    if (f->op->expand == NULL) return;
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    fixture_graph(f, graph, 0, in, NULL);
    f->op->expand(graph, &f->attr, in, out);
    assert_int_equal(duet_graph_status(graph), DUET_OK);
    assert_int_equal(duet_slots_new(&slots, graph), DUET_OK);
    const duet_plan_options options = {.device = "ref", .threads = 1};
    assert_int_equal(duet_plan_new(&plan, graph, slots, out, f->op->outputs, NULL, 0, &options),
                     DUET_OK);
    duet_graph_free(graph);
    assert_int_equal(duet_session_new(&session, plan, slots), DUET_OK);
    fixture_feed(f, session, slots);
    assert_int_equal(duet_session_run(session), DUET_OK);
    for (int k = 0; k < f->op->outputs; k++) {
        guarded have = guarded_new(f->expect[k].bytes, 0);
        assert_int_equal(duet_session_get(session, k, -1, have.data), DUET_OK);
        const double error = error_of(have.data, f->expect[k].data, have.bytes / 4);
        if (error > TOLERANCE_EXPAND)
            fail_msg("%s case %d: expand is off by %.2e in output %d", f->op->info.name, index,
                     error, k);
        guarded_free(&have);
    }
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
}

static void test_expand(void **state) {
    (void)state;
    for_each_case(check_expand);
}

/* ---- same bits ---- */

/* Bits of a kernel depend neither on threads nor on the batch: row by row is the whole. */
static void check_kernel_bits(const op_fixture *f, int index, const duet_kernel *kernel) {
    const uint32_t params = param_inputs_of(f->op), shared = shared_inputs_of(f);
    const int64_t batch = f->use->in[0].dim[0];
    if (kernel == &duet_kernel_widened) return; /* may choose another kernel for another batch */
    guarded whole[2];
    for (int t = 0; t < 2; t++) {
        const duet_kernel_options options = {.threads = t == 0 ? 1 : 3, .param_inputs = params};
        duet_call call = f->call;
        for (int k = 1; k < call.outputs; k++) call.has_out[k] = false;
        kernel_use use;
        use_open(&use, kernel, &call, &options);
        whole[t] = guarded_new(arg_bytes(&f->call.out[0]), 0xFF);
        void *in[DUET_MAX_INPUTS], *to[DUET_MAX_OUTPUTS] = {whole[t].data};
        inputs_of(f, in);
        use_run(&use, f, &call, in, to, 1);
        use_close(&use);
    }
    if (memcmp(whole[0].data, whole[1].data, (size_t)whole[0].bytes) != 0) {
        fail_msg("%s case %d, %s: bits depend on threads", f->op->info.name, index, kernel->name);
    }
    duet_call call = f->call;
    for (int k = 1; k < call.outputs; k++) call.has_out[k] = false;
    for (int k = 0; k < call.inputs; k++) {
        if (call.has_in[k] && (shared >> k & 1u) == 0) call.in[k].shape.dim[0] = 1;
    }
    assert_int_equal(f->op->shape(&call), DUET_OK);
    const duet_kernel_options options = {.threads = 2, .param_inputs = params};
    kernel_use use;
    use_open(&use, kernel, &call, &options);
    guarded row = guarded_new(arg_bytes(&call.out[0]), 0xFF);
    for (int64_t b = 0; b < batch; b++) {
        void *in[DUET_MAX_INPUTS], *to[DUET_MAX_OUTPUTS] = {row.data};
        for (int k = 0; k < DUET_MAX_INPUTS; k++) {
            const bool batched = f->in[k].data != NULL && (shared >> k & 1u) == 0;
            in[k] =
                batched ? (uint8_t *)f->in[k].data + b * (f->in[k].bytes / batch) : f->in[k].data;
        }
        use_run(&use, f, &call, in, to, 1);
        if (memcmp(row.data, (uint8_t *)whole[0].data + b * row.bytes, (size_t)row.bytes) != 0) {
            fail_msg("%s case %d, %s: row %d alone has other bits than in its batch",
                     f->op->info.name, index, kernel->name, (int)b);
        }
    }
    guarded_free(&row);
    guarded_free(&whole[0]);
    guarded_free(&whole[1]);
    use_close(&use);
}

/* And with `exact` a kernel is chosen that does not depend on the batch. */
static void check_bits(const op_fixture *f, int index) {
    const duet_kernel_options exact = {.threads = 3, .exact = true};
    const char *name = f->op->info.name;
    const bool batch = !f->op->grad_only || strcmp(name, "conv2d_dx") == 0;
    if (f->op->alias || f->op->inputs == 0 || !batch || f->op->joins_rows) return;
    /* no batch axis, or the first input has none */
    if (f->use->in[0].rank < 2 || (param_inputs_of(f->op) & 1u) != 0) return;
    if (strcmp(name, "matmul") == 0 && f->use->in[0].rank == 2) return;
    /* rows of the batch are joined */
    if (f->call.out[0].shape.dim[0] != f->use->in[0].dim[0]) return;
    duet_call call = f->call;
    for (int k = 0; k < call.inputs; k++) {
        if (call.has_in[k] && (shared_inputs_of(f) >> k & 1u) == 0) call.in[k].shape.dim[0] = 1;
    }
    assert_int_equal(f->op->shape(&call), DUET_OK);
    const duet_kernel *kernel = duet_cpu_backend()->find(&f->call, &exact);
    assert_ptr_equal(duet_cpu_backend()->find(&call, &exact), kernel);
    if (kernel != NULL) assert_string_not_equal(kernel->name, "winograd");
    for_each_kernel(f, index, check_kernel_bits);
}

static void test_bits(void **state) {
    (void)state;
    for_each_stored_case(check_bits, 3);
}

/* ---- shape rules ---- */

/* DUET_OK where the rule has nothing against it; a refusal must be of the right kind and name op
 * and layer. */
static duet_status refuse(const op_fixture *f, duet_call *call, const char *what) {
    const duet_status status = f->op->shape(call);
    if (status == DUET_OK) return status;
    char begin[64];
    snprintf(begin, sizeof begin, "%s at 'block.0': ", f->op->info.name);
    if (status != DUET_SHAPE || strncmp(duet_error_message(), begin, strlen(begin)) != 0) {
        fail_msg("%s (%s): status %s, message '%s'", f->op->info.name, what,
                 duet_status_name(status), duet_error_message());
    }
    return status;
}

static void must_refuse(const op_fixture *f, duet_call *call, const char *what, int k) {
    if (refuse(f, call, what) == DUET_OK)
        fail_msg("%s: %s of input %d is accepted", f->op->info.name, what, k);
}

static void check_refusals(const op_fixture *f, int index) {
    (void)index;
    for (int k = 0; k < f->op->inputs; k++) {
        if (!f->call.has_in[k]) continue;
        const duet_arg *arg = &f->call.in[k];
        duet_call call = f->call;
        call.in[k].dtype = arg->dtype == DUET_F32 ? DUET_I32 : DUET_F32;
        must_refuse(f, &call, "a wrong type", k);
        call = f->call;
        call.has_in[k] = false;
        call.in[k] = (duet_arg){0};
        if (k < f->op->required) must_refuse(f, &call, "absence", k);
        call = f->call;
        call.in[k].shape.dim[call.in[k].shape.rank++] = 2;
        if (k > 0) must_refuse(f, &call, "one axis more", k);
        (void)refuse(f, &call, "one axis more");
        call = f->call;
        call.in[k].shape.rank = 0;
        if (k > 0) must_refuse(f, &call, "rank 0", k);
        (void)refuse(f, &call, "rank 0");
        for (int i = 0; i < arg->shape.rank; i++) {
            static const int64_t sizes[] = {0, -1, INT64_C(1) << 40, INT64_MAX};
            for (int s = 0; s < DUET_COUNT(sizes); s++) {
                call = f->call;
                call.in[k].shape.dim[i] = sizes[s];
                if (sizes[s] <= 0 || sizes[s] == INT64_MAX)
                    must_refuse(f, &call, "an impossible axis", k);
                (void)refuse(f, &call, "a huge axis");
            }
            call = f->call;
            call.in[k].shape.dim[i]++;
            (void)refuse(f, &call, "an axis one larger");
        }
    }
}

/* Activations are stored in one way. */
static void check_mixture(const op_fixture *f, int index) {
    int activations = 0, last = 0;
    (void)index;
    for (int k = 0; k < f->op->inputs && f->stored == 1; k++) {
        if ((f->op->bf16_inputs >> k & 1u) == 0 || !f->call.has_in[k]) continue;
        activations++;
        last = k;
    }
    if (activations < 2) return;
    duet_call call = f->call;
    call.in[last].dtype = DUET_F32;
    must_refuse(f, &call, "another storage", last);
}

static void test_refusals(void **state) {
    (void)state;
    for_each_case(check_refusals);
    for_each_stored_case(check_mixture, 1);
}

/* Sizes that must agree, one line each: op, case, input, axis. */
static void test_mismatches(void **state) {
    (void)state;
    static const struct {
        const char *op;
        int use, input, axis;
    } rows[] = {
        {"conv2d", 0, 0, 3},
        {"conv2d", 0, 1, 1},
        {"conv2d", 0, 1, 2},
        {"conv2d", 0, 1, 3},
        {"conv2d", 0, 2, 0},
        {"conv2d_dx", 0, 0, 1},
        {"conv2d_dx", 0, 0, 3},
        {"conv2d_dx", 0, 1, 0},
        {"conv2d_dw", 0, 1, 0},
        {"conv2d_dw", 0, 1, 1},
        {"linear", 0, 0, 1},
        {"linear", 0, 1, 1},
        {"linear", 0, 2, 0},
        {"linear", 1, 1, 2},
        {"linear_dx", 0, 0, 1},
        {"linear_dw", 0, 1, 0},
        {"group_norm", 0, 0, 3},
        {"group_norm", 0, 1, 0},
        {"group_norm", 0, 2, 0},
        {"norm_act", 0, 3, 0},
        {"norm_act", 0, 3, 1},
        {"norm_act_grad", 0, 4, 1},
        {"norm_act_grad", 0, 5, 0},
        {"norm_act_grad", 0, 6, 2},
        {"modulate", 0, 1, 1},
        {"modulate_grad", 0, 2, 1},
        {"silu_grad", 1, 1, 0},
        {"add", 1, 1, 1},
        {"add_channels", 0, 1, 1},
        {"add_channels", 0, 1, 0},
        {"concat", 1, 1, 1},
        {"slice", 1, 0, -1},
        {"avg_pool", 0, 0, 1},
        {"adaptive_pool_grad", 0, 0, 1},
        {"attention", 1, 0, 2},
        {"attention_grad", 1, 1, 2},
        {"embedding_grad", 1, 0, 0},
        {"dropout", 1, 1, 0},
        {"mse_loss", 1, 1, 1},
        {"mse_loss_grad", 1, 2, 0},
        {"mse_loss", 4, 2, 0},
        {"mse_loss_grad", 4, 3, 0},
        {"variance_bound", 1, 3, 1},
        {"variance_bound", 1, 4, 1},
        {"variance_bound_grad", 1, 5, 0},
        {"reshape", 0, 0, 1},
        {"softmax_grad", 1, 1, 1},
        {"log_softmax_grad", 1, 1, 0},
        {"cross_entropy", 1, 1, 0},
        {"cross_entropy_grad", 1, 1, 0},
        {"cross_entropy_grad", 1, 2, 0},
        {"soft_cross_entropy", 1, 1, 1},
        {"soft_cross_entropy_grad", 1, 1, 0},
        {"layer_norm", 0, 1, 0},
        {"layer_norm", 2, 2, 1},
        {"layer_norm_grad", 1, 1, 1},
        {"layer_norm_grad", 1, 3, 2},
        {"layer_norm_grad", 2, 4, 2},
        {"batch_norm_train", 0, 1, 0},
        {"batch_norm_train", 0, 2, 0},
        {"batch_norm_train_grad", 0, 2, 0},
        {"batch_norm_train_grad", 0, 4, 0},
        {"matmul", 0, 1, 0},
        {"matmul", 1, 1, 0},
        {"matmul", 1, 1, 1},
        {"matmul", 2, 1, 2},
        {"matmul", 3, 1, 1},
        {"power_iteration", 1, 1, 0},
        {"spectral_divide", 1, 1, 0},
        {"spectral_divide", 1, 2, 0},
        {"spectral_divide_grad", 1, 3, 0},
        {"spectral_divide_grad", 1, 4, 1},
    };
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        op_fixture f;
        fixture_open(&f, duet_op_find(rows[i].op), rows[i].use, 0);
        duet_call call = f.call;
        if (rows[i].axis < 0) { /* cut instead of grown */
            call.in[rows[i].input].shape.dim[call.in[rows[i].input].shape.rank - 1]--;
        } else {
            call.in[rows[i].input].shape.dim[rows[i].axis]++;
        }
        must_refuse(&f, &call, "a size that does not fit", rows[i].input);
        fixture_close(&f);
    }
}

/* ---- dropout: which elements are kept ---- */

enum { DROPPED = 20000 };

/* Number of elements kept both here and in `other` (NULL: kept here); out: 1 where kept. */
static int64_t kept(uint64_t seed, uint64_t step, int64_t stream, int32_t sample_id,
                    const float *other, float *out) {
    const duet_dropout_attr attr = {.p = 0.25, .stream = stream};
    duet_call call = {.op = duet_op_find("dropout"),
                      .attr = &attr,
                      .inputs = 2,
                      .outputs = 1,
                      .has_in = {true, true},
                      .has_out = {true}};
    call.in[0] = (duet_arg){DUET_F32, DUET_SHAPE_OF(1, DROPPED)};
    call.in[1] = (duet_arg){DUET_I32, DUET_SHAPE_OF(1)};
    assert_int_equal(call.op->shape(&call), DUET_OK);
    for (int i = 0; i < DROPPED; i++) out[i] = 1.0f;
    call.op->reference(&(duet_run){
        .call = &call, .in = {out, &sample_id}, .out = {out}, .seed = seed, .step = step});
    int64_t count = 0;
    for (int i = 0; i < DROPPED; i++) {
        assert_true(out[i] == 0.0f || out[i] == 1.0f / 0.75f);
        count += out[i] != 0.0f && (other == NULL || other[i] != 0.0f);
    }
    return count;
}

static void test_dropout(void **state) {
    (void)state;
    static float first[DROPPED], second[DROPPED];
    const double slack = 5.0 * sqrt(DROPPED * 0.25); /* five standard deviations, or more */
    assert_true(fabs((double)kept(7, 3, 11, 5, NULL, first) - 0.75 * DROPPED) < slack);
    /* Independent masks agree on 0.75^2; changing any of the four names another mask. */
    assert_true(fabs((double)kept(8, 3, 11, 5, first, second) - 0.5625 * DROPPED) < slack);
    assert_true(fabs((double)kept(7, 4, 11, 5, first, second) - 0.5625 * DROPPED) < slack);
    assert_true(fabs((double)kept(7, 3, 12, 5, first, second) - 0.5625 * DROPPED) < slack);
    assert_true(fabs((double)kept(7, 3, 11, 6, first, second) - 0.5625 * DROPPED) < slack);
    /* and the same four, the same */
    assert_true(fabs((double)kept(7, 3, 11, 5, first, second) - 0.75 * DROPPED) < slack);
}

static void test_dropout_builder(void **state) {
    (void)state;
    duet_graph *graph = NULL;
    assert_int_equal(duet_graph_new(&graph), DUET_OK);
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (const int64_t[]){2, 3});
    const duet_value id = duet_input(graph, "sample_id", DUET_I32, 1, (const int64_t[]){2});
    assert_int_equal(duet_dropout(graph, x, id, 0.0), x);
    int64_t streams[2];
    for (int i = 0; i < 2; i++) {
        const size_t mark = duet_scope_push(graph, "layer%d", i);
        (void)duet_dropout(graph, x, id, 0.1);
        duet_scope_pop(graph, mark);
        streams[i] = ((const duet_dropout_attr *)graph->nodes[graph->node_count - 1].attr)->stream;
    }
    assert_int_equal(duet_graph_status(graph), DUET_OK);
    assert_true(streams[0] != streams[1]);
    duet_graph_free(graph);
}

static void test_family(void **state) {
    (void)state;
    for (int i = 0; i < duet_family_op.count; i++) {
        const duet_op *const op = duet_op_of(duet_family_op.entries[i]);
        assert_ptr_equal(duet_op_find(op->info.name), op);
        assert_true(op->case_count >= 3);
        assert_true(op->required <= op->inputs && op->inputs <= DUET_MAX_INPUTS);
        assert_true(op->alias == (op->reference == NULL));
        assert_false(op->grad_only && op->grad != NULL);
        assert_true(op->info.help != NULL && op->info.help[0] != '\0');
    }
    assert_null(duet_op_find("conv3d"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mismatches),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_dropout_builder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
