/* SPDX-License-Identifier: MIT
 * model/arch/adm_preserving.c: adm_unet with magnitude_preserving=true: the blocks of Karras et al.
 * (2024), "Analyzing and improving the training dynamics of diffusion models" (their figures 20 and
 * 21), in the places of those of ADM: the same taps, names and widths. Residual blocks
 *   encoder  x = norm(skip(x)),  y = out(silu(in(silu(x)) (1 + gain emb))),  x = 0.7 x + 0.3 y,
 *   decoder  the skip convolution comes behind, on the way to the sum, and there is no norm;
 * the sum keeps its size (preserving.h). Attention normalises q, k and v. A channel of ones takes
 * the place of biases. Other than there, the time step is told by sinusoids times sqrt(2) and not
 * by random frequencies, and activations are not clipped. */
#include <math.h>

#include "base/error.h"
#include "model/arch/adm_blocks.h"
#include "model/preserving.h"

static const double blend = 0.3; /* part of a block in the sum with its input */

duet_value duet_adm_preserving_first(const duet_adm_builder *b, duet_value x, int64_t out) {
    duet_graph *g = b->g;
    const int64_t dims[] = {duet_dim(g, x, 0), duet_dim(g, x, 1), duet_dim(g, x, 2), 1};
    return duet_preserving_conv2d(g, "0", duet_concat(g, x, duet_fill(g, 1.0, 4, dims)), out, 3,
                                  1.0);
}

/* The part of the sum that the block makes, at its size there. */
static duet_value branch(const duet_adm_builder *b, duet_value x, int64_t out) {
    duet_graph *g = b->g;
    duet_value h =
        duet_preserving_conv2d(g, "in_layers.2", duet_preserving_silu(g, x), out, 3, 1.0);
    const duet_value gain = duet_preserving_gain(g, "emb_gain"),
                     one = duet_fill(g, 1.0, 1, (int64_t[]){1});
    duet_value by = duet_mul(g, duet_preserving_linear(g, "emb_layers.1", b->emb, out, 1.0), gain);
    h = duet_preserving_silu(g, duet_mul(g, h, duet_add(g, by, one)));
    if (b->training && b->c->dropout > 0) h = duet_dropout(g, h, b->sample_id, b->c->dropout);
    return duet_preserving_conv2d(g, "out_layers.3", h, out, 3, duet_preserving_take(blend));
}

duet_value duet_adm_preserving_block(const duet_adm_builder *b, const char *name, duet_value x,
                                     int64_t out, duet_adm_resample how) {
    duet_graph *g = b->g;
    const double keep = duet_preserving_keep(blend);
    const size_t mark = duet_scope_push(g, "%s", name);
    x = duet_adm_resize(g, x, how);
    const bool widens = duet_dim(g, x, -1) != out;
    if (!b->decoding) {
        if (widens) x = duet_preserving_conv2d(g, "skip_connection", x, out, 1, 1.0);
        x = duet_preserving_norm(g, x);
    }
    const duet_value h = branch(b, x, out);
    x = b->decoding && widens ? duet_preserving_conv2d(g, "skip_connection", x, out, 1, keep)
                              : duet_scale(g, x, keep);
    x = duet_add(g, x, h);
    duet_scope_pop(g, mark);
    return x;
}

duet_value duet_adm_preserving_attention(const duet_adm_builder *b, const char *name, duet_value x,
                                         int64_t heads) {
    duet_graph *g = b->g;
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3);
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value h = duet_reshape(g, x, 3, (int64_t[]){B, H * W, C});
    h = duet_preserving_linear(g, "qkv", h, 3 * C, 1.0);
    /* in both orders of the channels a vector of a head is C/heads neighbours */
    h = duet_reshape(g, h, 4, (int64_t[]){B, H * W, 3 * heads, C / heads});
    h = duet_reshape(g, duet_preserving_norm(g, h), 3, (int64_t[]){B, H * W, 3 * C});
    h = duet_attention(g, h, heads, !b->c->use_new_attention_order);
    h = duet_preserving_linear(g, "proj_out", h, C, duet_preserving_take(blend));
    x = duet_add(g, duet_scale(g, x, duet_preserving_keep(blend)),
                 duet_reshape(g, h, 4, (int64_t[]){B, H, W, C}));
    duet_scope_pop(g, mark);
    return x;
}

duet_value duet_adm_preserving_embedding(const duet_adm_builder *b, const duet_model_inputs *in) {
    duet_graph *g = b->g;
    const int64_t channels = b->c->embed_channels > 0 ? b->c->embed_channels : b->c->num_channels;
    const size_t mark = duet_scope_push(g, "time_embed");
    duet_value emb = duet_timestep_embedding(g, in->net_t, channels, 10000.0, 0.0, false);
    emb = duet_preserving_linear(g, "0", duet_scale(g, emb, sqrt(2.0)), 4 * channels, 1.0);
    duet_scope_pop(g, mark);
    if (b->c->class_cond) {
        const duet_value label =
            duet_preserving_embedding(g, "label_emb", in->y, b->c->num_classes, 4 * channels);
        emb = duet_scale(g, duet_add(g, emb, label), sqrt(0.5));
    }
    return duet_preserving_silu(g, duet_adm_add_augment(b, in, emb));
}

duet_value duet_adm_preserving_last(const duet_adm_builder *b, duet_value x, int64_t out) {
    duet_graph *g = b->g;
    const duet_value gain = duet_preserving_gain(g, "gain");
    return duet_mul(g, duet_preserving_conv2d(g, "2", x, out, 3, 1.0), gain);
}

duet_status duet_adm_preserving_check(const adm_config *c) {
    if (c->classifier_pool[0] != '\0')
        return duet_fail(DUET_ARG, "classifier_pool=%s does not go with magnitude_preserving",
                         c->classifier_pool);
    if (c->conv_attention)
        return duet_fail(DUET_ARG, "conv_attention does not go with magnitude_preserving");
    return DUET_OK;
}
