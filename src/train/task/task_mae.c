/* SPDX-License-Identifier: MIT
 * Masked reconstruction (He et al. 2022, arXiv 2111.06377), without labels: of the T patches of an
 * image the encoder sees K, and from those the others are restored,
 *   loss = mean over the T - K hidden patches of the mean of (restored - patch)^2,
 * where `normalise` gives the values of each patch mean 0 and deviation 1. Images in [-1,1]. Which
 * patches are hidden: a permutation of stream "hidden" at the row's position. */
#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/task.h"

typedef struct mae_options {
    bool normalise;
} mae_options;

static const duet_param rows[] = {
    DUET_BOOLEAN(mae_options, normalise, "true", "patches are restored up to mean and deviation"),
};

/* Images [B,S,S,C] as patches [B T, p p C] of side p, s a side. */
static duet_value patches(duet_graph *g, duet_value x, int64_t s) {
    const int64_t B = duet_dim(g, x, 0), p = duet_dim(g, x, 1) / s, C = duet_dim(g, x, 3);
    x = duet_swap_axes(g, duet_reshape(g, x, 4, (int64_t[]){B * s, p, s, p * C}));
    return duet_reshape(g, x, 2, (int64_t[]){B * s * s, p * p * C});
}

static int64_t side_of(const duet_arch_shape *shape) {
    int64_t s = 1;
    while (s * s < shape->patches) s++;
    return s;
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const mae_options *o = options;
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t B = setup->batch, s = side_of(shape), rows_in_all = B * shape->patches;
    duet_model_inputs in = {0};
    duet_value image[DUET_PART_GIVES], each = DUET_NONE;
    duet_model_inputs_make(setup->model, g, B, DUET_BIT(X) | DUET_BIT(KEPT) | DUET_BIT(PLACES),
                           true, &in);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_RESTORES, &in, image));
    duet_value target = patches(g, in.x, s);
    if (o->normalise) target = duet_layer_norm(g, target, DUET_NONE, DUET_NONE, 1, 1e-6);
    const duet_value weight = duet_input(g, "weight", DUET_F32, 1, &rows_in_all);
    duet_weighted_mse_loss(g, patches(g, image[0], s), target, weight, &to->loss, &each);
    return duet_graph_status(g);
}

/* Row r of the batch: its first K patches of a permutation are kept. */
static void hide(const duet_arch_shape *shape, duet_rng rng, int64_t r, int64_t B, int32_t *kept,
                 int32_t *places, float *weight) {
    const int64_t T = shape->patches, K = shape->kept;
    int32_t *const order = places + r * T; /* overwritten below */
    for (int64_t i = 0; i < T; i++) order[i] = (int32_t)i;
    for (int64_t i = 0; i < K; i++) {
        const int64_t k = i + (int64_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)(T - i));
        const int32_t held = order[i];
        order[i] = order[k];
        order[k] = held;
        kept[r * K + i] = (int32_t)(r * T) + order[i];
    }
    for (int64_t i = 0; i < T; i++) {
        order[i] = (int32_t)(B * K);
        weight[r * T + i] = (float)T / (float)(T - K);
    }
    for (int64_t i = 0; i < K; i++) {
        const int64_t at = kept[r * K + i] - r * T;
        order[at] = (int32_t)(r * K + i);
        weight[r * T + at] = 0.0F;
    }
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options, (void)program;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    float *const x = duet_network_inputs_of(to->session).x, *const weight = duet_session_input(
                                                                to->session, "weight");
    int32_t *const kept = duet_session_input(to->session, "kept"), *const places =
                                                                       duet_session_input(
                                                                           to->session, "places");
    if (x == NULL || weight == NULL || kept == NULL || places == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        const uint64_t position = (uint64_t)(to->batch->position + r);
        duet_pixels_to_float(x + r * dim, to->batch->pixels + r * dim, dim);
        hide(shape, duet_rng_make(seed, "hidden", position), r, setup->batch, kept, places, weight);
    }
    return DUET_OK;
}

const duet_task duet_task_mae = {
    .info = {.name = "mae",
             .help = "hidden patches of an image are restored (MAE), without labels",
             .params = DUET_TABLE(rows, mae_options)},
    .needs = DUET_RESTORES,
    .arch = "mae",
    .optim = "adamw:rate=0.0005,beta2=0.95,weight_decay=0.05",
    .programs = {{.name = "mae"}},
    .program_count = 1,
    .build = build,
    .feed = feed,
};
