/* SPDX-License-Identifier: MIT
 * Consistency tuning: a model that denoises becomes one that draws in one or two evaluations (Song
 * et al. 2023; Song and Dhariwal 2024; Geng et al. 2024, "easy consistency tuning"). The x0 that
 * the network names at a level has to be the one that it names, without a gradient, at a lower
 * level of the same image and noise; below the lowest level, the image itself:
 *   loss = mean of w (sqrt(|x0_t - x0_s|^2 / D + c^2) - c),   w = 1 / (r_t - r_s),   r =
 * sigma/alpha ln r_t ~ N(mean, std^2),   r_s = r_t max(0, 1 - 2^-(1 + stage) (1 + 8 / (1 +
 * exp(r_t)))) The levels of a pair come closer with each stage: in the first most pairs are a level
 * and the image itself, which is denoising. Row at position p: level from stream "t", noise from
 * stream "noise" at p under the seed of the stream "train". */
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/denoise.h"

/* An output whose error grows by more than this in x0 cannot be trained to draw from noise. */
#define MOST_GROWTH 20.0
enum { SECOND_PASS = 1 };

typedef struct consistency_options {
    double mean, std, huber;
    int64_t stage;
} consistency_options;

static const duet_param rows[] = {
    DUET_FLOAT(consistency_options, mean, "-0.8", -20, 20,
               "of the levels' logarithm of sigma/alpha, which is normally distributed"),
    DUET_FLOAT(consistency_options, std, "2", 0.01, 20, "its standard deviation"),
    DUET_INT(consistency_options, stage, "12000", 1, 1e12,
             "images after which the levels of a pair come closer, to half the distance"),
    DUET_FLOAT(consistency_options, huber, "0.00054", 1e-9, 1e3,
               "distance of a pixel below which it counts by its square"),
};

static duet_status prepare(const void *options, const duet_task_setup *setup, void *prepared) {
    const duet_arch_part *const part = &setup->model->shape.parts[0];
    const duet_noise *const noise = setup->noise;
    const duet_predict_map top =
        setup->predict->map(setup->predict_options, duet_noise_level(noise, noise->steps - 1));
    (void)options, (void)prepared;
    if ((part->takes & DUET_BIT(SELF_COND)) != 0)
        return duet_fail(DUET_UNSUPPORTED, "a self-conditioned network needs a second evaluation "
                                           "and draws in no single one");
    if (!(fabs(top.x0_raw) <= MOST_GROWTH))
        return duet_fail(DUET_ARG,
                         "with the prediction '%s' errors of the network are %.3g times as large "
                         "in images at the noisiest level; add --predict v",
                         setup->predict->info.name, fabs(top.x0_raw));
    return DUET_OK;
}

static void describe(const void *options, duet_card *card) {
    (void)options;
    duet_copy_text(card->sampler, sizeof card->sampler, "consistency");
}

/* ---- graph ---- */

/* The x0 that the network names; its factors are inputs of these names. */
static duet_value name_x0(duet_graph *g, const duet_task_setup *setup, const duet_model_inputs *in,
                          const char *by_x, const char *by_raw) {
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t dims[] = {setup->batch, shape->in_channels};
    duet_value out[DUET_PART_GIVES];
    shape->parts[0].build(g, setup->model->config, in, out);
    return duet_denoise_x0(g, in->x, duet_denoise_image(g, setup, out[0]),
                           duet_input(g, by_x, DUET_F32, 2, dims),
                           duet_input(g, by_raw, DUET_F32, 2, dims));
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    const consistency_options *const o = options;
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t B = setup->batch, S = shape->size, C = shape->in_channels, D = S * S * C;
    duet_model_inputs in;
    (void)program;
    DUET_TRY(duet_model_check(setup->model, DUET_DENOISES));
    duet_model_inputs_make(setup->model, g, B, shape->parts[0].takes, true, &in);
    const duet_value high = name_x0(g, setup, &in, "by_x", "by_raw");
    duet_model_inputs less = in;
    less.x = duet_input(g, "less_x", DUET_F32, 4, (int64_t[]){B, S, S, C});
    less.net_t = duet_input(g, "less_net_t", DUET_F32, 1, &B);
    less.training = false; /* no dropout, hence no mask to draw */
    const duet_part_mark mark = duet_part_push(g, "", SECOND_PASS);
    const duet_value low = duet_detach(g, name_x0(g, setup, &less, "less_by_x", "less_by_raw"));
    duet_part_pop(g, mark);
    const int64_t one = 1, all[] = {B, D, 1, 1};
    const duet_value apart = duet_sub(g, high, low),
                     each = duet_reshape(g, duet_mul(g, apart, apart), 4, all),
                     square = duet_reshape(g, duet_sum_channels(g, each), 1, &B),
                     shift = duet_fill(g, o->huber * o->huber, 1, &one),
                     mean = duet_add(g, duet_scale(g, square, 1.0 / (double)D), shift),
                     flat = duet_sub(g, duet_elementwise(g, mean, "sqrt"),
                                     duet_fill(g, o->huber, 1, &one));
    to->rows = flat;
    to->loss = duet_reduce(g, duet_mul(g, flat, duet_input(g, "weight", DUET_F32, 1, &B)), "mean",
                           0, NULL);
    return duet_graph_status(g);
}

/* ---- inputs ---- */

typedef struct inputs {
    float *x, *t, *less_x, *less_t, *by_x, *by_raw, *less_by_x, *less_by_raw, *weight;
} inputs;

static inputs inputs_of(duet_session *s) {
    return (inputs){.x = duet_session_input(s, "x"),
                    .t = duet_session_input(s, "net_t"),
                    .less_x = duet_session_input(s, "less_x"),
                    .less_t = duet_session_input(s, "less_net_t"),
                    .by_x = duet_session_input(s, "by_x"),
                    .by_raw = duet_session_input(s, "by_raw"),
                    .less_by_x = duet_session_input(s, "less_by_x"),
                    .less_by_raw = duet_session_input(s, "less_by_raw"),
                    .weight = duet_session_input(s, "weight")};
}

static int64_t room(const duet_task_setup *setup) {
    return 2 * setup->batch * denoise_dim(setup); /* eps, clean */
}

/* The lower level of a pair; t = -1: the image itself. */
static duet_level lower(const duet_noise *noise, double ratio, int64_t stage) {
    const double gap = ldexp(1.0 + 8.0 / (1.0 + exp(ratio)), -(int)(stage < 60 ? stage + 1 : 60)),
                 wanted = ratio * (1.0 - gap);
    if (!(wanted > duet_level_ratio(duet_noise_level(noise, 0))))
        return duet_noise_level(noise, -1);
    return duet_noise_find(noise, wanted);
}

/* Noisy images of a level and how x0 follows from them; the clean level is an image itself. */
static void place(const duet_task_setup *setup, duet_level level, const float *clean,
                  const float *eps, float *x, float *by_x, float *by_raw) {
    const bool is_clean = level.t < 0.0;
    const duet_predict_map map = is_clean ? (duet_predict_map){.x0_x = 1.0}
                                          : setup->predict->map(setup->predict_options, level);
    duet_add_noise(x, clean, eps, level, denoise_dim(setup));
    duet_denoise_factors(setup, &map, level, by_x, by_raw);
}

static void feed_row(const consistency_options *o, const duet_task_setup *setup,
                     const duet_task_feed *to, const inputs *in, int64_t r) {
    const int64_t dim = denoise_dim(setup), C = setup->model->shape.in_channels,
                  position = to->batch->position + r;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    float *const eps = to->scratch + 2 * r * dim, *const clean = eps + dim, z = 0;
    duet_rng_normal(duet_rng_make(seed, "t", (uint64_t)position), 0, &z, 1);
    const duet_level level = duet_noise_find(setup->noise, exp(o->mean + o->std * (double)z)),
                     less = lower(setup->noise, duet_level_ratio(level), position / o->stage);
    duet_pixels_to_float(clean, to->batch->pixels + r * dim, dim);
    duet_image_noise(eps, seed, position, dim);
    place(setup, level, clean, eps, in->x + r * dim, in->by_x + r * C, in->by_raw + r * C);
    place(setup, less, clean, eps, in->less_x + r * dim, in->less_by_x + r * C,
          in->less_by_raw + r * C);
    if (in->t != NULL) in->t[r] = (float)level.net_t;
    if (in->less_t != NULL) in->less_t[r] = (float)less.net_t;
    in->weight[r] =
        (float)(1.0 / (duet_level_ratio(level) - (less.t < 0.0 ? 0.0 : duet_level_ratio(less))));
    to->column[r] = duet_denoise_quarter(setup->noise, level);
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    const inputs in = inputs_of(to->session);
    const duet_network_inputs network = duet_network_inputs_of(to->session);
    (void)program;
    if (in.x == NULL || in.less_x == NULL || in.weight == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        feed_row(options, setup, to, &in, r);
        duet_denoise_tell(setup, to->batch, &network, r);
    }
    return network.y != NULL ? duet_denoise_labels(setup, to->batch, 0.0, 0, network.y) : DUET_OK;
}

const duet_task duet_task_consistency = {
    .info = {.name = "consistency",
             .help = "a model that denoises learns to draw in one evaluation",
             .params = DUET_TABLE(rows, consistency_options)},
    .needs = DUET_DENOISES,
    .optim = "adamw:rate=0.0002,beta2=0.99,weight_decay=0",
    .programs = {{.name = "consistency"}},
    .program_count = 1,
    .columns = {"loss_q0", "loss_q1", "loss_q2", "loss_q3"}, /* quarters of the levels */
    .prepare = prepare,
    .describe = describe,
    .build = build,
    .room = room,
    .feed = feed,
};
