/* SPDX-License-Identifier: MIT
 * A model as a function (x_t, level) -> x0, eps. The card says which noise schedule and which
 * prediction the model was made with. One plan with a fixed batch size; smaller batches are padded
 * with zeros, and rows are independent. */
#include "diffusion/denoiser.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define OPTIONS_SIZE 512

struct duet_denoiser {
    duet_model *model;
    duet_noise *noise;
    const duet_predict *predict;
    union {
        max_align_t align;
        uint8_t bytes[OPTIONS_SIZE];
    } options; /* options of predict */
    duet_plan *plan;
    duet_session *session;
    int64_t batch, pixels, channels; /* pixels = S*S */
    /* Inputs in the session, NULL unless the plan reads them: [batch,S,S,C], [batch], [batch]. */
    float *x, *net_t;
    int32_t *labels;
};

static duet_status make_session(duet_context *ctx, duet_denoiser *d) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    duet_model_inputs in = {0};
    duet_value out = DUET_NONE;
    DUET_DO(duet_graph_new(&graph));
    DUET_DO(duet_model_build(d->model, graph, d->batch, false, &in, &out));
    DUET_DO(duet_forward_plan(ctx, &d->plan, graph, d->model->slots, &out, 1));
    DUET_DO(duet_session_new(&d->session, d->plan, d->model->slots));
    d->x = duet_session_input(d->session, "x");
    d->net_t = duet_session_input(d->session, "net_t");
    d->labels = duet_session_input(d->session, "y");
    if (d->x == NULL) DUET_FAIL(DUET_FORMAT, "the network does not read its images");
done:
    duet_graph_free(graph);
    return status;
}

static duet_status check_model(const duet_model *model) {
    const duet_arch_shape *shape = &model->shape;
    DUET_TRY(duet_model_check_denoises(model));
    if (shape->out_channels < shape->in_channels) {
        return duet_fail(
            DUET_UNSUPPORTED,
            "the model maps %lld channels to %lld; a denoiser gives at least as many as it takes",
            (long long)shape->in_channels, (long long)shape->out_channels);
    }
    return DUET_OK;
}

duet_status duet_denoiser_new(duet_context *ctx, duet_denoiser **out, duet_model *model,
                              int64_t batch) {
    duet_status status = DUET_OK;
    duet_denoiser *d = NULL;
    const duet_entry *entry = NULL;
    const duet_card *card = duet_model_card(model);
    if (batch < 1) return duet_fail(DUET_ARG, "batch size %lld is not possible", (long long)batch);
    DUET_TRY(check_model(model));
    DUET_DO(duet_alloc(&d, 1, sizeof *d));
    d->model = model;
    d->batch = batch;
    d->pixels = model->shape.size * model->shape.size;
    d->channels = model->shape.in_channels;
    DUET_DO(duet_noise_new(&d->noise, card->noise));
    DUET_DO(duet_family_parse(&duet_family_predict, &entry, &d->options, sizeof d->options,
                              card->predict));
    d->predict = (const duet_predict *)(const void *)entry;
    DUET_DO(make_session(ctx, d));
    *out = d;
    d = NULL;
done:
    duet_denoiser_free(d);
    return status;
}

void duet_denoiser_free(duet_denoiser *denoiser) {
    if (denoiser == NULL) return;
    duet_session_free(denoiser->session);
    duet_plan_free(denoiser->plan);
    duet_noise_free(denoiser->noise);
    duet_release(denoiser);
}

static duet_status set_labels(duet_denoiser *d, const int32_t *labels, int64_t rows) {
    if (d->labels == NULL) return DUET_OK;
    if (labels == NULL)
        return duet_fail(DUET_ARG,
                         "the model is conditioned on classes; a label for each image is needed");
    memset(d->labels, 0, (size_t)d->batch * sizeof *d->labels);
    for (int64_t r = 0; r < rows; r++) {
        if (labels[r] < 0 || labels[r] >= d->model->shape.class_count) {
            return duet_fail(DUET_ARG, "label %d is outside of the model's %lld classes",
                             (int)labels[r], (long long)d->model->shape.class_count);
        }
        d->labels[r] = labels[r];
    }
    return DUET_OK;
}

duet_status duet_denoiser_run(duet_denoiser *denoiser, const float *x, duet_level level,
                              const int32_t *labels, int64_t rows, float *x0, float *eps) {
    duet_denoiser *d = denoiser;
    const int64_t image = d->pixels * d->channels;
    if (rows < 1 || rows > d->batch) {
        return duet_fail(DUET_ARG, "%lld rows do not fit; the denoiser takes 1 to %lld",
                         (long long)rows, (long long)d->batch);
    }
    for (int64_t i = 0; i < rows * image; i++) d->x[i] = (float)level.in_scale * x[i];
    memset(d->x + rows * image, 0, (size_t)((d->batch - rows) * image) * sizeof(float));
    for (int64_t r = 0; r < d->batch && d->net_t != NULL; r++) d->net_t[r] = (float)level.net_t;
    DUET_TRY(set_labels(d, labels, rows));
    DUET_TRY(duet_session_run(d->session));
    d->predict->decode(&d->options, duet_session_output(d->session, 0),
                       d->model->shape.out_channels, x, level, rows * d->pixels, d->channels, x0,
                       eps);
    return DUET_OK;
}

const duet_noise *duet_denoiser_noise(const duet_denoiser *denoiser) {
    return denoiser->noise;
}
