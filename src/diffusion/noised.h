/* SPDX-License-Identifier: MIT
 * diffusion/noised.h: images, noised to a level, and what a model takes them to be: for strips,
 * errors and bounds. */
#ifndef DUET_DIFFUSION_NOISED_H
#define DUET_DIFFUSION_NOISED_H

#include "diffusion/denoiser.h"

typedef struct duet_noised {
    duet_denoiser *denoiser;
    const duet_model *model;
    int64_t batch, dim, rows;      /* most rows; values of an image; rows that are there */
    float *clean, *noise, *x, *x0; /* [batch,dim]; x = alpha clean + sigma noise */
    int32_t *labels;               /* [batch] class 0 for conditional models */
} duet_noised;

DUET_NODISCARD duet_status duet_noised_open(duet_context *ctx, duet_noised *out, duet_model *model,
                                            int64_t batch);
void duet_noised_close(duet_noised *noised); /* also of one that is incomplete or all zero */
/* pixels [rows,S,S,C]; rows <= batch. Networks that enlarge images get their small ones. */
void duet_noised_images(duet_noised *noised, const uint8_t *pixels, int64_t rows);
/* Row r gets the noise of image first + r under `seed`. */
void duet_noised_draw(duet_noised *noised, uint64_t seed, int64_t first);
/* x and x0 of a level. */
DUET_NODISCARD duet_status duet_noised_at(duet_noised *noised, duet_level level);

#endif
