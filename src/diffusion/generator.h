/* SPDX-License-Identifier: MIT
 * diffusion/generator.h: what is behind duet_generator. A kind draws images of given numbers from a
 * seed: one walks a sampler over a denoiser, one maps latents from a prior to images. */
#ifndef DUET_DIFFUSION_GENERATOR_H
#define DUET_DIFFUSION_GENERATOR_H

#include <duet/sample.h>

enum { DUET_GENERATOR_BATCH = 32 }; /* images of a pass where nothing is chosen */

/* One pass. Row r depends on seed, id[r] and labels[r] only. */
typedef struct duet_generator_rows {
    const int64_t *id;     /* [rows] */
    const int32_t *labels; /* [rows], 0 where the model takes none */
    int64_t rows;          /* at most the batch */
    uint64_t seed;
    float *x; /* [rows,S,S,C]: the images, in [-1,1] before clamping */
} duet_generator_rows;

typedef struct duet_generator_kind {
    /* Makes generator->state for generator->batch rows; spec: of the sampler, or of the prior. */
    duet_status (*open)(duet_generator *generator, const char *spec);
    duet_status (*run)(duet_generator *generator, const duet_generator_rows *rows);
    void (*close)(duet_generator *generator); /* state may be incomplete or NULL */
} duet_generator_kind;
extern const duet_generator_kind duet_generator_denoise, duet_generator_decode;

struct duet_generator {
    duet_context *ctx;
    duet_model *model;
    const duet_generator_kind *kind;
    void *state;
    duet_generator_watch watch; /* NULL = nobody */
    void *watcher;
    int64_t reuse, reuse_tap;
    const struct duet_guide *guide; /* NULL = nobody steers */
    duet_guidance guidance;
    int64_t classes;    /* that the guidance knows, where the model knows none; 0 = none */
    int64_t batch, dim; /* most images of a pass; values of an image */
    int64_t *id;        /* [batch] */
    int32_t *labels;    /* [batch] */
    float *x;           /* [batch, dim] */
    int64_t before,
        total; /* of the task whose progress is shown: images before this pass, in all */
};

/* Of a pass of `rows` images the part 0 … 1 is done: progress, and DUET_CANCELLED. */
DUET_NODISCARD duet_status duet_generator_passed(const duet_generator *generator, int64_t rows,
                                                 double part);
/* duet_generator_run as a part of a task of `total` images, of which `before` are done; index
 * [count]: their numbers, NULL = from `first` on. */
DUET_NODISCARD duet_status duet_generator_go(duet_generator *generator, int64_t first,
                                             const int64_t *index, int64_t count, uint64_t seed,
                                             const int32_t *labels, uint8_t *pixels, int64_t before,
                                             int64_t total);

#endif
