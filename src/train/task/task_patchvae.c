/* SPDX-License-Identifier: MIT
 * PatchVAE's bound (arXiv 2004.03623 and the authors' code), without labels, for images in [-1,1]
 * of D values, N parts at each of s s places, q the chance of a part at a place given x, p under
 * the prior:
 *   appearance = mean + exp(log_var / 2) eps,   eps ~ N(0,1)
 *   occurrence = sigmoid((logit(q) + logit(u)) / T),   u uniform: relaxed Bernoulli (Maddison et
 *   al. 2017), T falls by exp(-anneal) an image until `coldest`
 *   loss = mean over rows of ( |x - decoder|^2 + beta_appearance KL_a + beta_occurrence KL_o ) / D
 *   KL_a = 1/2 sum (exp(log_var) + mean^2 - 1 - log_var)
 *   KL_o = sum q log((q + tiny) / p) + (1 - q) log((1 - q + tiny) / (1 - p))
 * Columns: the mean squared error, both KL in nats an image, T. Row at position k: eps from stream
 * "z", u from stream "occurs" at k under the seed of the stream "train". */
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/latents.h"
#include "train/task/task.h"

static const double TINY = 1e-7;

typedef struct patchvae_options {
    double beta_appearance, beta_occurrence, warmest, coldest, anneal;
    bool hard;
} patchvae_options;

static const duet_param rows[] = {
    DUET_FLOAT(patchvae_options, beta_appearance, "1", 0, 1e6,
               "weight of the appearances' divergence from the prior"),
    DUET_FLOAT(patchvae_options, beta_occurrence, "10", 0, 1e6,
               "weight of the occurrences' divergence from the prior"),
    DUET_FLOAT(patchvae_options, warmest, "1", 1e-3, 100, "temperature of the first image"),
    DUET_FLOAT(patchvae_options, coldest, "0.1", 1e-3, 100, "lowest temperature"),
    DUET_FLOAT(patchvae_options, anneal, "1.5e-5", 0, 1, "fall of its logarithm an image"),
    DUET_BOOLEAN(patchvae_options, hard, "false",
                 "occurrences are 0 or 1, with the relaxed ones' gradient (straight through)"),
};

static duet_value number(duet_graph *g, double value) {
    return duet_fill(g, value, 1, (int64_t[]){1});
}

/* Sum over [B,n], mean over the rows: [1] */
static duet_value of_a_row(duet_graph *g, duet_value x) {
    return duet_scale(g, duet_reduce(g, x, "mean", 0, NULL), (double)duet_dim(g, x, 1));
}

/* q log((q + tiny) / p) */
static duet_value relative(duet_graph *g, duet_value q, double p) {
    const duet_value log_q = duet_elementwise(g, duet_add(g, q, number(g, TINY)), "log");
    return duet_mul(g, q, duet_sub(g, log_q, number(g, log(p))));
}

static duet_value binary_divergence(duet_graph *g, duet_value q, double p) {
    const duet_value other =
        duet_sub(g, duet_fill(g, 1.0, 2, (int64_t[]){duet_dim(g, q, 0), duet_dim(g, q, 1)}), q);
    return of_a_row(g, duet_add(g, relative(g, q, p), relative(g, other, 1.0 - p)));
}

/* Relaxed occurrences; colder: [1], 1 / T */
static duet_value occur(duet_graph *g, const patchvae_options *o, duet_value logits, duet_value u,
                        duet_value colder) {
    const duet_value soft =
        duet_elementwise(g, duet_mul(g, duet_add(g, logits, u), colder), "sigmoid");
    if (!o->hard) return soft;
    const duet_value step = duet_clamp(g, duet_scale(g, logits, 1e12), 0.0, 1.0);
    return duet_add(g, soft, duet_detach(g, duet_sub(g, step, soft)));
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const patchvae_options *o = options;
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t B = setup->batch, places = shape->switches, A = shape->latents - places, one = 1;
    const double D = (double)(shape->size * shape->size * shape->in_channels);
    duet_model_inputs in = {0};
    duet_value code[DUET_PART_GIVES], image[DUET_PART_GIVES], error = DUET_NONE;
    if ((duet_shape_part(shape, DUET_ENCODES)->gives & DUET_BIT(OCCURRENCE)) == 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "the architecture '%s' has no parts that occur; the task is 'vae'",
                         setup->model->arch->info.name);
    duet_model_inputs_make(setup->model, g, B, DUET_BIT(X), true, &in);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_ENCODES, &in, code));
    const duet_value eps = duet_input(g, "eps", DUET_F32, 2, (int64_t[]){B, A}),
                     u = duet_input(g, "u", DUET_F32, 2, (int64_t[]){B, places}),
                     colder = duet_input(g, "colder", DUET_F32, 1, &one),
                     mean = duet_slice(g, code[0], 0, A), q = duet_slice(g, code[0], A, places);
    in.z =
        duet_concat(g, duet_latents_draw(g, mean, code[1], eps), occur(g, o, code[2], u, colder));
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_GENERATES, &in, image));
    duet_mse_loss(g, image[0], in.x, &to->scalars[0], &error);
    to->scalars[1] = duet_latents_divergence(g, mean, code[1]);
    to->scalars[2] = binary_divergence(g, q, shape->switch_chance);
    to->scalars[3] =
        duet_elementwise(g, duet_scale(g, duet_elementwise(g, colder, "log"), -1.0), "exp");
    to->loss = duet_add(g, to->scalars[0], duet_scale(g, to->scalars[1], o->beta_appearance / D));
    to->loss = duet_add(g, to->loss, duet_scale(g, to->scalars[2], o->beta_occurrence / D));
    return duet_graph_status(g);
}

/* logit(u) of uniform u, finite */
static void fill_logistic(duet_rng rng, float *out, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const double u = duet_rng_uniform(rng, (uint64_t)i);
        out[i] = (float)(log(u + TINY) - log(1.0 - u + TINY));
    }
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)program;
    const patchvae_options *o = options;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels, places = shape->switches,
                  A = shape->latents - places;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    float *const x = duet_network_inputs_of(to->session).x,
                 *const eps = duet_session_input(to->session, "eps"),
                 *const u = duet_session_input(to->session, "u"),
                 *const colder = duet_session_input(to->session, "colder");
    if (x == NULL || eps == NULL || u == NULL || colder == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
    const double warm = o->warmest * exp(-o->anneal * (double)to->batch->position);
    *colder = (float)(1.0 / (warm > o->coldest ? warm : o->coldest));
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        const uint64_t position = (uint64_t)(to->batch->position + r);
        duet_pixels_to_float(x + r * dim, to->batch->pixels + r * dim, dim);
        duet_rng_normal(duet_rng_make(seed, "z", position), 0, eps + r * A, A);
        fill_logistic(duet_rng_make(seed, "occurs", position), u + r * places, places);
    }
    return DUET_OK;
}

const duet_task duet_task_patchvae = {
    .info = {.name = "patchvae",
             .help = "autoencoder of parts (PatchVAE), without labels",
             .params = DUET_TABLE(rows, patchvae_options)},
    .needs = DUET_GENERATES,
    .arch = "patchvae",
    .programs = {{.name = "patchvae"}},
    .program_count = 1,
    .columns = {"squared_error", "divergence", "divergence_occurrence", "temperature"},
    .build = build,
    .feed = feed,
};
