/* SPDX-License-Identifier: MIT
 * A model as a function (x_t, level) -> x0, eps. The card says which noise schedule and which
 * prediction the model was made with. One plan with a fixed batch size; smaller batches are padded
 * with zeros, and rows are independent. */
#include "diffusion/denoiser.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/reuse.h"
#include "diffusion/sampler/threshold.h"

#define OPTIONS_SIZE 512

struct duet_denoiser {
    duet_context *ctx;
    duet_model *model;
    duet_noise *noise;
    const duet_predict *predict;
    union {
        max_align_t align;
        uint8_t bytes[OPTIONS_SIZE];
    } options;                       /* of predict */
    duet_network *network;           /* NULL: */
    duet_reuse reuse;                /* where every > 1 */
    int64_t batch, pixels, channels; /* pixels = S*S */
    float *low;  /* [batch,S,S,C] enlarged small images; NULL = the network takes none */
    float *last; /* [batch,S,S,C] the x0 that a self-conditioned network gave last; else NULL */
};

static duet_status check_model(const duet_model *model) {
    const duet_arch_shape *shape = &model->shape;
    DUET_TRY(duet_model_check(model, DUET_DENOISES));
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
    d->ctx = ctx;
    d->model = model;
    d->batch = batch;
    d->pixels = model->shape.size * model->shape.size;
    d->channels = model->shape.in_channels;
    DUET_DO(duet_noise_new(&d->noise, card->noise));
    DUET_DO(duet_family_parse(&duet_family_predict, &entry, &d->options, sizeof d->options,
                              card->predict));
    d->predict = duet_predict_of(entry);
    DUET_DO(duet_network_open(ctx, &d->network, model, &(duet_network_spec){.batch = batch}));
    if (duet_network_in(d->network)->low_res != NULL)
        DUET_DO(duet_alloc(&d->low, batch * d->pixels * d->channels, sizeof *d->low));
    if (duet_network_in(d->network)->self_cond != NULL)
        DUET_DO(duet_alloc(&d->last, batch * d->pixels * d->channels, sizeof *d->last));
    *out = d;
    d = NULL;
done:
    duet_denoiser_free(d);
    return status;
}

void duet_denoiser_free(duet_denoiser *denoiser) {
    if (denoiser == NULL) return;
    duet_network_close(denoiser->network);
    duet_reuse_close(&denoiser->reuse);
    duet_noise_free(denoiser->noise);
    duet_release(denoiser->low);
    duet_release(denoiser->last);
    duet_release(denoiser);
}

/* v of improved DDPM: the second half of the channels. */
static void take_variance(const duet_denoiser *d, const float *raw, int64_t pixels, float *out) {
    const int64_t all = d->model->shape.out_channels;
    for (int64_t i = 0; i < pixels; i++)
        memcpy(out + i * d->channels, raw + i * all + d->channels,
               (size_t)d->channels * sizeof(float));
}

duet_status duet_denoiser_reuse(duet_denoiser *denoiser, int64_t every, int64_t tap) {
    duet_denoiser *d = denoiser;
    if (every < 1)
        return duet_fail(DUET_ARG, "reuse %lld is not possible; 1 = each run is whole",
                         (long long)every);
    if (every == 1) return DUET_OK;
    DUET_TRY(duet_reuse_open(d->ctx, &d->reuse, d->model, d->batch, every, tap));
    duet_network_close(d->network);
    d->network = NULL;
    return DUET_OK;
}

void duet_denoiser_begin(duet_denoiser *denoiser) {
    const int64_t count = denoiser->batch * denoiser->pixels * denoiser->channels;
    denoiser->reuse.count = 0;
    if (denoiser->last != NULL) memset(denoiser->last, 0, (size_t)count * sizeof(float));
}

/* What the network sees next time, clipped as in training. */
static void remember(duet_denoiser *d, const duet_predict_map *map, const float *raw,
                     const float *x, int64_t rows) {
    const int64_t count = rows * d->pixels * d->channels;
    if (d->last == NULL) return;
    duet_predict_decode(map, raw, d->model->shape.out_channels, x, rows * d->pixels, d->channels,
                        d->last, NULL);
    duet_threshold_static(d->last, count, 1.0F);
}

void duet_level_feed(const duet_network_inputs *in, const float *x, duet_level level, int64_t rows,
                     int64_t batch, int64_t image) {
    for (int64_t i = 0; i < rows * image; i++) in->x[i] = (float)level.in_scale * x[i];
    memset(in->x + rows * image, 0, (size_t)((batch - rows) * image) * sizeof(float));
    for (int64_t r = 0; r < batch && in->net_t != NULL; r++) in->net_t[r] = (float)level.net_t;
}

duet_status duet_denoiser_run(duet_denoiser *denoiser, const float *x, duet_level level,
                              const int32_t *labels, int64_t rows, const duet_denoised *out) {
    duet_denoiser *d = denoiser;
    duet_network *const network = d->network != NULL ? d->network : duet_reuse_next(&d->reuse);
    const duet_network_inputs *const in = duet_network_in(network);
    const int64_t image = d->pixels * d->channels;
    if (rows < 1 || rows > d->batch) {
        return duet_fail(DUET_ARG, "%lld rows do not fit; the denoiser takes 1 to %lld",
                         (long long)rows, (long long)d->batch);
    }
    duet_level_feed(in, x, level, rows, d->batch, image);
    if (in->low_res != NULL)
        memcpy(in->low_res, d->low, (size_t)(d->batch * image) * sizeof(float));
    if (d->last != NULL) memcpy(in->self_cond, d->last, (size_t)(d->batch * image) * sizeof(float));
    DUET_TRY(duet_network_set_labels(network, labels, rows));
    DUET_TRY(d->network != NULL ? duet_network_run(network) : duet_reuse_run(&d->reuse));
    const float *const raw = duet_network_out(network, 0);
    const duet_predict_map map = d->predict->map(&d->options, level);
    duet_predict_decode(&map, raw, d->model->shape.out_channels, x, rows * d->pixels, d->channels,
                        out->x0, out->eps);
    remember(d, &map, raw, x, rows);
    if (out->variance != NULL) take_variance(d, raw, rows * d->pixels, out->variance);
    return DUET_OK;
}

bool duet_denoiser_learns_variance(const duet_denoiser *denoiser) {
    return denoiser->model->shape.out_channels == 2 * denoiser->channels;
}

float *duet_denoiser_low_res(duet_denoiser *denoiser) {
    return denoiser->low;
}

const duet_noise *duet_denoiser_noise(const duet_denoiser *denoiser) {
    return denoiser->noise;
}
