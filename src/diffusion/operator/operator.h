/* SPDX-License-Identifier: MIT
 * diffusion/operator/operator.h: the family `operator`: linear operators that pictures have been
 * through, y = A x + noise, and what a chain of them measures. Every member acts on rows and
 * columns alike and on colours: A = K (x) K (x) L, so that a chain is again two small matrices, and
 * their singular values are those of A (Kawar et al. 2022, "Denoising Diffusion Restoration
 * Models"). Pixels may be hidden where the chain leaves pixels apart. */
#ifndef DUET_DIFFUSION_OPERATOR_OPERATOR_H
#define DUET_DIFFUSION_OPERATOR_OPERATOR_H

#include <duet/registry.h>

enum { DUET_COLOURS = 3 };

typedef struct duet_measure {
    int64_t size, channels; /* of the images x: [size,size,channels], in [-1,1] */
    int64_t side, colours;  /* of the measurement y: [side,side,colours] */
    double *across;         /* K [side,size] of rows and of columns; NULL = they stay as they are */
    double colour[DUET_COLOURS * DUET_COLOURS]; /* L [colours,channels] */
    bool *hidden;                               /* [size,size] not measured; NULL = none */
    double noise;                               /* standard deviation, in the units of x */
    /* K^T K = V diag(s^2) V^T, and the same of L */
    double *v, *s; /* [size,size], [size]; v NULL where K is */
    double colour_v[DUET_COLOURS * DUET_COLOURS], colour_s[DUET_COLOURS];
    double largest;          /* singular value of A */
    double *plane, *turned;  /* [channels,size,size] */
    double *middle, *square; /* [size,size] */
} duet_measure;

typedef struct duet_operator {
    duet_entry info;
    /* Comes after what is in the measure already. */
    duet_status (*apply)(const void *options, duet_measure *measure);
} duet_operator;
DUET_FAMILY_OF(operator, duet_operator);

/* K <- rows K; rows [side, measure->side]. */
DUET_NODISCARD duet_status duet_measure_across(duet_measure *measure, const double *rows,
                                               int64_t side);

/* chain: "blur:sigma=1+downsample:factor=2"; "" = the pixels themselves. hidden [size,size], not 0
 * where a pixel is unknown; may be NULL. */
DUET_NODISCARD duet_status duet_measure_new(duet_measure **out, const char *chain, int64_t size,
                                            int64_t channels, const uint8_t *hidden);
void duet_measure_free(duet_measure *measure); /* NULL is accepted */
/* y = A x, without noise; what is hidden is 0. */
void duet_measure_take(const duet_measure *measure, const float *x, float *y);
/* z = the part of V^T x that y determines: V^T A^+ y, by least squares. [size,size,channels] as
 * planes of `size` x `size`. */
void duet_measure_solve(const duet_measure *measure, const float *y, double *z);
/* x <- x + V G (z - V^T x). Where x is known but for an error of variance `error` and y but for
 * noise^2, a coefficient of singular value s has the gain G = error / (error + noise^2 / s^2),
 * which is 1 without noise: then A x = y (Wang et al. 2023, DDNM; the gain as in Song et al. 2023,
 * PiGDM, without its gradient). Bytes have noise of their own: of small singular values they say
 * little.
 */
void duet_measure_pull(const duet_measure *measure, const double *z, double error, float *x);
/* What is had without a model: unknown pixels get the mean of the known ones, small pictures are
 * enlarged by a bicubic filter, grey stays grey. */
DUET_NODISCARD duet_status duet_measure_plain(const duet_measure *measure, const float *y,
                                              float *x);
/* The measurement as a picture of the images' size: enlarged pixel by pixel, grey where nothing is
 * known. */
void duet_measure_show(const duet_measure *measure, const float *y, float *x);

#endif
