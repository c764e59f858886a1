/* SPDX-License-Identifier: MIT
 * duet/edit.h: pictures that exist, changed by a model: holes filled, small, blurred, grey or noisy
 * ones restored, variations, ways from one to another. No training: every model that denoises can,
 * and those that encode and decode, in chains of latents (interpolation aside).
 * Answer k of picture i depends on (seed, i answers + k) and the picture only. */
#ifndef DUET_EDIT_H
#define DUET_EDIT_H

#include <duet/model.h>
#include <duet/preprocess.h>
#include <duet/sample.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Solvers need 2 to 5 times as few steps, but ancestral steps repair what a projection tears. */
#define DUET_EDIT_SAMPLER "ddpm:steps=100"

/* A model with what is to be changed: opened once, run on any number of pictures. */
typedef struct duet_edit duet_edit;

typedef struct duet_edit_options {
    /* What the pictures have been through: members of the family `operator` joined by '+'; "" = the
     * pixels themselves are known. */
    char operators[DUET_TEXT_SIZE];
    const uint8_t *mask; /* [size,size] of the model: not 0 = unknown, to be filled; NULL = none */
    /* Less than 1: the pictures are noised to that part of the steps and denoised from there
     * (SDEdit, Meng et al. 2022): variations, nearer the smaller. Without mask and operators they
     * are free to change everywhere. By an encoder and a decoder: the spread of the codes; 0 =
     * their means, which is the model's reconstruction of the picture. */
    double strength;              /* 0 < strength <= 1; of those that encode 0, too */
    int64_t answers;              /* of each picture */
    char sampler[DUET_TEXT_SIZE]; /* "" = DUET_EDIT_SAMPLER */
    /* Every `jump` steps are walked `again` times more, from new noise (RePaint): what is filled in
     * has time to agree with what is known. again 0 = never, jump 0 = a tenth of the steps. */
    int64_t jump, again;
    int64_t batch; /* images of a pass; 0 = chosen */
    int64_t label; /* class of a conditional model; -1 = one after the other */
    uint64_t seed;
    duet_generator_watch watch; /* NULL = nobody */
    void *watcher;
} duet_edit_options;

/* A mask from a picture of the size of those that are edited, fitted as they are: unknown = 1 where
 * it is white (128 and more); alpha: where a picture is not fully opaque. out [size,size]. */
DUET_NODISCARD duet_status duet_mask_load(const char *path, const duet_preprocess *how, bool alpha,
                                          uint8_t *out);

/* The model must outlive it. DUET_ARG, DUET_UNSUPPORTED where options do not fit each other or the
 * model. */
DUET_NODISCARD duet_status duet_edit_open(duet_context *ctx, duet_edit **out, duet_model *model,
                                          const duet_edit_options *options);
void duet_edit_close(duet_edit *edit); /* NULL is accepted */
/* What is measured of an image: [side,side,colours] values in [-1,1], of noisy ones beyond. */
void duet_edit_measured(const duet_edit *edit, int64_t *side, int64_t *colours);
/* Measures whole images as they would have been given: pixels [count,size,size,channels] ->
 * measured, rounded to bytes unless the operators add noise; that of image i is drawn from (seed,
 * first + i). */
void duet_edit_degrade(const duet_edit *edit, const uint8_t *pixels, int64_t first, int64_t count,
                       float *measured);
/* Answers to pictures first … first+count-1: pixels [count,answers,size,size,channels]. What a mask
 * leaves comes back byte by byte. */
DUET_NODISCARD duet_status duet_edit_run(duet_edit *edit, const float *measured, int64_t first,
                                         int64_t count, uint8_t *pixels);
/* Without a model: the mean of the known pixels, bicubic enlargement, or the picture as it is. */
DUET_NODISCARD duet_status duet_edit_plain(const duet_edit *edit, const float *measured,
                                           int64_t count, uint8_t *pixels);
/* The measurements as pictures of the images' size; what is unknown is grey. */
void duet_edit_show(const duet_edit *edit, const float *measured, int64_t count, uint8_t *pixels);
/* How far an image is from its measurement: the largest |A x - y|, in units of a byte. */
double duet_edit_residual(const duet_edit *edit, const float *measured, const uint8_t *pixels);

/* From one picture to another: both are led back to noise along the probability-flow equation
 * (DDIM, Song et al. 2021, section 5.3), what is between on the great circle, and each is drawn.
 * between: pictures [2,size,size,channels], result [frames,…], frames >= 2, the ends included. */
typedef struct duet_interpolate_options {
    int64_t frames, steps; /* steps: of the sampler, both ways */
    int64_t refine;        /* evaluations of each step back; more lead back more exactly */
    int64_t label;         /* class of a conditional model; -1 = 0 */
} duet_interpolate_options;
DUET_NODISCARD duet_status duet_interpolate(duet_context *ctx, duet_model *model,
                                            const uint8_t *between,
                                            const duet_interpolate_options *options,
                                            uint8_t *pixels);

#ifdef __cplusplus
}
#endif
#endif
