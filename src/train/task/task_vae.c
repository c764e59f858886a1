/* SPDX-License-Identifier: MIT
 * The variational bound (Kingma and Welling 2014; beta: Higgins et al. 2017), without labels, of D
 * pixels and Z latents, for images in [-1,1] and a decoder of fixed deviation s:
 *   z = mean + exp(log_var / 2) eps,   eps ~ N(0,1)
 *   loss = mean over rows of ( |x - decoder(z)|^2 / (2 s^2) + beta KL ) / D
 *   KL = 1/2 sum over Z of (exp(log_var) + mean^2 - 1 - log_var)
 * Columns: the mean squared error, and KL in nats an image. Row at position p: eps from stream "z"
 * at p under the seed of the stream "train". */
#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/latents.h"
#include "train/task/task.h"

typedef struct vae_options {
    double beta, sigma;
} vae_options;

static const duet_param rows[] = {
    DUET_FLOAT(vae_options, beta, "1", 0, 1e6, "weight of the divergence from the prior"),
    DUET_FLOAT(vae_options, sigma, "0.25", 1e-3, 1e3, "deviation of the decoder's pixels"),
};

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const vae_options *o = options;
    const int64_t B = setup->batch, Z = setup->model->shape.latents,
                  D = setup->model->shape.size * setup->model->shape.size *
                      setup->model->shape.in_channels;
    duet_model_inputs in = {0};
    duet_value code[DUET_PART_GIVES], image[DUET_PART_GIVES], error = DUET_NONE;
    duet_model_inputs_make(setup->model, g, B, DUET_BIT(X), true, &in);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_ENCODES, &in, code));
    const duet_value eps = duet_input(g, "eps", DUET_F32, 2, (int64_t[]){B, Z});
    in.z = duet_latents_draw(g, code[0], code[1], eps);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_GENERATES, &in, image));
    duet_mse_loss(g, image[0], in.x, &to->scalars[0], &error);
    to->scalars[1] = duet_latents_divergence(g, code[0], code[1]);
    to->loss = duet_add(g, duet_scale(g, to->scalars[0], 0.5 / (o->sigma * o->sigma)),
                        duet_scale(g, to->scalars[1], o->beta / (double)D));
    return duet_graph_status(g);
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options, (void)program;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels, Z = shape->latents;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    float *const x = duet_network_inputs_of(to->session).x, *const eps = duet_session_input(
                                                                to->session, "eps");
    if (x == NULL || eps == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        const uint64_t position = (uint64_t)(to->batch->position + r);
        duet_pixels_to_float(x + r * dim, to->batch->pixels + r * dim, dim);
        duet_rng_normal(duet_rng_make(seed, "z", position), 0, eps + r * Z, Z);
    }
    return DUET_OK;
}

const duet_task duet_task_vae = {
    .info = {.name = "vae",
             .help = "variational autoencoder: code and reconstruct images, without labels",
             .params = DUET_TABLE(rows, vae_options)},
    .needs = DUET_GENERATES,
    .arch = "vae",
    .programs = {{.name = "vae"}},
    .program_count = 1,
    .columns = {"squared_error", "divergence"},
    .build = build,
    .feed = feed,
};
