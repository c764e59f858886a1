/* SPDX-License-Identifier: MIT
 * bench_infer.c: feature rows by the reader (noise of each image, network up to the tap, pooling),
 * and whole passes. */
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "bench.h"
#include "model/network.h"
#include "bench/parts.h"

typedef struct job {
    duet_status (*step)(struct job *job); /* works on one batch */
    int64_t batch, done;
    duet_reader *reader;
    uint8_t *pixels;
    int64_t *index;
    float *rows;
    duet_network *network;
    int64_t floats; /* of the output */
} job;

static duet_status serve(job *j) {
    double wanted = 0.0;
    duet_status status = j->step(j);
    if (status == DUET_OK) bench_ready();
    while (status == DUET_OK && bench_next(&wanted)) {
        const double began = duet_clock();
        double spent = 0.0;
        j->done = 0;
        while (status == DUET_OK && spent < wanted) {
            status = j->step(j);
            spent = duet_clock() - began;
        }
        if (status == DUET_OK) bench_rate(j->done, spent);
    }
    return status;
}

/* ---- features ---- */

static duet_status read_batch(job *j) {
    const duet_status status = duet_reader_run(j->reader, j->pixels, j->index, j->batch, &j->rows);
    for (int64_t i = 0; i < j->batch; i++) j->index[i] += j->batch; /* other images, other noise */
    j->done += j->batch;
    return status;
}

static duet_status prepare_reader(job *j, duet_context *ctx, duet_model *model,
                                  const bench_options *o) {
    const duet_card *card = duet_model_card(model);
    const duet_reader_options options = {.settings = duet_settings_of(o->t, o->tap, o->pool),
                                         .batch = o->batch};
    const int64_t bytes =
        o->batch * card->preprocess.size * card->preprocess.size * card->preprocess.channels;
    const duet_rng random = duet_rng_make(1, "pixels", 0);
    duet_status status = duet_reader_open(ctx, &j->reader, "model", model, NULL, &options);
    if (status != DUET_OK) return status;
    const int64_t dim = duet_reader_dim(j->reader);
    status = duet_alloc(&j->pixels, bytes, 1);
    if (status == DUET_OK) status = duet_alloc(&j->index, o->batch, sizeof *j->index);
    if (status == DUET_OK) status = duet_alloc(&j->rows, o->batch * dim, sizeof *j->rows);
    for (int64_t i = 0; status == DUET_OK && i < bytes; i++)
        j->pixels[i] = (uint8_t)duet_rng_below(random, (uint64_t)i, 256);
    for (int64_t i = 0; status == DUET_OK && i < o->batch; i++) j->index[i] = i;
    return status;
}

duet_status bench_features(duet_context *ctx, const bench_options *o) {
    job j = {.step = read_batch, .batch = o->batch};
    duet_model *model = NULL;
    duet_status status = duet_model_open(ctx, &model, o->model);
    if (status == DUET_OK) status = prepare_reader(&j, ctx, model, o);
    if (status == DUET_OK) status = serve(&j);
    duet_reader_close(j.reader);
    duet_release(j.pixels);
    duet_release(j.index);
    duet_release(j.rows);
    duet_model_close(model);
    return status;
}

/* ---- whole passes ---- */

static duet_status run_pass(job *j) {
    const duet_status status = duet_network_run(j->network);
    if (status == DUET_OK)
        memcpy(j->rows, duet_network_out(j->network, 0), (size_t)j->floats * sizeof *j->rows);
    j->done += j->batch;
    return status;
}

static duet_status prepare_pass(job *j, duet_context *ctx, duet_model *model) {
    const duet_arch_shape *shape = &model->shape;
    const int64_t pixels = j->batch * shape->size * shape->size, in = pixels * shape->in_channels;
    const duet_network_spec spec = {.batch = j->batch};
    duet_status status = duet_network_open(ctx, &j->network, model, &spec);
    j->floats = pixels * shape->out_channels;
    if (status == DUET_OK) status = duet_alloc(&j->rows, j->floats, sizeof *j->rows);
    if (status != DUET_OK) return status;
    const duet_network_inputs *const places = duet_network_in(j->network);
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, places->x, in);
    if (places->net_t != NULL) memset(places->net_t, 0, (size_t)j->batch * sizeof(float));
    if (places->y != NULL) memset(places->y, 0, (size_t)j->batch * sizeof(int32_t));
    return DUET_OK;
}

duet_status bench_forward(duet_context *ctx, const bench_options *o) {
    job j = {.step = run_pass, .batch = o->batch};
    duet_model *model = NULL;
    duet_status status = duet_model_open(ctx, &model, o->model);
    if (status == DUET_OK) status = prepare_pass(&j, ctx, model);
    if (status == DUET_OK) status = serve(&j);
    duet_network_close(j.network);
    duet_release(j.rows);
    duet_model_close(model);
    return status;
}
