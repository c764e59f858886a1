/* SPDX-License-Identifier: MIT
 * duet/sample.h: images from a model. Sample i depends on (seed, i) only: never on batch size,
 * threads or count. */
#ifndef DUET_SAMPLE_H
#define DUET_SAMPLE_H

#include <duet/data.h>
#include <duet/model.h>
#include <duet/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* It adds fresh noise in every step: deterministic ddim amplifies small errors
 * (docs/sampling.md). */
#define DUET_DEFAULT_SAMPLER "ddpm:steps=50"

/* A model that is ready to generate: opened once, run any number of times. Image i depends on
 * (seed, i) and its label only, whatever the batch and the calls before. The model must outlive
 * it. */
typedef struct duet_generator duet_generator;

/* What can be seen after each step of a sampler: the rows of one pass, [rows,S,S,C] each. */
typedef struct duet_generator_step {
    int64_t done, total; /* steps of this pass */
    int64_t rows;
    const int64_t *index; /* [rows] numbers of the images */
    const double *x;      /* the noisy images after the step */
    const float *x0;      /* what the model takes them to be, in [-1,1] */
} duet_generator_step;
/* Any status but DUET_OK ends the sampling. */
typedef duet_status (*duet_generator_watch)(const duet_generator_step *step, void *user);

/* Towards a class, more strongly than the model goes by itself. From: a file of 'duet guide' (heads
 * on the model's own features at several levels), a classifier of noisy images, or "" the model's
 * own classes (Ho and Salimans 2022: needs labels that were dropped in training). With scale w the
 * model's x0 becomes x0_none + w (x0_class - x0_none), so that 1 changes nothing; with the gradient
 * of a classifier (Dhariwal and Nichol 2021), x0 + w sigma^2 / alpha grad log p(class | x_t), so
 * that 0 changes nothing and 1 is Bayes' rule. */
typedef struct duet_guidance {
    double scale;
    char from[4096];
    /* Levels t at which it acts; both 0 = all (Kynkaanniemi et al. 2024: the middle ones suffice)
     */
    double low, high;
} duet_guidance;
/* Whether there is one; with classes to ask for, even where it changes nothing. */
bool duet_guidance_given(const duet_guidance *guidance);

typedef struct duet_generator_options {
    duet_guidance guidance;       /* zeros = none */
    char sampler[DUET_TEXT_SIZE]; /* spec; empty = DUET_DEFAULT_SAMPLER */
    int64_t batch;                /* most images of a pass; 0 = chosen */
    /* Of every `reuse` evaluations of the network only the first is whole; the others take the map
     * of tap `reuse_tap` from it (0 = chosen): faster, a little less exact. 0 or 1 = all are whole.
     */
    int64_t reuse, reuse_tap;
    duet_generator_watch watch; /* NULL = nobody */
    void *watcher;              /* its `user` */
} duet_generator_options;
DUET_NODISCARD duet_status duet_generator_open(duet_context *ctx, duet_generator **out,
                                               duet_model *model,
                                               const duet_generator_options *options);
/* Images first .. first+count-1. labels [count]: classes of a conditional model, NULL = image i is
 * of class i modulo the number of classes. pixels: count*size*size*channels bytes u8 HWC. */
DUET_NODISCARD duet_status duet_generator_run(duet_generator *generator, int64_t first,
                                              int64_t count, uint64_t seed, const int32_t *labels,
                                              uint8_t *pixels);
void duet_generator_close(duet_generator *generator); /* NULL is accepted */

typedef struct duet_sample_options {
    char sampler[DUET_TEXT_SIZE]; /* spec; empty = DUET_DEFAULT_SAMPLER */
    int64_t count, first;         /* samples first .. first+count-1 */
    const int64_t *index;         /* [count] their numbers instead; NULL = from `first` on */
    uint64_t seed;
    int64_t batch; /* 0 = chosen */
    int64_t label; /* class of conditional models; -1 = cycle through the classes */
    /* Of every `reuse` evaluations of the network only the first is whole; the others take the map
     * of tap `reuse_tap` from it (0 = chosen): faster, a little less exact. 0 or 1 = all are whole.
     */
    int64_t reuse, reuse_tap;
    duet_guidance guidance;     /* zeros = none */
    duet_generator_watch watch; /* NULL = nobody */
    void *watcher;
} duet_sample_options;

/* pixels: count*size*size*channels bytes u8 HWC. */
DUET_NODISCARD duet_status duet_sample(duet_context *ctx, duet_model *model,
                                       const duet_sample_options *options, uint8_t *pixels);
/* The same images in batches, in order, for any number of them: `take` gets `count` images from
 * number `first` on, counted from options->first; pixels are valid during the call. Any status but
 * DUET_OK ends the sampling. */
typedef duet_status (*duet_sample_take)(const uint8_t *pixels, int64_t first, int64_t count,
                                        void *user);
DUET_NODISCARD duet_status duet_sample_each(duet_context *ctx, duet_model *model,
                                            const duet_sample_options *options,
                                            duet_sample_take take, void *user);
/* The same as a source: labels are the classes that were asked for, -1 where the model takes none;
 * index is the number of an image. The model must outlive it. */
DUET_NODISCARD duet_status duet_source_open_samples(duet_context *ctx, duet_source **out,
                                                    duet_model *model,
                                                    const duet_sample_options *options);
/* The way of some images from noise: what a sampler's steps pass through, kept for a picture. */
typedef struct duet_walk duet_walk;
/* Of the first `count` images that are seen, of size x size x channels. */
DUET_NODISCARD duet_status duet_walk_new(duet_walk **out, int64_t count, int64_t size,
                                         int channels);
void duet_walk_free(duet_walk *walk); /* NULL is accepted */
/* A duet_generator_watch whose user is the walk. */
DUET_NODISCARD duet_status duet_walk_watch(const duet_generator_step *step, void *walk);
/* Steps that are kept: 0 where there was no sampler. */
int64_t duet_walk_frames(const duet_walk *walk);
/* Writes it in the format of path's extension: '.png' a strip, a row for each image, from noise on
 * the left to the image on the right; '.gif' and '.apng' the same in time, the images side by side.
 * what: "x0" shows what the model takes the image to be, "x" the noisy images, "both" x above x0.
 * origin (may be NULL) goes into the file as text. */
DUET_NODISCARD duet_status duet_walk_write(const duet_walk *walk, const char *path,
                                           const char *what, const duet_image_origin *origin);

/* A denoising strip: for each image and each t, x_t and the predicted x0. pixels u8 [count, 1 +
 * 2*t_count, S,S,C]: x0 first. */
DUET_NODISCARD duet_status duet_denoise_strip(duet_context *ctx, duet_model *model,
                                              const uint8_t *images, int64_t count,
                                              const int64_t *t, int64_t t_count, uint64_t seed,
                                              uint8_t *pixels);

#ifdef __cplusplus
}
#endif
#endif
