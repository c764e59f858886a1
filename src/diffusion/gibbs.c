/* SPDX-License-Identifier: MIT
 * diffusion/gibbs.c: see gibbs.h. */
#include "diffusion/gibbs.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/network.h"

enum { BATCH = 32 };

struct duet_gibbs {
    duet_context *ctx;
    duet_model *model;
    duet_network *encoder, *decoder;
    int64_t batch, dim;
    duet_value gives[DUET_PART_GIVES]; /* mean, log variance, logits of the switches */
    int given;
    float *noise; /* [latents] */
};

static duet_status outputs(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                           int64_t *count) {
    duet_gibbs *g = user;
    (void)graph, (void)raw;
    for (g->given = 0; g->given < DUET_PART_GIVES && g->gives[g->given] != DUET_NONE;) g->given++;
    *out = g->gives;
    *count = g->given;
    return DUET_OK;
}

static duet_status open(duet_context *ctx, duet_gibbs *g) {
    static const duet_ability encodes = DUET_ENCODES, generates = DUET_GENERATES;
    const duet_arch_shape *const shape = &g->model->shape;
    g->dim = shape->size * shape->size * shape->in_channels;
    DUET_TRY(duet_model_check(g->model, DUET_ENCODES));
    DUET_TRY(duet_model_check(g->model, DUET_GENERATES));
    DUET_TRY(duet_network_open(ctx, &g->encoder, g->model,
                               &(duet_network_spec){.batch = g->batch,
                                                    .part = &encodes,
                                                    .gives = g->gives,
                                                    .outputs = outputs,
                                                    .user = g}));
    DUET_TRY(duet_network_open(ctx, &g->decoder, g->model,
                               &(duet_network_spec){.batch = g->batch, .part = &generates}));
    return duet_alloc(&g->noise, shape->latents, sizeof *g->noise);
}

duet_status duet_gibbs_open(duet_context *ctx, duet_gibbs **out, duet_model *model, int64_t batch) {
    duet_gibbs *g = NULL;
    DUET_TRY(duet_alloc(&g, 1, sizeof *g));
    *g = (duet_gibbs){.ctx = ctx, .model = model, .batch = batch > 0 ? batch : BATCH};
    const duet_status status = open(ctx, g);
    if (status == DUET_OK)
        *out = g;
    else
        duet_gibbs_close(g);
    return status;
}

void duet_gibbs_close(duet_gibbs *gibbs) {
    if (gibbs == NULL) return;
    duet_network_close(gibbs->encoder);
    duet_network_close(gibbs->decoder);
    duet_release(gibbs->noise);
    duet_release(gibbs);
}

int64_t duet_gibbs_batch(const duet_gibbs *gibbs) {
    return gibbs->batch;
}

/* The latents of a row in a round. */
static void draw(const duet_gibbs *g, double spread, uint64_t seed, int64_t id, int64_t round,
                 int64_t row, float *z) {
    const duet_arch_shape *const shape = &g->model->shape;
    const int64_t Z = shape->latents, switches = shape->switches, normal = Z - switches;
    const float *const mean = duet_network_out(g->encoder, 0) + row * Z;
    const float *const log_var =
        g->given > 1 ? duet_network_out(g->encoder, 1) + row * normal : NULL;
    const float *const logits =
        g->given > 2 ? duet_network_out(g->encoder, 2) + row * switches : NULL;
    const duet_rng rng = duet_rng_make(seed, "occurs", (uint64_t)id);
    duet_rng_normal(duet_rng_make(seed, "z", (uint64_t)id), (uint64_t)(round * (Z + (Z & 1))),
                    g->noise, normal);
    for (int64_t i = 0; i < normal; i++) {
        const double deviation = log_var != NULL ? exp(0.5 * (double)log_var[i]) : 0.0;
        z[i] = (float)((double)mean[i] + spread * deviation * (double)g->noise[i]);
    }
    for (int64_t i = 0; i < switches; i++) {
        const double chance =
            logits != NULL ? 1.0 / (1.0 + exp(-(double)logits[i])) : shape->switch_chance;
        z[normal + i] =
            duet_rng_uniform(rng, (uint64_t)(round * switches + i)) < chance ? 1.0F : 0.0F;
    }
}

duet_status duet_gibbs_turn(duet_gibbs *gibbs, double spread, uint64_t seed, const int64_t *id,
                            int64_t round, int64_t rows, float *x) {
    duet_gibbs *const g = gibbs;
    const int64_t cells = rows * g->dim, Z = g->model->shape.latents;
    float *const in = duet_network_in(g->encoder)->x, *const z = duet_network_in(g->decoder)->z;
    memcpy(in, x, (size_t)cells * sizeof *in);
    memset(in + cells, 0, (size_t)(g->batch * g->dim - cells) * sizeof *in);
    DUET_TRY(duet_network_run(g->encoder));
    for (int64_t r = 0; r < rows; r++) draw(g, spread, seed, id[r], round, r, z + r * Z);
    memset(z + rows * Z, 0, (size_t)((g->batch - rows) * Z) * sizeof *z);
    DUET_TRY(duet_network_run(g->decoder));
    memcpy(x, duet_network_out(g->decoder, 0), (size_t)cells * sizeof *x);
    return duet_check_cancelled(g->ctx);
}
