/* SPDX-License-Identifier: MIT
 * study/copies.h: does a model give back what it was trained on? Two signs, both measured against
 * real images that it has never seen. */
#ifndef DUET_STUDY_COPIES_H
#define DUET_STUDY_COPIES_H

#include <duet/model.h>

/* Of an image, r is the distance of its nearest training image by that of the second nearest:
 * about 1 for images that are new, near 0 for copies (Carlini et al. 2023, section 4.2, compare the
 * nearest with the next ones for the same reason: a plain distance calls flat images copies). A
 * distance is that of the image or of its mirror image, whichever is nearer. An image counts as a
 * copy where r is below what all but a `chance` of the held-out images have. */
typedef struct duet_copies {
    int64_t count, of;    /* copies among the drawn images */
    double chance, least; /* share of held-out images that count as copies; the bound of r */
    double odds;          /* that so many are copies by chance (binomial tail) */
    bool alarm;           /* odds < 1e-4 and at least 4 % */
} duet_copies;
/* Features: training [rows,dim] (2 or more), held [held_rows,2,dim] and drawn [count,2,dim] of an
 * image and of its mirror image. */
DUET_NODISCARD duet_status duet_copies_count(duet_copies *out, const float *training, int64_t rows,
                                             const float *held, int64_t held_rows,
                                             const float *drawn, int64_t count, int64_t dim);

/* How much larger the error of denoising is on held-out images than on training images, as a part
 * of the latter: mean over levels of (held - training) / training, the same noise for both. About
 * 0 while a model generalises. pixels [rows,size,size,channels] of the model. */
DUET_NODISCARD duet_status duet_denoising_gap(duet_context *ctx, duet_model *model,
                                              const uint8_t *training, int64_t rows,
                                              const uint8_t *held, int64_t held_rows, double *out);

#endif
