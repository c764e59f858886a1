/* SPDX-License-Identifier: MIT
 * model/network.c: build, passes, plan, session: the one place that puts them together for a
 * forward pass. */
#include "model/network.h"

#include <string.h>

#include "base/error.h"

struct duet_network {
    duet_model *model;
    int64_t batch;
    duet_plan *plan;
    duet_session *session;
    duet_network_inputs in;
};

duet_network_inputs duet_network_inputs_of(duet_session *session) {
    return (duet_network_inputs){.x = duet_session_input(session, "x"),
                                 .net_t = duet_session_input(session, "net_t"),
                                 .y = duet_session_input(session, "y"),
                                 .sample_id = duet_session_input(session, "sample_id"),
                                 .low_res = duet_session_input(session, "low_res"),
                                 .self_cond = duet_session_input(session, "self_cond"),
                                 .z = duet_session_input(session, "z")};
}

static duet_status build_part(duet_graph *graph, const duet_model *model,
                              const duet_network_spec *spec, duet_value *raw) {
    duet_model_inputs in = {0};
    duet_value out[DUET_PART_GIVES];
    if (spec->part == NULL) return duet_model_build(model, graph, spec->batch, false, &in, raw);
    DUET_TRY(duet_model_check(model, *spec->part));
    duet_model_inputs_make(model, graph, spec->batch,
                           duet_shape_part(&model->shape, *spec->part)->takes, false, &in);
    DUET_TRY(duet_model_build_part(model, graph, *spec->part, &in, out));
    *raw = out[0];
    if (spec->gives != NULL) memcpy(spec->gives, out, sizeof out);
    return DUET_OK;
}

static duet_status build(duet_context *ctx, duet_plan **out, const duet_model *model,
                         const duet_network_spec *spec, const duet_plan_options *options) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    duet_value raw = DUET_NONE;
    const duet_value *outputs = &raw;
    int64_t count = 1;
    DUET_DO(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, spec->tap, spec->user);
    DUET_DO(build_part(graph, model, spec, &raw));
    if (spec->outputs != NULL) DUET_DO(spec->outputs(graph, raw, spec->user, &outputs, &count));
    if (!spec->differentiated) DUET_DO(duet_forward_passes(ctx, graph, outputs, count));
    DUET_DO(duet_plan_new(out, graph, model->slots, outputs, count, NULL, 0, options));
done:
    duet_graph_free(graph);
    return status;
}

duet_status duet_network_compile(duet_context *ctx, duet_plan **out, const duet_model *model,
                                 int64_t batch, const duet_plan_options *options) {
    return build(ctx, out, model, &(duet_network_spec){.batch = batch}, options);
}

duet_status duet_network_open(duet_context *ctx, duet_network **out, duet_model *model,
                              const duet_network_spec *spec) {
    duet_status status = DUET_OK;
    duet_network *network = NULL;
    const duet_plan_options options = duet_plan_options_of(ctx);
    DUET_DO(duet_alloc(&network, 1, sizeof *network));
    network->model = model;
    network->batch = spec->batch;
    DUET_DO(build(ctx, &network->plan, model, spec, &options));
    DUET_DO(duet_session_new(&network->session, network->plan, model->slots));
    network->in = duet_network_inputs_of(network->session);
    if (network->in.x == NULL && network->in.z == NULL)
        DUET_FAIL(DUET_FORMAT, "the network does not read its images");
    *out = network;
    network = NULL;
done:
    duet_network_close(network);
    return status;
}

void duet_network_close(duet_network *network) {
    if (network == NULL) return;
    duet_session_free(network->session);
    duet_plan_free(network->plan);
    duet_release(network);
}

const duet_network_inputs *duet_network_in(const duet_network *network) {
    return &network->in;
}

void *duet_network_input(duet_network *network, const char *name) {
    return duet_session_input(network->session, name);
}

duet_status duet_network_set_labels(duet_network *network, const int32_t *labels, int64_t rows) {
    int32_t *const y = network->in.y;
    const int64_t classes = network->model->shape.class_count;
    if (y == NULL) return DUET_OK;
    if (labels == NULL)
        return duet_fail(DUET_ARG,
                         "the model is conditioned on classes; a label for each image is needed");
    for (int64_t r = 0; r < rows; r++) {
        if (labels[r] < 0 || labels[r] >= classes)
            return duet_fail(DUET_ARG, "label %d is outside of the model's %lld classes",
                             (int)labels[r], (long long)classes);
        y[r] = labels[r];
    }
    memset(y + rows, 0, (size_t)(network->batch - rows) * sizeof *y);
    return DUET_OK;
}

duet_status duet_network_run(duet_network *network) {
    return duet_session_run(network->session);
}

const float *duet_network_out(const duet_network *network, int64_t index) {
    return duet_session_output(network->session, index);
}

const duet_plan *duet_network_plan(const duet_network *network) {
    return network->plan;
}

duet_status duet_network_profile(duet_network *network, double *seconds) {
    return duet_session_profile(network->session, seconds, NULL);
}
