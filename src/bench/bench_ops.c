/* SPDX-License-Identifier: MIT
 * bench/bench_ops.c: the nodes of a network's inference pass, each kind and shape once, in a graph
 * of its own with random inputs and weights, so that the whole network need not fit into memory.
 * Weights are packed before the measurement, as in a pass. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"
#include "bench/parts.h"

typedef struct single {
    duet_graph *graph;
    duet_slots *slots;
    duet_plan *plan;
    duet_session *session;
} single;

static void single_free(single *s) {
    duet_session_free(s->session);
    duet_plan_free(s->plan);
    duet_slots_free(s->slots);
    duet_graph_free(s->graph);
}

/* A parameter where the network has one, else an input. */
static duet_value stand_in(single *s, const duet_graph *from, duet_value value, int k) {
    char name[16];
    const duet_value_info *info = &from->values[value];
    const duet_init init = {.kind = DUET_INIT_UNIFORM, .scale = 0.1};
    snprintf(name, sizeof name, "in%d", k);
    if (info->kind == DUET_VALUE_PARAM)
        return duet_parameter(s->graph, name, DUET_WEIGHT, init, info->arg.shape.rank,
                              info->arg.shape.dim);
    return duet_input(s->graph, name, info->arg.dtype == DUET_I32 ? DUET_I32 : DUET_F32,
                      info->arg.shape.rank, info->arg.shape.dim);
}

/* Activations are stored as the network stores them. */
static void take_types(single *s, const duet_graph *from, const duet_node *node,
                       const duet_value *in, const duet_value *out) {
    for (int k = 0; k < node->op->inputs; k++)
        if (in[k] != DUET_NONE && from->values[node->in[k]].kind != DUET_VALUE_PARAM)
            s->graph->values[in[k]].arg.dtype = from->values[node->in[k]].arg.dtype;
    for (int k = 0; k < node->op->outputs; k++)
        if (out[k] != DUET_NONE)
            s->graph->values[out[k]].arg.dtype = from->values[node->out[k]].arg.dtype;
}

/* Random values in [-1, 1); integers are zero. */
static duet_status fill_input(duet_session *session, const duet_graph *from, const duet_node *node,
                              int k) {
    char name[16];
    duet_status status = DUET_OK;
    float *x = NULL;
    void *stored = NULL;
    const duet_arg *arg = &from->values[node->in[k]].arg;
    const int64_t count = duet_shape_count(&arg->shape);
    const duet_rng random = duet_rng_make(1, "bench", (uint64_t)k);
    snprintf(name, sizeof name, "in%d", k);
    if (!duet_session_has_input(session, name)) return DUET_OK;
    DUET_DO(duet_alloc(&x, count, sizeof *x));
    DUET_DO(duet_alloc(&stored, count, duet_dtype_size(arg->dtype)));
    for (int64_t i = 0; i < count && arg->dtype != DUET_I32; i++)
        x[i] = (float)(2.0 * duet_rng_uniform(random, (uint64_t)i) - 1.0);
    duet_convert(stored, arg->dtype, x, DUET_F32, count);
    DUET_DO(duet_session_set(session, name, stored));
done:
    duet_release(x);
    duet_release(stored);
    return status;
}

static duet_status single_new(single *s, duet_context *ctx, const duet_graph *from,
                              const duet_node *node) {
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
    const duet_plan_options options = duet_plan_options_of(ctx);
    DUET_TRY(duet_graph_new(&s->graph));
    s->graph->bf16 = from->bf16;
    for (int k = 0; k < node->op->inputs; k++)
        in[k] = node->in[k] == DUET_NONE ? DUET_NONE : stand_in(s, from, node->in[k], k);
    duet_graph_add(s->graph, node->op, node->attr, in, out);
    DUET_TRY(duet_graph_status(s->graph));
    take_types(s, from, node, in, out);
    DUET_TRY(duet_slots_new(&s->slots, s->graph));
    duet_slots_init(s->slots, 1, false);
    DUET_TRY(duet_plan_new(&s->plan, s->graph, s->slots, out, 1, NULL, 0, &options));
    DUET_TRY(duet_session_new(&s->session, s->plan, s->slots));
    for (int k = 0; k < node->op->inputs; k++)
        if (node->in[k] != DUET_NONE) DUET_TRY(fill_input(s->session, from, node, k));
    return DUET_OK;
}

static bool same_node(const duet_graph *graph, const duet_node *a, const duet_node *b) {
    const size_t size = a->op->info.params.options_size;
    if (a->op != b->op || (size > 0 && memcmp(a->attr, b->attr, size) != 0)) return false;
    for (int k = 0; k < a->op->inputs; k++) {
        if ((a->in[k] == DUET_NONE) != (b->in[k] == DUET_NONE)) return false;
        if (a->in[k] == DUET_NONE) continue;
        const duet_value_info *x = &graph->values[a->in[k]], *y = &graph->values[b->in[k]];
        if (x->arg.dtype != y->arg.dtype || !duet_shape_equal(&x->arg.shape, &y->arg.shape))
            return false;
        if ((x->kind == DUET_VALUE_PARAM) != (y->kind == DUET_VALUE_PARAM)) return false;
    }
    return true;
}

static bool measured(const duet_bench_run *run, const duet_node *node) {
    return !node->dead && !node->op->alias &&
           duet_bench_listed(run->options->ops, node->op->info.name);
}

void duet_bench_describe(char *out, size_t size, const duet_call *call) {
    duet_str text = {0};
    const duet_shape *first = &call->in[0].shape, *result = &call->out[0].shape;
    duet_str_format(&text, "%s", call->op->info.name);
    for (int k = 0; k < call->inputs; k++) {
        const duet_shape *shape = &call->in[k].shape;
        if (!call->has_in[k] || (k > 0 && shape->rank < 2)) continue;
        for (int i = 0; i < shape->rank; i++)
            duet_str_format(&text, "%s%lld",
                            i       ? "x"
                            : k > 1 ? " + "
                            : k     ? " * "
                                    : " ",
                            (long long)shape->dim[i]);
    }
    if (first->rank == 4 && result->rank == 4 && first->dim[1] != result->dim[1])
        duet_str_format(&text, " to %lldx%lld", (long long)result->dim[1],
                        (long long)result->dim[2]);
    snprintf(out, size, "%s", text.text != NULL ? text.text : "");
    duet_str_free(&text);
}

static duet_status run_single(void *state) {
    return duet_session_run(((single *)state)->session);
}

static duet_status measure_node(duet_bench_run *run, const duet_bench_network *network,
                                int64_t batch, const duet_graph *graph, const duet_node *node,
                                int64_t count) {
    duet_status status = DUET_OK;
    single s = {0};
    char what[128];
    duet_plan_row plan;
    duet_call call;
    duet_graph_call(graph, node, 1, &call);
    duet_bench_describe(what, sizeof what, &call);
    DUET_DO(single_new(&s, run->ctx, graph, node));
    duet_plan_row_at(s.plan, 0, &plan);
    duet_bench_row row = {.network = network->name,
                          .work = "ops",
                          .what = what,
                          .kernel = plan.kernel,
                          .impl = plan.impl,
                          .batch = batch,
                          .count = count,
                          .flops = plan.flops,
                          .bytes = plan.bytes};
    DUET_DO(duet_bench_time(run, &row, run_single, &s));
done:
    single_free(&s);
    return status;
}

static duet_status each_node(duet_bench_run *run, const duet_bench_network *network, int64_t batch,
                             const duet_graph *graph, bool count_only, int64_t *count) {
    *count = 0;
    for (int64_t n = 0; n < graph->node_count; n++) {
        const duet_node *node = &graph->nodes[n];
        bool seen = false;
        int64_t like = 1;
        if (!measured(run, node)) continue;
        for (int64_t i = 0; i < n && !seen; i++)
            seen = measured(run, &graph->nodes[i]) && same_node(graph, &graph->nodes[i], node);
        if (seen) continue;
        for (int64_t i = n + 1; i < graph->node_count; i++)
            like += measured(run, &graph->nodes[i]) && same_node(graph, &graph->nodes[i], node);
        ++*count;
        if (!count_only) DUET_TRY(measure_node(run, network, batch, graph, node, like));
    }
    return DUET_OK;
}

duet_status duet_bench_ops(duet_bench_run *run, const duet_bench_network *network, int64_t batch,
                           bool count_only, int64_t *count) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    duet_graph *graph = NULL;
    duet_model_inputs in;
    duet_value raw = DUET_NONE;
    char arch[DUET_SPEC_SIZE];
    duet_bench_network_arch(network, arch);
    DUET_DO(duet_model_describe(&model, arch));
    DUET_DO(duet_graph_new(&graph));
    DUET_DO(duet_model_build(model, graph, batch, false, &in, &raw));
    DUET_DO(duet_forward_passes(run->ctx, graph, &raw, 1));
    DUET_DO(duet_pass_run(graph, "prune", &raw, 1));
    DUET_DO(each_node(run, network, batch, graph, count_only, count));
done:
    duet_graph_free(graph);
    duet_model_close(model);
    return status;
}
