/* SPDX-License-Identifier: MIT
 * bench/bench_works.c: whole works of a network with random weights: a forward pass, features of a
 * tap (noise, network up to the tap, pooling), a training step (loader, noise, gradients, clipping,
 * optimiser, EMA), and a step of DDIM sampling. */
#include <stdio.h>
#include <string.h>

#include <duet/feature.h>
#include <duet/sample.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"
#include "model/network.h"
#include "bench/parts.h"

const char *const duet_bench_works[] = {"ops", "forward", "features", "train", "sample", NULL};

duet_status duet_bench_model(duet_context *ctx, duet_model **out, const char *arch) {
    duet_model *plain = NULL;
    DUET_TRY(duet_model_new(ctx, &plain, arch, 1));
    duet_copy_text(duet_model_card(plain)->noise, DUET_TEXT_SIZE, "linear");
    duet_copy_text(duet_model_card(plain)->predict, DUET_TEXT_SIZE, "eps");
    const duet_status status = duet_model_random(ctx, out, plain, 1);
    duet_model_close(plain);
    return status;
}

/* ---- forward ---- */

static duet_status run_pass(void *state) {
    return duet_network_run(state);
}

static duet_status bench_forward(duet_bench_run *run, duet_bench_row *row, duet_model *model) {
    duet_status status = DUET_OK;
    duet_network *network = NULL;
    const int64_t size = model->shape.size * model->shape.size * model->shape.in_channels;
    DUET_DO(
        duet_network_open(run->ctx, &network, model, &(duet_network_spec){.batch = row->batch}));
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, duet_network_in(network)->x, row->batch * size);
    row->what = "whole pass";
    row->flops = 2 * duet_model_macs(model) * (double)row->batch;
    DUET_DO(duet_bench_time(run, row, run_pass, network));
done:
    duet_network_close(network);
    return status;
}

/* ---- features ---- */

typedef struct reading {
    duet_reader *reader;
    uint8_t *pixels;
    int64_t *index;
    float *rows;
    int64_t batch;
} reading;

static duet_status read_batch(void *state) {
    reading *r = state;
    return duet_reader_run(r->reader, r->pixels, r->index, r->batch, &r->rows);
}

static duet_status bench_features(duet_bench_run *run, duet_bench_row *row, duet_model *model,
                                  int64_t tap) {
    duet_status status = DUET_OK;
    reading r = {.batch = row->batch};
    const duet_reader_options options = {.settings = duet_settings_of(10, tap, 1),
                                         .batch = row->batch};
    const int64_t bytes =
        row->batch * model->shape.size * model->shape.size * model->shape.in_channels;
    const duet_rng random = duet_rng_make(1, "pixels", 0);
    char what[64];
    DUET_DO(duet_reader_open(run->ctx, &r.reader, "model", model, NULL, &options));
    DUET_DO(duet_alloc(&r.pixels, bytes, 1));
    DUET_DO(duet_alloc(&r.index, row->batch, sizeof *r.index));
    DUET_DO(duet_alloc(&r.rows, row->batch * duet_model_tap(model, (int)tap - 1)->channels,
                       sizeof *r.rows));
    for (int64_t i = 0; i < bytes; i++)
        r.pixels[i] = (uint8_t)duet_rng_below(random, (uint64_t)i, 256);
    for (int64_t i = 0; i < row->batch; i++) r.index[i] = i;
    snprintf(what, sizeof what, "features of tap %lld", (long long)tap);
    row->what = what;
    row->flops = 2 * duet_model_tap(model, (int)tap - 1)->macs * (double)row->batch;
    DUET_DO(duet_bench_time(run, row, read_batch, &r));
done:
    duet_reader_close(r.reader);
    duet_release(r.pixels);
    duet_release(r.index);
    duet_release(r.rows);
    return status;
}

/* ---- training ---- */

static duet_status train_step(void *state) {
    return duet_trainer_step(state);
}

duet_status duet_bench_trainer_open(duet_bench_trainer *out, duet_context *ctx, const char *arch,
                                    int64_t size, int64_t channels, int64_t batch) {
    duet_trainer *trainer = &out->trainer;
    char spec[96];
    snprintf(spec, sizeof spec, "synth:size=%lld,channels=%lld,train=256,test=0", (long long)size,
             (long long)channels);
    *trainer = (duet_trainer){.ctx = ctx, .tuning = duet_context_tuning(ctx)};
    duet_params_default(&duet_train_params, &trainer->options);
    duet_copy_text(trainer->options.arch, sizeof trainer->options.arch, arch);
    trainer->options.size = size;
    trainer->options.batch = batch;
    trainer->options.steps = 1000000;
    if (duet_context_bf16(ctx))
        duet_copy_text(trainer->options.precision, sizeof trainer->options.precision, "bf16");
    DUET_TRY(duet_dataset_open(ctx, &out->dataset, spec));
    trainer->dataset = out->dataset;
    return duet_trainer_open(trainer);
}

void duet_bench_trainer_close(duet_bench_trainer *trainer) {
    duet_trainer_close(&trainer->trainer);
    duet_dataset_close(trainer->dataset);
}

static duet_status bench_train(duet_bench_run *run, duet_bench_row *row, const char *arch,
                               const duet_bench_network *network) {
    duet_status status = DUET_OK;
    duet_bench_trainer open = {0};
    duet_trainer *trainer = &open.trainer;
    DUET_DO(duet_bench_trainer_open(&open, run->ctx, arch, network->size, network->channels,
                                    row->batch));
    const duet_loader_options loader = {.preprocess = duet_model_card(trainer->ema)->preprocess,
                                        .batch = row->batch,
                                        .shuffle = true,
                                        .workers = 1};
    DUET_DO(duet_loader_open(run->ctx, &trainer->loader, open.dataset, &trainer->view, &loader));
    row->what = "training step";
    row->flops = 3 * 2 * duet_model_macs(trainer->model) * (double)row->batch;
    DUET_DO(duet_bench_time(run, row, train_step, trainer));
done:
    duet_bench_trainer_close(&open);
    return status;
}

/* ---- sampling ---- */

enum { STEPS = 4 };

typedef struct sampling {
    duet_context *ctx;
    duet_model *model;
    duet_sample_options options;
    uint8_t *pixels;
} sampling;

static duet_status sample_batch(void *state) {
    sampling *s = state;
    return duet_sample(s->ctx, s->model, &s->options, s->pixels);
}

static duet_status bench_sample(duet_bench_run *run, duet_bench_row *row, duet_model *model) {
    sampling s = {.ctx = run->ctx,
                  .model = model,
                  .options = {.count = row->batch, .batch = row->batch, .label = -1}};
    char what[64];
    snprintf(s.options.sampler, sizeof s.options.sampler, "ddim:steps=%d", STEPS);
    snprintf(what, sizeof what, "%d steps of DDIM, planning included", STEPS);
    DUET_TRY(duet_alloc(
        &s.pixels, row->batch * model->shape.size * model->shape.size * model->shape.in_channels,
        1));
    row->what = what;
    row->flops = STEPS * 2 * duet_model_macs(model) * (double)row->batch;
    const duet_status status = duet_bench_time(run, row, sample_batch, &s);
    duet_release(s.pixels);
    return status;
}

duet_status duet_bench_work(duet_bench_run *run, const duet_bench_network *network,
                            const char *work) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    char arch[DUET_SPEC_SIZE];
    const bool trains = strcmp(work, "train") == 0;
    const int64_t batch = run->options->batch > 0 ? run->options->batch
                          : trains                ? network->train_batch
                                                  : network->batch;
    duet_bench_row row = {.network = network->name,
                          .work = work,
                          .what = "",
                          .kernel = "",
                          .impl = "",
                          .batch = batch,
                          .count = 1};
    duet_bench_network_arch(network, arch);
    if (trains) return bench_train(run, &row, arch, network);
    DUET_DO(duet_bench_model(run->ctx, &model, arch));
    if (strcmp(work, "forward") == 0) DUET_DO(bench_forward(run, &row, model));
    if (strcmp(work, "features") == 0) DUET_DO(bench_features(run, &row, model, network->tap));
    if (strcmp(work, "sample") == 0) DUET_DO(bench_sample(run, &row, model));
done:
    duet_model_close(model);
    return status;
}
