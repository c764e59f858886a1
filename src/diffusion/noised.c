/* SPDX-License-Identifier: MIT
 * diffusion/noised.c: see noised.h. */
#include "diffusion/noised.h"

#include <duet/data.h>

#include "base/error.h"
#include "base/mem.h"
#include "model/low_res.h"

duet_status duet_noised_open(duet_context *ctx, duet_noised *out, duet_model *model,
                             int64_t batch) {
    duet_noised *const n = out;
    *n = (duet_noised){.model = model,
                       .batch = batch,
                       .dim = model->shape.size * model->shape.size * model->shape.in_channels};
    DUET_TRY(duet_denoiser_new(ctx, &n->denoiser, model, batch));
    DUET_TRY(duet_alloc(&n->clean, batch * n->dim, sizeof *n->clean));
    DUET_TRY(duet_alloc(&n->noise, batch * n->dim, sizeof *n->noise));
    DUET_TRY(duet_alloc(&n->x, batch * n->dim, sizeof *n->x));
    DUET_TRY(duet_alloc(&n->x0, batch * n->dim, sizeof *n->x0));
    return duet_alloc(&n->labels, batch, sizeof *n->labels);
}

void duet_noised_close(duet_noised *noised) {
    duet_denoiser_free(noised->denoiser);
    duet_release(noised->clean);
    duet_release(noised->noise);
    duet_release(noised->x);
    duet_release(noised->x0);
    duet_release(noised->labels);
}

void duet_noised_images(duet_noised *noised, const uint8_t *pixels, int64_t rows) {
    const duet_arch_shape *const shape = &noised->model->shape;
    float *const low = duet_denoiser_low_res(noised->denoiser);
    noised->rows = rows;
    duet_pixels_to_float(noised->clean, pixels, rows * noised->dim);
    for (int64_t r = 0; low != NULL && r < rows; r++)
        duet_low_res(low + r * noised->dim, pixels + r * noised->dim, shape->size,
                     shape->in_channels, shape->low_res);
}

void duet_noised_draw(duet_noised *noised, uint64_t seed, int64_t first) {
    for (int64_t r = 0; r < noised->rows; r++)
        duet_image_noise(noised->noise + r * noised->dim, seed, first + r, noised->dim);
}

duet_status duet_noised_at(duet_noised *noised, duet_level level) {
    duet_noised *const n = noised;
    duet_level plain = level; /* the denoiser scales its input itself */
    plain.in_scale = 1.0;
    duet_add_noise(n->x, n->clean, n->noise, plain, n->rows * n->dim);
    duet_denoiser_begin(n->denoiser);
    return duet_denoiser_run(n->denoiser, n->x, level, n->labels, n->rows,
                             &(duet_denoised){.x0 = n->x0});
}
