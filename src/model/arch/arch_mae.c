/* SPDX-License-Identifier: MIT
 * Masked autoencoder (He et al. 2022, arXiv 2111.06377) for small images. Two parts over T patches
 * of an image, each a token of `width` channels:
 *   encoder: x → patches, positions → transformer blocks → norm. Taps: each block, as a map
 *   restorer: the encoder on K of the patches alone → tokens of `decoder_width`, at the places of
 *             the others a learned one → positions → blocks → norm → the pixels of all patches
 * Blocks are those of vit; there is no class token, features are means over the patches. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "model/arch/arch.h"
#include "model/arch/vit_tokens.h"
#include "model/nn.h"

typedef struct mae_config {
    int64_t image_size, in_channels, patch, width, depth, heads, decoder_width, decoder_depth;
    double hidden;
} mae_config;

static const duet_param params[] = {
    DUET_INT(mae_config, image_size, "32", 4, 1024, "side of the images in pixels"),
    DUET_INT(mae_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(mae_config, patch, "4", 1, 256, "side of a patch"),
    DUET_INT(mae_config, width, "128", 1, 16384, "channels of a token"),
    DUET_INT(mae_config, depth, "6", 1, 512, "blocks of the encoder"),
    DUET_INT(mae_config, heads, "4", 1, 1024, "heads of attention"),
    DUET_INT(mae_config, decoder_width, "64", 1, 16384, "channels of the restorer's tokens"),
    DUET_INT(mae_config, decoder_depth, "2", 1, 512, "blocks of the restorer"),
    DUET_FLOAT(mae_config, hidden, "0.75", 0.05, 0.95,
               "share of the patches that the encoder does not see"),
};

static int64_t side_of(const mae_config *c) {
    return c->image_size / c->patch;
}

static int64_t kept_of(const mae_config *c) {
    const double T = (double)(side_of(c) * side_of(c));
    const int64_t kept = (int64_t)floor(T * (1.0 - c->hidden) + 0.5);
    return kept < 1 ? 1 : kept;
}

static duet_value blocks(duet_graph *g, int64_t count, int64_t heads, bool taps, int64_t side,
                         duet_value x) {
    const duet_vit_blocks how = {.heads = heads, .hidden = 4 * duet_dim(g, x, 2)};
    char name[32];
    for (int64_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "blocks.%lld", (long long)i);
        const size_t mark = duet_scope_push(g, "%s", name);
        x = duet_vit_block(g, &how, x);
        if (taps) {
            const int64_t B = duet_dim(g, x, 0), C = duet_dim(g, x, 2);
            x = duet_reshape(g, duet_tap(g, (int)i + 1, g->scope, duet_vit_map(g, x, 0, side)), 3,
                             (int64_t[]){B, side * side, C});
        }
        duet_scope_pop(g, mark);
    }
    return x;
}

/* Patches with their positions [B,T C] */
static duet_value patches(duet_graph *g, const mae_config *c, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), T = side_of(c) * side_of(c);
    x = duet_nn_conv2d(g, "patch_embed.proj", x, c->width, c->patch, c->patch, 0, false);
    x = duet_reshape(g, x, 2, (int64_t[]){B, T * c->width});
    return duet_add_bias(g, x, duet_vit_vector(g, "pos_embed", T, c->width));
}

static void encode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const mae_config *const c = config;
    const size_t mark = duet_scope_push(g, "encoder");
    const int64_t B = duet_dim(g, in->x, 0), s = side_of(c);
    duet_value x = duet_reshape(g, patches(g, c, in->x), 3, (int64_t[]){B, s * s, c->width});
    x = duet_vit_norm(g, "norm", blocks(g, c->depth, c->heads, true, s, x));
    x = duet_vit_map(g, x, 0, s);
    *out = duet_tap(g, (int)c->depth + 1, "encoder.norm", x);
    duet_scope_pop(g, mark);
}

/* The encoder on the patches that are kept: [B K, C] */
static duet_value encode_kept(duet_graph *g, const mae_config *c, const duet_model_inputs *in) {
    const size_t mark = duet_scope_push(g, "encoder");
    const int64_t B = duet_dim(g, in->x, 0), T = side_of(c) * side_of(c), K = kept_of(c),
                  C = c->width;
    duet_value x = duet_reshape(g, patches(g, c, in->x), 2, (int64_t[]){B * T, C});
    x = duet_reshape(g, duet_gather_rows(g, x, in->kept), 3, (int64_t[]){B, K, C});
    x = duet_vit_norm(g, "norm", blocks(g, c->depth, c->heads, false, 0, x));
    duet_scope_pop(g, mark);
    return duet_reshape(g, x, 2, (int64_t[]){B * K, C});
}

/* Tokens at their places, the learned one elsewhere: [B,T,C] */
static duet_value put_back(duet_graph *g, const duet_model_inputs *in, duet_value x, int64_t B,
                           int64_t T) {
    const int64_t rows = duet_dim(g, x, 0), C = duet_dim(g, x, 1);
    const duet_value mask =
        duet_reshape(g, duet_vit_vector(g, "mask_token", 1, C), 2, (int64_t[]){1, C});
    x = duet_concat(g, duet_reshape(g, x, 2, (int64_t[]){1, rows * C}), mask);
    x = duet_gather_rows(g, duet_reshape(g, x, 2, (int64_t[]){rows + 1, C}), in->places);
    return duet_reshape(g, x, 3, (int64_t[]){B, T, C});
}

/* Pixels of the patches [B,T,p p C] as images [B,S,S,C]. */
static duet_value images(duet_graph *g, const mae_config *c, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), s = side_of(c), p = c->patch, C = c->in_channels;
    x = duet_swap_axes(g, duet_reshape(g, x, 4, (int64_t[]){B * s, s, p, p * C}));
    return duet_reshape(g, x, 4, (int64_t[]){B, c->image_size, c->image_size, C});
}

static void restore(duet_graph *g, const void *config, const duet_model_inputs *in,
                    duet_value *out) {
    const mae_config *const c = config;
    const int64_t B = duet_dim(g, in->x, 0), T = side_of(c) * side_of(c), D = c->decoder_width;
    duet_value x = encode_kept(g, c, in);
    const size_t mark = duet_scope_push(g, "restorer");
    x = put_back(g, in, duet_nn_linear(g, "embed", x, D, 0, false), B, T);
    x = duet_add_bias(g, duet_reshape(g, x, 2, (int64_t[]){B, T * D}),
                      duet_vit_vector(g, "pos_embed", T, D));
    x = duet_reshape(g, x, 3, (int64_t[]){B, T, D});
    x = duet_vit_norm(g, "norm", blocks(g, c->decoder_depth, c->heads, false, 0, x));
    x = duet_nn_linear(g, "pixels", x, c->patch * c->patch * c->in_channels, 0, false);
    *out = images(g, c, x);
    duet_scope_pop(g, mark);
}

static duet_status check(const void *config) {
    const mae_config *const c = config;
    if (c->image_size % c->patch != 0)
        return duet_fail(DUET_ARG, "image_size %lld is not a multiple of the patch, %lld",
                         (long long)c->image_size, (long long)c->patch);
    if (c->width % c->heads != 0 || c->decoder_width % c->heads != 0)
        return duet_fail(DUET_ARG,
                         "width %lld and decoder_width %lld are not multiples of heads, %lld",
                         (long long)c->width, (long long)c->decoder_width, (long long)c->heads);
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const mae_config *const c = config;
    *out = (duet_arch_shape){.size = c->image_size,
                             .in_channels = c->in_channels,
                             .out_channels = c->width,
                             .patches = side_of(c) * side_of(c),
                             .kept = kept_of(c),
                             .parts = {{"encoder", DUET_BIT(X), DUET_BIT(FEATURE), encode},
                                       {"restorer", DUET_BIT(X) | DUET_BIT(KEPT) | DUET_BIT(PLACES),
                                        DUET_BIT(IMAGE), restore}},
                             .part_count = 2};
}

const duet_arch duet_arch_mae = {
    .info = {.name = "mae",
             .help = "masked autoencoder, a transformer over patches (2111.06377)",
             .params = DUET_TABLE(params, mae_config)},
    .check = check,
    .shape = shape,
};
