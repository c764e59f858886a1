/* SPDX-License-Identifier: MIT
 * duet/likelihood.h: how probable images are to a model, in bits per dimension (a value of a pixel
 * in a colour): by the variational bound, and by the probability-flow equation. Both share the last
 * step, from the least noise to bytes, so that they differ by what the bound gives away. */
#ifndef DUET_LIKELIHOOD_H
#define DUET_LIKELIHOOD_H

#include <duet/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_likelihood_options {
    int64_t levels; /* of noise, evenly spaced in log(sigma / alpha); 0 = 100 */
    /* Standard deviation of the bytes around the network's prediction at the least noise; 0 = half
     * of that noise. */
    double spread;
    bool flow; /* also by the equation, which takes about six times as long */
    int64_t batch;
    int64_t label; /* of a conditional model; -1 = 0 */
    uint64_t seed;
} duet_likelihood_options;

/* Bits per dimension of an image. bound = prior + noise + bytes. */
typedef struct duet_likelihood {
    double bound; /* the variational bound (Kingma et al. 2021, "Variational Diffusion Models") */
    double prior, noise, bytes;
    double flow; /* by the equation (Song et al. 2021, appendix D.2); NaN where not asked for */
} duet_likelihood;

/* Image i of number first + i; pixels [count,size,size,channels] of the model. The noise depends on
 * (seed, number). */
DUET_NODISCARD duet_status duet_likelihoods(duet_context *ctx, duet_likelihood *out,
                                            duet_model *model, const uint8_t *pixels, int64_t first,
                                            int64_t count, const duet_likelihood_options *options);

#ifdef __cplusplus
}
#endif
#endif
