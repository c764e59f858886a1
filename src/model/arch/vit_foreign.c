/* SPDX-License-Identifier: MIT
 * model/arch/vit_foreign.c: vision transformers in files of other programs: the names of
 * torchvision, of DINOv2 (facebookresearch) and of transformers' Dinov2, and options from names and
 * shapes. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/arch/arch.h"
#include "model/arch/vit_config.h"
#include "model/foreign.h"

/* ---- names ---- */

typedef struct other_name {
    const char *ours, *theirs;
} other_name;
enum { MOST_PLAIN = 7, MOST_INNER = 10 };

/* Beginnings of names, and of names behind "blocks.N."; where `blocks` is NULL blocks are the
 * same. */
static const struct {
    const char *blocks;
    other_name plain[MOST_PLAIN], inner[MOST_INNER];
} schemes[DUET_VIT_SCHEMES] = {
    {.blocks = "encoder.layers.encoder_layer_", /* torchvision */
     .plain = {{"patch_embed.proj.", "conv_proj."},
               {"cls_token", "class_token"},
               {"pos_embed", "encoder.pos_embedding"},
               {"norm.", "encoder.ln."},
               {"head.", "heads.head."}},
     .inner = {{"norm1.", "ln_1."},
               {"attn.qkv.", "self_attention.in_proj_"},
               {"attn.proj.", "self_attention.out_proj."},
               {"norm2.", "ln_2."},
               {"mlp.fc1.", "mlp.0."},
               {"mlp.fc2.", "mlp.3."}}},
    {.plain = {{"reg_token", "register_tokens"}}, /* DINOv2 */
     .inner = {{"mlp.fc1.", "mlp.w12."}, {"mlp.fc2.", "mlp.w3."}}},
    {.blocks = "encoder.layer.", /* transformers */
     .plain = {{"patch_embed.proj.", "embeddings.patch_embeddings.projection."},
               {"cls_token", "embeddings.cls_token"},
               {"reg_token", "embeddings.register_tokens"},
               {"pos_embed", "embeddings.position_embeddings"},
               {"norm.", "layernorm."}},
     .inner = {{"norm1.", "norm1."},
               {"attn.proj.", "attention.output.dense."},
               {"ls1.gamma", "layer_scale1.lambda1"},
               {"norm2.", "norm2."},
               {"ls2.gamma", "layer_scale2.lambda1"},
               {"mlp.fc1.", "mlp.fc1."},
               {"mlp.fc2.", "mlp.fc2."}}},
};
/* The gated MLP of transformers. */
static const other_name gated[] = {{"mlp.fc1.", "mlp.weights_in."},
                                   {"mlp.fc2.", "mlp.weights_out."}};

/* before + number + "." + their name of `name`; false where the list has none. */
static bool put(char *out, size_t size, const other_name *list, int count, const char *before,
                const char *number, const char *name) {
    for (int i = 0; i < count && list[i].ours != NULL; i++)
        if (duet_starts_with(name, list[i].ours))
            return snprintf(out, size, "%s%s%s%s", before, number, list[i].theirs,
                            name + strlen(list[i].ours)) < (int)size;
    return false;
}

/* What follows "blocks.N." in a name, and "N."; NULL = it is not of a block. */
static const char *of_block(const char *name, char number[24]) {
    long long n = 0;
    int length = 0;
    if (sscanf(name, "blocks.%lld.%n", &n, &length) != 1 || length == 0) return NULL;
    snprintf(number, 24, "%lld.", n);
    return name + length;
}

bool duet_vit_alias(char *out, size_t size, const void *config, const char *name, int scheme) {
    const vit_config *const c = config;
    const char *const blocks = schemes[scheme].blocks;
    char number[24] = "";
    const char *const rest = of_block(name, number);
    if (rest == NULL) return put(out, size, schemes[scheme].plain, MOST_PLAIN, "", "", name);
    if (scheme == 2 && c != NULL && c->gated &&
        put(out, size, gated, DUET_COUNT(gated), blocks, number, rest))
        return true;
    return put(out, size, schemes[scheme].inner, MOST_INNER, blocks != NULL ? blocks : "blocks.",
               number, rest);
}

/* transformers keeps queries, keys and values apart. */
bool duet_vit_part(char *out, size_t size, const char *name, int k) {
    static const char *const parts[] = {"query", "key", "value"};
    char number[24];
    const char *const rest = of_block(name, number);
    if (rest == NULL || !duet_starts_with(rest, "attn.qkv.") || k >= DUET_COUNT(parts))
        return false;
    return snprintf(out, size, "encoder.layer.%sattention.attention.%s.%s", number, parts[k],
                    rest + strlen("attn.qkv.")) < (int)size;
}

/* ---- options ---- */

/* The name under which the file has a tensor; NULL = it has none. */
static const char *find(const duet_guess *guess, const char *name, char other[256]) {
    if (duet_foreign_has(guess, name)) return name;
    const vit_config plain = {.gated = false}, twice = {.gated = true};
    for (int scheme = 0; scheme < DUET_VIT_SCHEMES; scheme++)
        for (int k = 0; k < 2; k++)
            if (duet_vit_alias(other, 256, k == 0 ? &plain : &twice, name, scheme) &&
                duet_foreign_has(guess, other))
                return other;
    return NULL;
}

static bool has(const duet_guess *guess, const char *name) {
    char other[256];
    return find(guess, name, other) != NULL;
}

/* Shape of a tensor under any of its names. */
static const duet_shape *shape_of(const duet_guess *guess, const char *name, int rank) {
    char other[256];
    const char *const known = find(guess, name, other);
    return duet_foreign_shape(guess, known != NULL ? known : name, rank);
}

static int64_t count_blocks(const duet_guess *guess) {
    char name[64];
    for (int64_t i = 0; i < 512; i++) {
        snprintf(name, sizeof name, "blocks.%lld.norm1.weight", (long long)i);
        if (!has(guess, name)) return i;
    }
    return 512;
}

/* The files of MAE, DINO and torchvision expect ImageNet's mean and deviation of colours,
 * classifiers of timm mostly -1..1. */
static void guess_colours(duet_guess *guess, bool head, bool cubic) {
    const bool halves =
        head && duet_foreign_has(guess, "cls_token") && !duet_foreign_has(guess, "fc_norm.weight");
    duet_foreign_imagenet(guess);
    if (cubic) snprintf(guess->fit, sizeof guess->fit, "imagenet_cubic");
    for (int i = 0; i < 3 && halves; i++) guess->mean[i] = guess->std[i] = 0.5;
    duet_foreign_assume(guess, "mean and deviation of the colours (%s)",
                        halves ? "0.5" : "ImageNet's");
    duet_foreign_assume(guess, "resizing (short side to 256; %s; centre)",
                        cubic ? "bicubic" : "bilinear");
}

/* The side of the square of patches, with or without a class token in front; 0 = none. */
static int64_t square(int64_t tokens) {
    int64_t side = 1;
    while (side * side < tokens) side++;
    return side * side == tokens ? side : 0;
}

static bool head_of(const duet_guess *guess) {
    return !guess->pretext &&
           (duet_foreign_has(guess, "head.weight") || duet_foreign_has(guess, "heads.head.weight"));
}

/* DINOv2 is trained at last on images of 518 pixels and evaluated at 224. Its authors' code
 * resamples positions without antialiasing where there are no registers. */
static void infer_dinov2(duet_guess *guess, vit_config *c, int64_t side) {
    if (side * c->patch != 518 || !c->layer_scale) return;
    c->image_size = 224;
    duet_foreign_assume(guess, "image_size (224)");
    const bool authors = has(guess, "mask_token") || has(guess, "embeddings.mask_token");
    if (authors && c->registers == 0) snprintf(c->positions, sizeof c->positions, "offset");
    duet_foreign_assume(guess, "positions (%s)", c->positions);
}

static duet_status infer_shapes(duet_guess *guess, vit_config *c) {
    const bool head = head_of(guess);
    const duet_shape *const patch = shape_of(guess, "patch_embed.proj.weight", 4),
                            *const pos = shape_of(guess, "pos_embed", 3),
                            *const fc1 = shape_of(guess, "blocks.0.mlp.fc1.weight", 2),
                            *const fc2 = shape_of(guess, "blocks.0.mlp.fc2.weight", 2),
                            *const classes = head ? shape_of(guess, "head.weight", 2) : NULL,
                            *const registers =
                                has(guess, "reg_token") ? shape_of(guess, "reg_token", 3) : NULL;
    if (patch == NULL || pos == NULL || fc1 == NULL || fc2 == NULL || (head && classes == NULL) ||
        (registers == NULL && has(guess, "reg_token")))
        return DUET_FORMAT; /* the message is already set */
    int64_t side = square(pos->dim[1] - 1);
    c->class_position = side > 0;
    if (side == 0) side = square(pos->dim[1]);
    if (side == 0)
        return duet_fail(DUET_FORMAT,
                         "tensor 'pos_embed' has %lld tokens, which are not a class token and a "
                         "square of patches",
                         (long long)pos->dim[1]);
    c->patch = patch->dim[2];
    c->image_size = side * c->patch;
    c->in_channels = patch->dim[1];
    c->width = patch->dim[0];
    c->depth = count_blocks(guess);
    c->heads = c->width >= 64 ? c->width / 64 : 1;
    c->hidden = fc2->dim[1];
    c->gated = fc1->dim[0] == 2 * c->hidden;
    c->classes = head ? classes->dim[0] : 0;
    c->fc_norm = duet_foreign_has(guess, "fc_norm.weight");
    c->registers = registers != NULL ? registers->dim[1] : 0;
    c->layer_scale = has(guess, "blocks.0.ls1.gamma");
    duet_foreign_assume(guess, "heads (%lld)", (long long)c->heads);
    infer_dinov2(guess, c, side);
    return DUET_OK;
}

duet_status duet_vit_infer(struct duet_guess *guess) {
    vit_config c;
    duet_params_default(&duet_arch_vit.info.params, &c);
    DUET_TRY(infer_shapes(guess, &c));
    duet_arch_print(&duet_arch_vit, &c, guess->config);
    snprintf(guess->noise, sizeof guess->noise, "none");
    guess_colours(guess, c.classes > 0, c.layer_scale);
    duet_foreign_assume(guess, "norm eps (1e-6), activation (%s)", c.gated ? "SiLU" : "GELU");
    return DUET_OK;
}
