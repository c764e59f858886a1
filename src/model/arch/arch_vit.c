/* SPDX-License-Identifier: MIT
 * model/arch/arch_vit.c: vision transformers (Dosovitskiy et al. 2021) with the names of timm,
 * which MAE and DINO share, and of torchvision. Blocks: x + attention(LN(x)), x + MLP(LN(x)), a
 * class token in front of the patches. Taps: the patches after each block as a map, then the class
 * token after the last norm, then the logits where the file has a classifier, which reads the class
 * token or, with fc_norm, the mean of the patches. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/nn.h"

typedef struct vit_config {
    int64_t image_size, patch, in_channels, width, depth, heads, hidden, classes;
    bool fc_norm;
} vit_config;

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
};

/* A layer norm of each token: a group norm with one group on [B T, 1, C]. */
static duet_value layer_norm(duet_graph *g, const char *name, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2);
    x = duet_nn_group_norm_eps(g, name, duet_reshape(g, x, 3, (int64_t[]){B * T, 1, C}), 1, 1e-6);
    return duet_reshape(g, x, 3, (int64_t[]){B, T, C});
}

static duet_value block(duet_graph *g, const vit_config *c, duet_value x) {
    duet_value h = duet_nn_linear(g, "attn.qkv", layer_norm(g, "norm1", x), 3 * c->width, 0, false);
    h = duet_nn_linear(g, "attn.proj", duet_attention(g, h, c->heads, false), c->width, 0, false);
    x = duet_add(g, x, h);
    h = duet_gelu(g, duet_nn_linear(g, "mlp.fc1", layer_norm(g, "norm2", x), c->hidden, 0, false));
    return duet_add(g, x, duet_nn_linear(g, "mlp.fc2", h, c->width, 0, false));
}

/* A parameter [1,n,C] as one vector. */
static duet_value vector(duet_graph *g, const char *name, int64_t n, int64_t C) {
    const duet_init init = {.kind = DUET_INIT_NORMAL, .scale = 0.02};
    return duet_reshape(g, duet_parameter(g, name, DUET_WEIGHT, init, 3, (int64_t[]){1, n, C}), 1,
                        (int64_t[]){n * C});
}

/* Class token and patches with their positions: [B,T,C] */
static duet_value tokens(duet_graph *g, const vit_config *c, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), side = c->image_size / c->patch, T = side * side,
                  C = c->width;
    x = duet_nn_conv2d(g, "patch_embed.proj", x, C, c->patch, c->patch, 0, false);
    duet_value first = duet_fill(g, 0.0, 2, (int64_t[]){B, C});
    first = duet_add_bias(g, first, vector(g, "cls_token", 1, C));
    x = duet_concat(g, first, duet_reshape(g, x, 2, (int64_t[]){B, T * C}));
    x = duet_add_bias(g, x, vector(g, "pos_embed", T + 1, C));
    return duet_reshape(g, x, 3, (int64_t[]){B, T + 1, C});
}

/* `count` tokens from `first` on as a square map. */
static duet_value map_of(duet_graph *g, duet_value x, int64_t first, int64_t side) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2);
    x = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B, T * C}), first * C, side * side * C);
    return duet_reshape(g, x, 4, (int64_t[]){B, side, side, C});
}

/* Tap of the patch tokens behind the first; another map that the hook gives takes their place. */
static duet_value tap_patches(duet_graph *g, int block, const char *name, duet_value x,
                              int64_t side) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2);
    const duet_value map = map_of(g, x, 1, side), given = duet_tap(g, block, name, map);
    if (given == map) return x;
    const duet_value first = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B, T * C}), 0, C);
    x = duet_concat(g, first, duet_reshape(g, given, 2, (int64_t[]){B, side * side * C}));
    return duet_reshape(g, x, 3, (int64_t[]){B, T, C});
}

static duet_value classifier(duet_graph *g, const vit_config *c, duet_value x, duet_value first) {
    const int64_t B = duet_dim(g, x, 0), side = c->image_size / c->patch;
    duet_value h =
        duet_reshape(g, c->fc_norm ? duet_adaptive_pool(g, map_of(g, x, 1, side), 1) : first, 3,
                     (int64_t[]){B, 1, c->width});
    if (c->fc_norm) h = layer_norm(g, "fc_norm", h);
    h = duet_nn_linear(g, "head", h, c->classes, 0, false);
    return duet_tap(g, (int)c->depth + 2, "head",
                    duet_reshape(g, h, 4, (int64_t[]){B, 1, 1, c->classes}));
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const vit_config *const c = config;
    const int64_t side = c->image_size / c->patch;
    char name[32];
    duet_value x = tokens(g, c, in->x);
    for (int64_t i = 0; i < c->depth; i++) {
        snprintf(name, sizeof name, "blocks.%lld", (long long)i);
        const size_t mark = duet_scope_push(g, "%s", name);
        x = block(g, c, x);
        duet_scope_pop(g, mark);
        x = tap_patches(g, (int)i + 1, name, x, side);
    }
    const duet_value all = c->fc_norm ? x : layer_norm(g, "norm", x);
    const duet_value first = duet_tap(g, (int)c->depth + 1, "cls_token", map_of(g, all, 0, 1));
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

/* torchvision's names. */
static bool alias(char *out, size_t size, const void *config, const char *name, int scheme) {
    (void)config, (void)scheme;
    static const char *const plain[][2] = {{"patch_embed.proj.", "conv_proj."},
                                           {"cls_token", "class_token"},
                                           {"pos_embed", "encoder.pos_embedding"},
                                           {"norm.", "encoder.ln."},
                                           {"head.", "heads.head."}};
    static const char *const inner[][2] = {{"norm1.", "ln_1."},
                                           {"attn.qkv.", "self_attention.in_proj_"},
                                           {"attn.proj.", "self_attention.out_proj."},
                                           {"norm2.", "ln_2."},
                                           {"mlp.fc1.", "mlp.0."},
                                           {"mlp.fc2.", "mlp.3."}};
    long long number = 0;
    int length = 0;
    for (int i = 0; i < DUET_COUNT(plain); i++)
        if (duet_starts_with(name, plain[i][0]))
            return snprintf(out, size, "%s%s", plain[i][1], name + strlen(plain[i][0])) < (int)size;
    if (sscanf(name, "blocks.%lld.%n", &number, &length) != 1 || length == 0) return false;
    for (int i = 0; i < DUET_COUNT(inner); i++)
        if (duet_starts_with(name + length, inner[i][0]))
            return snprintf(out, size, "encoder.layers.encoder_layer_%lld.%s%s", number,
                            inner[i][1], name + length + strlen(inner[i][0])) < (int)size;
    return false;
}

/* Shape of a tensor under either name. */
static const duet_shape *shape_of(const duet_guess *guess, const char *name, int rank) {
    char other[256];
    const bool known = !duet_foreign_has(guess, name) &&
                       alias(other, sizeof other, NULL, name, 0) && duet_foreign_has(guess, other);
    return duet_foreign_shape(guess, known ? other : name, rank);
}

static int64_t count_blocks(const duet_guess *guess) {
    char name[64], other[256];
    for (int64_t i = 0; i < 512; i++) {
        snprintf(name, sizeof name, "blocks.%lld.norm1.weight", (long long)i);
        if (!duet_foreign_has(guess, name) &&
            !(alias(other, sizeof other, NULL, name, 0) && duet_foreign_has(guess, other)))
            return i;
    }
    return 512;
}

/* The files of MAE, DINO and torchvision expect ImageNet's mean and deviation of colours,
 * classifiers of timm mostly -1..1. */
static void guess_colours(duet_guess *guess, bool head) {
    const bool halves =
        head && duet_foreign_has(guess, "cls_token") && !duet_foreign_has(guess, "fc_norm.weight");
    duet_foreign_imagenet(guess);
    for (int i = 0; i < 3 && halves; i++) guess->mean[i] = guess->std[i] = 0.5;
    duet_foreign_assume(guess, "mean and deviation of the colours (%s)",
                        halves ? "0.5" : "ImageNet's");
    duet_foreign_assume(guess, "resizing (short side to 256; bilinear; centre)");
    duet_foreign_assume(guess, "norm eps (1e-6), activation (GELU)");
}

static duet_status infer(duet_guess *guess) {
    const bool head = !guess->pretext && (duet_foreign_has(guess, "head.weight") ||
                                          duet_foreign_has(guess, "heads.head.weight"));
    const duet_shape *const patch = shape_of(guess, "patch_embed.proj.weight", 4),
                            *const pos = shape_of(guess, "pos_embed", 3);
    const duet_shape *const hidden = shape_of(guess, "blocks.0.mlp.fc1.weight", 2),
                            *const classes = head ? shape_of(guess, "head.weight", 2) : NULL;
    if (patch == NULL || pos == NULL || hidden == NULL || (head && classes == NULL))
        return DUET_FORMAT; /* the message is already set */
    int64_t side = 1;
    while (side * side < pos->dim[1] - 1) side++;
    if (side * side != pos->dim[1] - 1)
        return duet_fail(DUET_FORMAT,
                         "tensor 'pos_embed' has %lld tokens, which are not a class token and a "
                         "square of patches",
                         (long long)pos->dim[1]);
    snprintf(guess->config, sizeof guess->config,
             "image_size=%lld,patch=%lld,in_channels=%lld,width=%lld,depth=%lld,heads=%lld,hidden=%"
             "lld,classes=%lld,fc_norm=%s",
             (long long)(side * patch->dim[2]), (long long)patch->dim[2], (long long)patch->dim[1],
             (long long)patch->dim[0], (long long)count_blocks(guess),
             (long long)(patch->dim[0] >= 64 ? patch->dim[0] / 64 : 1), (long long)hidden->dim[0],
             (long long)(head ? classes->dim[0] : 0),
             duet_foreign_has(guess, "fc_norm.weight") ? "true" : "false");
    snprintf(guess->noise, sizeof guess->noise, "none");
    duet_foreign_assume(guess, "heads (%lld)",
                        (long long)(patch->dim[0] >= 64 ? patch->dim[0] / 64 : 1));
    guess_colours(guess, head);
    return DUET_OK;
}

const duet_arch duet_arch_vit = {
    .info = {.name = "vit",
             .help = "vision transformer (timm, MAE, DINO, torchvision)",
             .params = DUET_TABLE(params, vit_config)},
    .check = check,
    .shape = shape,
    .signature = "patch_embed.proj.weight",
    .infer = infer,
    .alias = alias,
    .schemes = 1,
    .idle = {"decoder_", "mask_token", "norm."},
};
