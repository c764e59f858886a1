/* SPDX-License-Identifier: MIT
 * BigBiGAN's game (arXiv 1907.02544), without labels. s are the discriminator's scores, of an
 * image, a latent, and the pair; z^ = mean + exp(log_var / 2) eps of the encoder, z ~ N(0,1):
 *   d (twice a step): sum over the scores of max(0, 1 - s(x, z^)) + max(0, 1 + s(G(z), z))
 *   g: sum over the scores of s(x, z^) - s(G(z), z), of generator and encoder
 * each the mean over the rows. Columns: the loss of g, and of each score how much higher pairs of
 * the encoder score than those of the generator. Draws of run r of a program: streams "z" and "eps"
 * at the row's position under a seed of program and run. */
#include "base/error.h"
#include "base/rng.h"
#include "model/network.h"
#include "train/task/latents.h"
#include "train/task/task.h"

enum { D, G, SCORES = 3, COLUMN_G = 0, COLUMN_MARGIN = 1 };

typedef struct gan_options {
    bool unary;
} gan_options;

static const duet_param rows[] = {
    DUET_BOOLEAN(gan_options, unary, "true",
                 "images and latents are scored alone, too, not only as pairs"),
};

/* Both pairs of a batch and their scores [B,3]. */
typedef struct pairs {
    duet_value encoded, generated;
} pairs;

/* still: no gradient reaches generator and encoder. */
static duet_status score(duet_graph *g, const duet_task_setup *setup, bool still, pairs *out) {
    const int64_t B = setup->batch, Z = setup->model->shape.latents;
    duet_model_inputs in = {0}, pair;
    duet_value code[DUET_PART_GIVES], image[DUET_PART_GIVES], scores[DUET_PART_GIVES];
    duet_model_inputs_make(setup->model, g, B, DUET_BIT(X) | DUET_BIT(Z), true, &in);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_ENCODES, &in, code));
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_GENERATES, &in, image));
    const duet_value eps = duet_input(g, "eps", DUET_F32, 2, (int64_t[]){B, Z});
    pair = in;
    pair.z = duet_latents_draw(g, code[0], code[1], eps);
    if (still) pair.z = duet_detach(g, pair.z);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_DISCRIMINATES, &pair, scores));
    out->encoded = scores[0];
    pair = in;
    pair.x = still ? duet_detach(g, image[0]) : image[0];
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_DISCRIMINATES, &pair, scores));
    out->generated = scores[0];
    return DUET_OK;
}

/* max(0, 1 + sign s) */
static duet_value hinge(duet_graph *g, duet_value s, double sign) {
    const int64_t one = 1;
    return duet_relu(g, duet_add(g, duet_scale(g, s, sign), duet_fill(g, 1.0, 1, &one)));
}

/* Sum over the scores that count, mean over the rows: [1] */
static duet_value total(duet_graph *g, const gan_options *o, duet_value x) {
    if (!o->unary) return duet_reduce(g, duet_slice(g, x, SCORES - 1, 1), "mean", 0, NULL);
    return duet_scale(g, duet_reduce(g, x, "mean", 0, NULL), SCORES);
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    const gan_options *o = options;
    pairs p;
    DUET_TRY(score(g, setup, program == D, &p));
    const duet_value margin = duet_sub(g, p.encoded, p.generated);
    if (program == G) {
        to->loss = to->scalars[COLUMN_G] = total(g, o, margin);
        return duet_graph_status(g);
    }
    to->loss = total(g, o, duet_add(g, hinge(g, p.encoded, -1.0), hinge(g, p.generated, 1.0)));
    for (int k = 0; k < SCORES; k++)
        to->scalars[COLUMN_MARGIN + k] =
            duet_reduce(g, duet_slice(g, margin, k, 1), "mean", 0, NULL);
    return duet_graph_status(g);
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels, Z = shape->latents;
    const uint64_t seed =
        duet_rng_u64(duet_rng_make(setup->seed, "train", (uint64_t)(program * 64 + to->run)), 0);
    const duet_network_inputs in = duet_network_inputs_of(to->session);
    float *const eps = duet_session_input(to->session, "eps");
    if (in.x == NULL || in.z == NULL || eps == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        const uint64_t position = (uint64_t)(to->batch->position + r);
        duet_pixels_to_float(in.x + r * dim, to->batch->pixels + r * dim, dim);
        duet_rng_normal(duet_rng_make(seed, "z", position), 0, in.z + r * Z, Z);
        duet_rng_normal(duet_rng_make(seed, "eps", position), 0, eps + r * Z, Z);
    }
    return DUET_OK;
}

const duet_task duet_task_gan = {
    .info = {.name = "gan",
             .help =
                 "generator and encoder against a joint discriminator (BigBiGAN), without labels",
             .params = DUET_TABLE(rows, gan_options)},
    .needs = DUET_DISCRIMINATES,
    .arch = "bigbigan",
    .optim = "adamw:rate=0.0002,beta1=0,beta2=0.999,weight_decay=0",
    .programs = {{.name = "d", .trains = "discriminator.*", .runs = 2},
                 {.name = "g", .trains = "generator.*+encoder.*"}},
    .program_count = 2,
    .columns = {"generator_loss", "margin_x", "margin_z", "margin_xz"},
    .build = build,
    .feed = feed,
};
