/* SPDX-License-Identifier: MIT
 * model/arch/arch_vit.c: vision transformers (Dosovitskiy et al. 2021) with the names of timm,
 * which MAE and DINO share; other names: vit_foreign.c. Blocks: x + g1 attention(LN(x)), x + g2
 * MLP(LN(x)), where g1 and g2 are gains by channel (layer_scale) or 1; the MLP is W2 gelu(W1 x) or,
 * gated, W2 (silu(a) b) with a and b the halves of W1 x. In front of the patches there are a class
 * token and registers, which have no position. Taps: the patches after each block as a map, then
 * the class token after the last norm, then the logits where the file has a classifier, which reads
 * the class token or, with fc_norm, the mean of the patches. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/arch/vit_config.h"
#include "model/arch/vit_tokens.h"
#include "model/nn.h"

static const duet_param params[] = {
    DUET_INT(vit_config, image_size, "224", 4, 4096, "side of the images in pixels"),
    DUET_INT(vit_config, patch, "16", 1, 256, "side of a patch"),
    DUET_INT(vit_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(vit_config, width, "768", 1, 16384, "channels of a token"),
    DUET_INT(vit_config, depth, "12", 1, 512, "blocks"),
    DUET_INT(vit_config, heads, "12", 1, 1024, "heads of attention"),
    DUET_INT(vit_config, hidden, "3072", 1, 65536, "channels inside the MLP"),
    DUET_INT(vit_config, classes, "0", 0, 32768, "classes of a classifier of its own; 0 = none"),
    DUET_BOOLEAN(vit_config, fc_norm, "false",
                 "the classifier reads the mean of the patches behind a norm of its own"),
    DUET_INT(vit_config, registers, "0", 0, 256, "tokens between the class token and the patches"),
    DUET_BOOLEAN(vit_config, layer_scale, "false", "gains by channel behind attention and MLP"),
    DUET_BOOLEAN(vit_config, gated, "false", "the MLP is gated (SwiGLU)"),
    DUET_BOOLEAN(vit_config, class_position, "true", "the class token has a position"),
    DUET_TEXT(vit_config, positions, "antialias", "antialias|plain|offset",
              "how positions of a file become those of another image_size (bicubic)"),
};

/* n tokens of a parameter in front of tokens x [B,…]: [B,(n + …) C] */
static duet_value with_front(duet_graph *g, const char *name, int64_t n, int64_t C, duet_value x) {
    const duet_value none = duet_fill(g, 0.0, 2, (int64_t[]){duet_dim(g, x, 0), n * C});
    return duet_concat(g, duet_add_bias(g, none, duet_vit_vector(g, name, n, C)), x);
}

/* Class token, registers and patches, with their positions: [B,T,C] */
static duet_value tokens(duet_graph *g, const vit_config *c, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), side = c->image_size / c->patch, T = side * side,
                  C = c->width, R = c->registers;
    x = duet_nn_conv2d(g, "patch_embed.proj", x, C, c->patch, c->patch, 0, false);
    x = duet_reshape(g, x, 2, (int64_t[]){B, T * C});
    if (!c->class_position) x = duet_add_bias(g, x, duet_vit_vector(g, "pos_embed", T, C));
    if (!c->class_position && R > 0) x = with_front(g, "reg_token", R, C, x);
    x = with_front(g, "cls_token", 1, C, x);
    if (c->class_position) x = duet_add_bias(g, x, duet_vit_vector(g, "pos_embed", T + 1, C));
    if (c->class_position && R > 0)
        x = duet_concat(g, duet_slice(g, x, 0, C),
                        with_front(g, "reg_token", R, C, duet_slice(g, x, C, T * C)));
    return duet_reshape(g, x, 3, (int64_t[]){B, 1 + R + T, C});
}

/* Tap of the patch tokens behind the first; another map that the hook gives takes their place. */
static duet_value tap_patches(duet_graph *g, const vit_config *c, int block, const char *name,
                              duet_value x) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2),
                  front = 1 + c->registers, side = c->image_size / c->patch;
    const duet_value map = duet_vit_map(g, x, front, side), given = duet_tap(g, block, name, map);
    if (given == map) return x;
    const duet_value first =
        duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B, T * C}), 0, front * C);
    x = duet_concat(g, first, duet_reshape(g, given, 2, (int64_t[]){B, side * side * C}));
    return duet_reshape(g, x, 3, (int64_t[]){B, T, C});
}

static duet_value classifier(duet_graph *g, const vit_config *c, duet_value x, duet_value first) {
    const int64_t B = duet_dim(g, x, 0), side = c->image_size / c->patch;
    duet_value h = duet_reshape(
        g,
        c->fc_norm ? duet_adaptive_pool(g, duet_vit_map(g, x, 1 + c->registers, side), 1) : first,
        3, (int64_t[]){B, 1, c->width});
    if (c->fc_norm) h = duet_vit_norm(g, "fc_norm", h);
    h = duet_nn_linear(g, "head", h, c->classes, 0, false);
    return duet_tap(g, (int)c->depth + 2, "head",
                    duet_reshape(g, h, 4, (int64_t[]){B, 1, 1, c->classes}));
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const vit_config *const c = config;
    const duet_vit_blocks how = {c->heads, c->hidden, c->layer_scale, c->gated};
    char name[32];
    duet_value x = tokens(g, c, in->x);
    for (int64_t i = 0; i < c->depth; i++) {
        snprintf(name, sizeof name, "blocks.%lld", (long long)i);
        const size_t mark = duet_scope_push(g, "%s", name);
        x = duet_vit_block(g, &how, x);
        duet_scope_pop(g, mark);
        x = tap_patches(g, c, (int)i + 1, name, x);
    }
    const duet_value all = c->fc_norm ? x : duet_vit_norm(g, "norm", x);
    const duet_value first =
        duet_tap(g, (int)c->depth + 1, "cls_token", duet_vit_map(g, all, 0, 1));
    *out = c->classes > 0 ? classifier(g, c, all, first) : first;
}

static duet_status check(const void *config) {
    const vit_config *const c = config;
    if (c->image_size % c->patch != 0)
        return duet_fail(DUET_ARG, "image_size %lld is not a multiple of the patch, %lld",
                         (long long)c->image_size, (long long)c->patch);
    if (c->width % c->heads != 0)
        return duet_fail(DUET_ARG, "width %lld is not a multiple of heads, %lld",
                         (long long)c->width, (long long)c->heads);
    if (c->fc_norm && c->classes == 0)
        return duet_fail(DUET_ARG, "fc_norm belongs to a classifier; give classes");
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const vit_config *const c = config;
    *out =
        (duet_arch_shape){.size = c->image_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->classes > 0 ? c->classes : c->width,
                          .logits = c->classes,
                          .features = c->fc_norm ? c->depth : 0, /* what the classifier reads */
                          .parts = {{"classifier", DUET_BIT(X),
                                     c->classes > 0 ? DUET_BIT(LOGITS) : DUET_BIT(FEATURE), build}},
                          .part_count = 1};
}

const duet_arch duet_arch_vit = {
    .info = {.name = "vit",
             .help = "vision transformer (timm, MAE, DINO, DINOv2, torchvision)",
             .params = DUET_TABLE(params, vit_config)},
    .check = check,
    .shape = shape,
    .signature = "patch_embed.proj.weight",
    .infer = duet_vit_infer,
    .alias = duet_vit_alias,
    .schemes = DUET_VIT_SCHEMES,
    .part = duet_vit_part,
    .reshape = duet_vit_reshape,
    .idle = {"decoder_", "mask_token", "norm.", "embeddings.mask_token"},
};
