/* SPDX-License-Identifier: MIT
 * diffusion/guide.h: what steers a generator that walks a sampler: where it begins, and what
 * becomes of each prediction. */
#ifndef DUET_DIFFUSION_GUIDE_H
#define DUET_DIFFUSION_GUIDE_H

#include "diffusion/generator.h"
#include "noise/noise.h"

/* One evaluation of the network. */
typedef struct duet_guide_point {
    const duet_generator_rows *rows;
    int64_t dim;
    duet_level level;
    const float *x; /* [rows,dim] x_t */
    float *x0;      /* [rows,dim] in: what the network takes the images to be, in [-1,1] unless the
                     * sampler does not clip; out: what the sampler goes on with */
} duet_guide_point;

typedef struct duet_guide {
    void *state;
    /* Part of the steps that are walked: of less than 1, from the noised images of `begin`; 1 =
     * from noise. */
    double strength;
    int64_t jump, again; /* duet_sampler_state */
    /* Fills rows->x: images, or with strength 1 the noise to begin with. NULL: the noise of seed
     * and numbers. */
    duet_status (*begin)(void *state, const duet_generator_rows *rows);
    duet_status (*steer)(void *state, const duet_guide_point *point); /* NULL = nothing changes */
    /* Fills out [rows,dim] with small images, enlarged, for networks that take such; NULL = none.
     */
    void (*enlarge)(void *state, const duet_generator_rows *rows, float *out);
    /* After the last step, on rows->x. NULL = nothing. */
    duet_status (*finish)(void *state, const duet_generator_rows *rows);
} duet_guide;

/* From now on; the guide must outlive the generator. DUET_UNSUPPORTED for models that draw from a
 * prior. */
DUET_NODISCARD duet_status duet_generator_follow(duet_generator *generator,
                                                 const duet_guide *guide);

#endif
