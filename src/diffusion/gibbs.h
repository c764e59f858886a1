/* SPDX-License-Identifier: MIT
 * diffusion/gibbs.h: edits by a model with an encoder and a decoder instead of a denoiser: what is
 * unknown is drawn in turn with the latents, z ~ q(z | x), x ~ p(x | z), and made to agree with
 * what is known (Rezende et al. 2014, section F, for variational autoencoders). */
#ifndef DUET_DIFFUSION_GIBBS_H
#define DUET_DIFFUSION_GIBBS_H

#include "model/model.h"

typedef struct duet_gibbs duet_gibbs;
/* DUET_UNSUPPORTED where the model does not encode and generate. */
DUET_NODISCARD duet_status duet_gibbs_open(duet_context *ctx, duet_gibbs **out, duet_model *model,
                                           int64_t batch);
void duet_gibbs_close(duet_gibbs *gibbs); /* NULL is accepted */
int64_t duet_gibbs_batch(const duet_gibbs *gibbs);
/* Round `round` of the chains: x [rows,S,S,C] -> a draw of p(x | z), z of q(z | x). spread: of the
 * latents, 1 as the encoder says. Row r depends on seed, id[r], the round and its x only; rows at
 * most the batch. */
DUET_NODISCARD duet_status duet_gibbs_turn(duet_gibbs *gibbs, double spread, uint64_t seed,
                                           const int64_t *id, int64_t round, int64_t rows,
                                           float *x);

#endif
