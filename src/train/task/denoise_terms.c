/* SPDX-License-Identifier: MIT
 * train/task/denoise_terms.c: the nodes of the loss of `denoise`. */
#include <string.h>

#include "train/task/denoise.h"

/* ---- the network's passes ---- */

typedef struct watched {
    int64_t tap;
    duet_value feature;
} watched;

static duet_value watch(duet_graph *g, const duet_tap_info *tap, duet_value x, void *user) {
    watched *w = user;
    (void)g;
    if (tap->block == w->tap && tap->pass == 0) w->feature = x;
    return x;
}

/* The first `rows` rows of x[B,…], which stand in front. */
static duet_value first_rows(duet_graph *g, duet_value x, int64_t rows) {
    int64_t dims[DUET_MAX_RANK] = {rows}, count = rows;
    const duet_shape shape = duet_value_arg(g, x)->shape;
    for (int i = 1; i < shape.rank; i++) count *= dims[i] = shape.dim[i];
    x = duet_reshape(g, x, 2, (int64_t[]){1, -1});
    return duet_reshape(g, duet_slice(g, x, 0, count), shape.rank, dims);
}

duet_value duet_denoise_image(duet_graph *g, const duet_task_setup *setup, duet_value given) {
    const duet_arch_shape *const shape = &setup->model->shape;
    return shape->out_channels > shape->in_channels ? duet_slice(g, given, 0, shape->in_channels)
                                                    : given;
}

duet_value duet_denoise_x0(duet_graph *g, duet_value x, duet_value raw, duet_value by_x,
                           duet_value by_raw) {
    return duet_add(g, duet_mul(g, x, by_x), duet_mul(g, raw, by_raw));
}

/* Self-conditioning (Chen et al. 2023, Bit Diffusion, algorithm 1): the first half of the rows get
 * the x0 that a pass without it gives them, without a gradient, the others zeros. x0 = by_x x +
 * by_raw F, both [B,C] of a row's level; x is what the network gets. */
static void first_pass(duet_graph *g, const duet_task_setup *setup, duet_model_inputs *in) {
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t B = setup->batch, half = B / 2, S = shape->size, C = shape->in_channels;
    const int64_t images[] = {half, S, S, C};
    duet_value out[DUET_PART_GIVES];
    duet_model_inputs less = *in;
    less.x = first_rows(g, in->x, half);
    less.net_t = first_rows(g, in->net_t, half);
    if (in->augment != DUET_NONE) less.augment = first_rows(g, in->augment, half);
    less.self_cond = duet_fill(g, 0.0, 4, images);
    less.y = DUET_NONE;
    less.sample_id = DUET_NONE;
    less.training = false; /* no dropout, hence no mask to draw */
    if (in->y != DUET_NONE)
        less.y = duet_input(g, "self_y", DUET_I32, 1, &half); /* slices are of f32 */
    const duet_part_mark mark = duet_part_push(g, "", 1);
    shape->parts[0].build(g, setup->model->config, &less, out);
    duet_part_pop(g, mark);
    const duet_value by_x = duet_input(g, "self_x", DUET_F32, 2, (int64_t[]){B, C}),
                     by_raw = duet_input(g, "self_raw", DUET_F32, 2, (int64_t[]){B, C});
    const duet_value raw = duet_denoise_image(g, setup, out[0]),
                     named = duet_denoise_x0(g, less.x, raw, first_rows(g, by_x, half),
                                             first_rows(g, by_raw, half)),
                     x0 = duet_clamp(g, named, -1.0, 1.0);
    const int64_t rest = B - half;
    const duet_value nothing = duet_fill(g, 0.0, 2, (int64_t[]){1, rest * S * S * C});
    const duet_value flat = duet_reshape(g, duet_detach(g, x0), 2, (int64_t[]){1, -1});
    in->self_cond = duet_reshape(g, duet_concat(g, flat, nothing), 4, (int64_t[]){B, S, S, C});
}

duet_status duet_denoise_forward(duet_graph *g, const duet_task_setup *setup, denoise_pass *out) {
    const duet_arch_part *part = &setup->model->shape.parts[0];
    watched w = {.tap = denoise_of(setup)->tap, .feature = DUET_NONE};
    duet_value gives[DUET_PART_GIVES];
    const bool self = (part->takes & DUET_BIT(SELF_COND)) != 0;
    duet_model_inputs_make(setup->model, g, setup->batch, part->takes & ~DUET_BIT(SELF_COND), true,
                           &out->in);
    if (self) first_pass(g, setup, &out->in);
    duet_graph_set_tap_hook(g, watch, &w);
    part->build(g, setup->model->config, &out->in, gives);
    duet_graph_set_tap_hook(g, NULL, NULL);
    out->raw = gives[0];
    out->feature = w.feature;
    return duet_graph_status(g);
}

/* ---- terms ---- */

/* Karras et al. 2024 (EDM2, equation 14; Kendall et al. 2018): loss = mean of w exp(-u) error + u,
 * where u is linear in Fourier features of ln(sigma/alpha)/4, starting at 0. */
void duet_denoise_uncertainty(duet_graph *g, const duet_task_setup *setup, duet_value *weight,
                              duet_value *mean) {
    const int64_t B = setup->batch;
    const duet_value level = duet_input(g, "level", DUET_F32, 2, (int64_t[]){B, DENOISE_FEATURES});
    const duet_part_mark mark = duet_part_push(g, "uncertainty", 0);
    const duet_init zero = {.kind = DUET_INIT_ZERO};
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, zero, 2, (int64_t[]){1, DENOISE_FEATURES});
    duet_part_pop(g, mark);
    const duet_value u = duet_reshape(g, duet_linear(g, level, w, DUET_NONE), 1, &B);
    *weight = duet_mul(g, *weight, duet_elementwise(g, duet_scale(g, u, -1.0), "exp"));
    *mean = duet_reduce(g, u, "mean", 0, NULL);
}

duet_value duet_denoise_variance(duet_graph *g, const duet_task_setup *setup, duet_value raw,
                                 duet_value pred, duet_value target) {
    const int64_t B = setup->batch, S = setup->model->shape.size,
                  C = setup->model->shape.in_channels;
    const duet_value x0 = duet_input(g, "clean", DUET_F32, 4, (int64_t[]){B, S, S, C}),
                     rows = duet_input(g, "variances", DUET_F32, 2, (int64_t[]){B, 4});
    duet_value bound = DUET_NONE, each = DUET_NONE;
    duet_variance_bound(g, duet_slice(g, raw, C, C), pred, target, x0, rows, &bound, &each);
    return bound;
}

/* Dispersive loss (Wang and He 2025, equation 4) with a queue of earlier features: z are the means
 * of a map over its pixels, with mean 0 and variance 1 over the channels, so that |z_i - z_j|^2 / D
 * = 2 - 2 cos; loss = ln of the mean over all pairs of exp(-|z_i - z_j|^2 / (D temperature)). */
duet_value duet_denoise_dispersion(duet_graph *g, const denoise_options *o,
                                   const duet_task_setup *setup, duet_value feature,
                                   duet_value *rows) {
    const int64_t B = setup->batch, D = duet_dim(g, feature, -1);
    const double H = (double)(duet_dim(g, feature, 1) * duet_dim(g, feature, 2));
    const double factor = 2.0 / o->temperature, pairs = (double)(B * (B + o->queue));
    const duet_value mean = duet_scale(g, duet_sum_channels(g, feature), 1.0 / H);
    const duet_value z = duet_layer_norm(g, mean, DUET_NONE, DUET_NONE, 1, 1e-6);
    const duet_value shift = duet_fill(g, -factor, 1, (int64_t[]){1});
    duet_value sum = DUET_NONE;
    for (int side = 0; side < (o->queue > 0 ? 2 : 1); side++) {
        const duet_value other =
            side == 0 ? z : duet_input(g, "queue", DUET_F32, 2, (int64_t[]){o->queue, D});
        const duet_value dot =
            duet_scale(g, duet_matmul(g, z, other, false, true), factor / (double)D);
        const duet_value part =
            duet_reduce(g, duet_elementwise(g, duet_add(g, dot, shift), "exp"), "sum", 0, NULL);
        sum = side == 0 ? part : duet_add(g, sum, part);
    }
    *rows = z;
    return duet_elementwise(g, duet_scale(g, sum, 1.0 / pairs), "log");
}
