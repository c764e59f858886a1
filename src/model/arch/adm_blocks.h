/* SPDX-License-Identifier: MIT
 * model/arch/adm_blocks.h: what arch_adm_unet.c and adm_preserving.c, its magnitude-preserving
 * form, have in common. */
#ifndef DUET_MODEL_ARCH_ADM_BLOCKS_H
#define DUET_MODEL_ARCH_ADM_BLOCKS_H

#include "model/arch/adm_config.h"

typedef enum duet_adm_resample { DUET_ADM_KEEP, DUET_ADM_DOWN, DUET_ADM_UP } duet_adm_resample;

typedef struct duet_adm_builder {
    duet_graph *g;
    const adm_config *c;
    duet_value emb; /* SiLU of the time (and class) embedding, [B,4*embed_channels] */
    duet_value sample_id;
    bool training;
    bool decoding; /* the block is the middle one or an output block */
    int block;     /* number of the next tap */
    /* Where there is a second pass: maps of the first by block, and the number of blocks once they
     * are there. */
    duet_value *first;
    int blocks;
} duet_adm_builder;

duet_value duet_adm_resize(duet_graph *g, duet_value x, duet_adm_resample how);

/* The embedding with what is told of augmentation: outside of training nothing is, which adds
 * nothing. */
duet_value duet_adm_add_augment(const duet_adm_builder *b, const duet_model_inputs *in,
                                duet_value emb);

/* ---- adm_feedback.c ---- */
/* x of block `block` in the second pass with what comes back to it. */
duet_value duet_adm_feed_back(const duet_adm_builder *b, int block, duet_value x);

/* ---- adm_preserving.c ---- */
duet_value duet_adm_preserving_first(const duet_adm_builder *b, duet_value x, int64_t out);
duet_value duet_adm_preserving_block(const duet_adm_builder *b, const char *name, duet_value x,
                                     int64_t out, duet_adm_resample how);
duet_value duet_adm_preserving_attention(const duet_adm_builder *b, const char *name, duet_value x,
                                         int64_t heads);
duet_value duet_adm_preserving_embedding(const duet_adm_builder *b, const duet_model_inputs *in);
duet_value duet_adm_preserving_last(const duet_adm_builder *b, duet_value x, int64_t out);
/* Options that do not go with it. */
DUET_NODISCARD duet_status duet_adm_preserving_check(const adm_config *c);

#endif
