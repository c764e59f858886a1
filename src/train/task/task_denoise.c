/* SPDX-License-Identifier: MIT
 * Denoising, without labels (Ho et al. 2020, equation 14): t uniform, eps ~ N(0,1), x_t = alpha_t
 *   x0 + sigma_t eps, loss = mean (output - target(x0, eps, t))^2 over the first C channels of the
 *   output.
 * Row at position p of the run (counted over all epochs): t from stream "t" at p, eps from stream
 * "noise" at p under the seed of the stream "train", so that it differs from the noise that readers
 * and samplers give image p. */
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/task.h"

static int64_t dim_of(const duet_task_setup *setup) {
    return setup->model->shape.size * setup->model->shape.size * setup->model->shape.in_channels;
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *graph, duet_task_values *to) {
    (void)options, (void)program;
    const int64_t side = setup->model->shape.size, channels = setup->model->shape.in_channels;
    duet_model_inputs in = {0};
    duet_value out = DUET_NONE;
    DUET_TRY(duet_model_check(setup->model, DUET_DENOISES));
    DUET_TRY(duet_model_build(setup->model, graph, setup->batch, true, &in, &out));
    const duet_value target =
        duet_input(graph, "target", DUET_F32, 4, (int64_t[]){setup->batch, side, side, channels});
    const duet_value pred =
        setup->model->shape.out_channels > channels ? duet_slice(graph, out, 0, channels) : out;
    duet_mse_loss(graph, pred, target, &to->loss, &to->rows);
    return duet_graph_status(graph);
}

/* eps[B,dim] */
static int64_t room(const duet_task_setup *setup) {
    return setup->batch * dim_of(setup);
}

static duet_status set_labels(const duet_task_setup *setup, const duet_batch *batch, int32_t *y) {
    for (int64_t r = 0; r < setup->batch; r++) {
        if (batch->labels[r] < 0 || batch->labels[r] >= setup->model->shape.class_count) {
            return duet_fail(
                DUET_ARG,
                "the model is conditioned on %lld classes but row %lld of the data has label %d",
                (long long)setup->model->shape.class_count, (long long)batch->index[r],
                (int)batch->labels[r]);
        }
        y[r] = batch->labels[r];
    }
    return DUET_OK;
}

/* Of the range of t. */
static int32_t quarter_of(const duet_noise *noise, duet_level level) {
    return level.t > 0.0 ? (int32_t)(4 * (int64_t)level.t / noise->steps) : 0;
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options, (void)program;
    const duet_batch *batch = to->batch;
    const int64_t dim = dim_of(setup), rows = setup->batch;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    const duet_network_inputs in = duet_network_inputs_of(to->session);
    float *const x = in.x, *const target = duet_session_input(to->session, "target"),
                 *const eps = to->scratch, *const net_t = in.net_t;
    int32_t *const ids = in.sample_id, *const y = in.y;
    if (x == NULL || target == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < rows; r++) {
        const uint64_t position = (uint64_t)(batch->position + r);
        float *xr = x + r * dim, *er = eps + r * dim;
        const duet_level level = duet_noise_draw(setup->noise, duet_rng_make(seed, "t", position));
        to->column[r] = quarter_of(setup->noise, level);
        duet_pixels_to_float(xr, batch->pixels + r * dim, dim);
        duet_image_noise(er, seed, (int64_t)position, dim);
        const duet_predict_map map = setup->predict->map(setup->predict_options, level);
        duet_predict_target(&map, xr, er, dim, target + r * dim);
        duet_add_noise(xr, xr, er, level, dim);
        if (net_t != NULL) net_t[r] = (float)level.net_t;
        if (ids != NULL) ids[r] = (int32_t)(position & 0x7FFFFFFF);
    }
    return y != NULL ? set_labels(setup, batch, y) : DUET_OK;
}

const duet_task duet_task_denoise = {
    .info = {.name = "denoise",
             .help = "predict the noise in images, without labels",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_DENOISES,
    .programs = {{.name = "denoise"}},
    .program_count = 1,
    .columns = {"loss_q0", "loss_q1", "loss_q2", "loss_q3"}, /* quarters of the levels */
    .build = build,
    .room = room,
    .feed = feed,
};
