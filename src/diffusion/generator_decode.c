/* SPDX-License-Identifier: MIT
 * diffusion/generator_decode.c: images by a part that maps latents to images, under the prior
 * z ~ N(0,1), or 0 and 1 where the architecture has switches: z of image i is drawn from (seed, i).
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/generator.h"
#include "model/network.h"

static duet_status open(duet_generator *generator, const char *spec) {
    static const duet_ability part = DUET_GENERATES;
    duet_network *network = NULL;
    if (strcmp(spec, DUET_DEFAULT_SAMPLER) != 0 &&
        strcmp(spec, duet_model_prior(generator->model)) != 0)
        return duet_fail(DUET_ARG,
                         "'%s': the architecture '%s' draws its images from a prior, without a "
                         "sampler; leave 'sampler' out",
                         spec, generator->model->arch->info.name);
    DUET_TRY(duet_network_open(generator->ctx, &network, generator->model,
                               &(duet_network_spec){.batch = generator->batch, .part = &part}));
    generator->state = network;
    return DUET_OK;
}

static void close(duet_generator *generator) {
    duet_network_close(generator->state);
}

static void draw(const duet_arch_shape *shape, uint64_t seed, int64_t id, float *z) {
    const int64_t normal = shape->latents - shape->switches;
    const duet_rng rng = duet_rng_make(seed, "occurs", (uint64_t)id);
    duet_rng_normal(duet_rng_make(seed, "z", (uint64_t)id), 0, z, normal);
    for (int64_t k = 0; k < shape->switches; k++)
        z[normal + k] = duet_rng_uniform(rng, (uint64_t)k) < shape->switch_chance ? 1.0F : 0.0F;
}

static duet_status run(duet_generator *generator, const duet_generator_rows *rows) {
    duet_network *network = generator->state;
    const int64_t Z = generator->model->shape.latents;
    float *const z = duet_network_in(network)->z;
    for (int64_t r = 0; r < rows->rows; r++)
        draw(&generator->model->shape, rows->seed, rows->id[r], z + r * Z);
    memset(z + rows->rows * Z, 0, (size_t)((generator->batch - rows->rows) * Z) * sizeof *z);
    DUET_TRY(duet_network_set_labels(network, rows->labels, rows->rows));
    DUET_TRY(duet_network_run(network));
    const float *const image = duet_network_out(network, 0);
    if (image == NULL) return DUET_IO;
    memcpy(rows->x, image, (size_t)(rows->rows * generator->dim) * sizeof *image);
    return duet_generator_passed(generator, rows->rows, 1.0);
}

const duet_generator_kind duet_generator_decode = {.open = open, .run = run, .close = close};
