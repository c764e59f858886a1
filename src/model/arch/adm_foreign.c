/* SPDX-License-Identifier: MIT
 * model/arch/adm_foreign.c: the options of adm_unet from names and shapes of a checkpoint of
 * guided-diffusion, improved-diffusion or consistency_models; options that no tensor shows are
 * those of the authors' own models. */
#include <stdio.h>

#include "base/error.h"
#include "model/arch/adm_config.h"
#include "model/arch/arch.h"
#include "model/foreign.h"

typedef struct structure { /* what the names of the tensors show */
    int64_t blocks, res_blocks, levels;
    bool updown;
} structure;

static bool attends(const duet_guess *guess, int64_t block) {
    char name[64];
    snprintf(name, sizeof name, "input_blocks.%lld.1.norm.weight", (long long)block);
    return duet_foreign_has(guess, name);
}

/* Without upsampling the network has one level, or is a classifier, whose last level is the run of
 * blocks with attention at its end (2 blocks where there is none, as in all published ones but that
 * of 64 pixels). */
static int64_t last_level(const duet_guess *guess, structure *s) {
    int64_t count = 0;
    if (duet_foreign_has(guess, "output_blocks.0.0.in_layers.0.weight")) return s->blocks - 1;
    s->updown = true;
    for (int64_t k = 1; k < s->blocks; k++) {
        char name[64];
        snprintf(name, sizeof name, "input_blocks.%lld.0.op.weight", (long long)k);
        if (duet_foreign_has(guess, name)) s->updown = false;
    }
    while (count + 1 < s->blocks && attends(guess, s->blocks - 1 - count)) count++;
    return count > 0 ? count : 2;
}

/* The first output block that ends with upsampling has num_res_blocks before it. */
static duet_status find_structure(const duet_guess *guess, structure *s) {
    char name[64];
    bool found = false;
    for (s->blocks = 0;; s->blocks++) {
        snprintf(name, sizeof name, "input_blocks.%lld.0.", (long long)s->blocks);
        const char *const parts[] = {"weight", "in_layers.0.weight", "op.weight"};
        bool there = false;
        for (int i = 0; i < DUET_COUNT(parts); i++)
            there |= duet_foreign_has(guess, duet_foreign_name(name, parts[i]).text);
        if (!there) break;
    }
    for (int64_t k = 0; k < s->blocks && !found; k++) {
        for (int i = 1; i <= 2 && !found; i++) {
            snprintf(name, sizeof name, "output_blocks.%lld.%d.", (long long)k, i);
            s->updown = duet_foreign_has(guess, duet_foreign_name(name, "in_layers.0.weight").text);
            found =
                s->updown || duet_foreign_has(guess, duet_foreign_name(name, "conv.weight").text);
        }
        s->res_blocks = k;
    }
    if (!found) s->res_blocks = last_level(guess, s);
    s->levels = s->res_blocks > 0 ? s->blocks / (s->res_blocks + 1) : 0;
    if (s->levels > 0 && s->levels <= 8 && s->levels * (s->res_blocks + 1) == s->blocks)
        return DUET_OK;
    return duet_fail(DUET_FORMAT,
                     "%lld input blocks with %lld residual blocks per level are not a U-Net",
                     (long long)s->blocks, (long long)s->res_blocks);
}

/* The image size is in no tensor; these are the authors' sizes by number of levels. */
static int64_t usual_size(int64_t levels, int64_t last_mult) {
    static const int64_t sizes[] = {0, 32, 32, 32, 64, 128, 256, 512, 1024};
    return levels == 4 && last_mult <= 2 ? 32 : sizes[levels];
}

static duet_status read_levels(const duet_guess *guess, const structure *s, adm_config *c) {
    char name[96];
    c->channel_mult.count = (int)s->levels;
    for (int64_t level = 0; level < s->levels; level++) {
        const long long first = 1 + level * (s->res_blocks + 1);
        snprintf(name, sizeof name, "input_blocks.%lld.0.out_layers.3.weight", first);
        const duet_shape *const conv = duet_foreign_shape(guess, name, 4);
        if (conv == NULL) return DUET_FORMAT;
        if (conv->dim[0] % c->num_channels != 0)
            return duet_fail(
                DUET_UNSUPPORTED,
                "level %lld has %lld channels, which is not a multiple of the first level's %lld",
                (long long)level, (long long)conv->dim[0], (long long)c->num_channels);
        c->channel_mult.v[level] = conv->dim[0] / c->num_channels;
    }
    c->image_size = usual_size(s->levels, c->channel_mult.v[s->levels - 1]);
    for (int64_t level = 0; level < s->levels; level++) {
        snprintf(name, sizeof name, "input_blocks.%lld.1.norm.weight",
                 (long long)(1 + level * (s->res_blocks + 1)));
        if (duet_foreign_has(guess, name))
            c->attention_resolutions.v[c->attention_resolutions.count++] = c->image_size >> level;
    }
    return DUET_OK;
}

/* Six or two input channels: the images and enlarged small ones. Latents have four, so that this is
 * certain. */
static duet_status read_channels(const duet_guess *guess, int64_t in, adm_config *c) {
    const duet_shape *const out = duet_foreign_shape(guess, "out.2.weight", 4);
    if (out == NULL) return DUET_FORMAT;
    c->small_size = in == 6 || in == 2 ? 1 : 0; /* its side is set later */
    c->in_channels = c->small_size > 0 ? in / 2 : in;
    c->learn_sigma = out->dim[0] == 2 * c->in_channels;
    if (c->learn_sigma || out->dim[0] == c->in_channels) return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED,
                     "it maps %lld channels to %lld, which no known network of this kind does",
                     (long long)in, (long long)out->dim[0]);
}

/* Detects the pooling of the classifier by its last tensors. */
static duet_status read_pool(const duet_guess *guess, adm_config *c) {
    static const struct {
        const char *tensor, *pool;
        int rank;
    } ends[] = {{"out.2.c_proj.weight", "attention", 3},
                {"out.3.weight", "adaptive", 4},
                {"out.3.weight", "spatial_v2", 2},
                {"out.2.weight", "spatial", 2}};
    for (int i = 0; i < DUET_COUNT(ends); i++) {
        const duet_shape *const shape =
            duet_foreign_has(guess, ends[i].tensor)
                ? duet_foreign_shape(guess, ends[i].tensor, ends[i].rank)
                : NULL;
        if (shape == NULL) continue;
        snprintf(c->classifier_pool, sizeof c->classifier_pool, "%s", ends[i].pool);
        c->num_classes = shape->dim[0];
        return DUET_OK;
    }
    return duet_fail(DUET_UNSUPPORTED, "its end is not one of those this version runs (pool "
                                       "adaptive, attention, spatial, spatial_v2)");
}

static duet_status read_ends(const duet_guess *guess, adm_config *c) {
    const duet_shape *const in = duet_foreign_shape(guess, "input_blocks.0.0.weight", 4);
    const duet_shape *const time = duet_foreign_shape(guess, "time_embed.0.weight", 2),
                            *const emb = duet_foreign_shape(
                                guess, "input_blocks.1.0.emb_layers.1.weight", 2);
    const duet_shape *const conv =
        duet_foreign_shape(guess, "input_blocks.1.0.out_layers.3.weight", 4);
    if (in == NULL || time == NULL || emb == NULL || conv == NULL) return DUET_FORMAT;
    c->num_channels = in->dim[0];
    c->in_channels = in->dim[1];
    c->embed_channels = time->dim[1] == c->num_channels ? -1 : time->dim[1];
    c->use_scale_shift_norm = emb->dim[0] == 2 * conv->dim[0];
    c->conv_attention = duet_foreign_shape(guess, "middle_block.1.qkv.weight", 4) != NULL;
    if (duet_foreign_has(guess, "output_blocks.0.0.in_layers.0.weight"))
        return read_channels(guess, in->dim[1], c);
    return read_pool(guess, c);
}

/* The pooling of the classifier has one position more than the last map has pixels. Networks for
 * super-resolution have attention from 32 pixels on and enlarge four times. */
static void refine_size(const duet_guess *guess, const structure *s, adm_config *c) {
    const int64_t was = c->image_size;
    const duet_shape *const positions =
        duet_foreign_has(guess, "out.2.positional_embedding")
            ? duet_foreign_shape(guess, "out.2.positional_embedding", 2)
            : NULL;
    if (positions != NULL)
        for (int64_t side = 1; side * side < positions->dim[1]; side++)
            c->image_size = side << (s->levels - 1);
    if (c->small_size > 0 && c->attention_resolutions.count > 0)
        c->image_size = was * 32 / c->attention_resolutions.v[0];
    if (c->small_size > 0) c->small_size = c->image_size / 4;
    for (int i = 0; i < c->attention_resolutions.count; i++)
        c->attention_resolutions.v[i] = c->attention_resolutions.v[i] * c->image_size / was;
}

static bool divides_levels(const adm_config *c, int64_t channels) {
    for (int i = 0; i < c->channel_mult.count; i++)
        if (c->num_channels * c->channel_mult.v[i] % channels != 0) return false;
    return true;
}

/* The number of heads is in no tensor: 64 channels each in the authors' models of 64, 256 and 512
 * pixels, in all classifiers and consistency models; 4 heads in the others, and where 64 is no part
 * of a level's channels. */
static void assume_heads(const structure *s, adm_config *c) {
    const bool four = c->small_size > 0 ? c->image_size <= 256 : !s->updown || c->image_size == 128;
    if ((!four || c->classifier_pool[0] != '\0' || c->conv_attention) && divides_levels(c, 64))
        c->num_head_channels = 64;
    c->use_new_attention_order =
        c->conv_attention ||
        (s->updown && c->image_size == 64 && c->small_size == 0 && c->classifier_pool[0] == '\0');
}

static void assume_noise(const structure *s, const adm_config *c, duet_guess *guess) {
    const bool cosine = c->image_size <= 64 && (c->learn_sigma || c->classifier_pool[0] != '\0');
    snprintf(guess->noise, sizeof guess->noise, cosine ? "cosine:steps=%d" : "linear:steps=%d",
             cosine && !s->updown ? 4000 : 1000);
    snprintf(guess->predict, sizeof guess->predict, "eps");
    if (!c->conv_attention) return;
    snprintf(guess->noise, sizeof guess->noise, "karras:steps=1000");
    snprintf(guess->predict, sizeof guess->predict, "edm");
}

static void assume_rest(const adm_config *c, duet_guess *guess) {
    const bool by_channels = c->num_head_channels > 0;
    duet_foreign_assume(guess, "image_size (%lld)", (long long)c->image_size);
    if (c->small_size > 0)
        duet_foreign_assume(guess, "small_size (%lld)", (long long)c->small_size);
    duet_foreign_assume(guess, "%s (%lld)", by_channels ? "num_head_channels" : "num_heads",
                        (long long)(by_channels ? c->num_head_channels : c->num_heads));
    duet_foreign_assume(guess, "use_new_attention_order (%s)",
                        c->use_new_attention_order ? "true" : "false");
    duet_foreign_assume(guess, "norm_groups (%lld)", (long long)c->norm_groups);
    duet_foreign_assume(guess, "norm eps (1e-5), activation (SiLU), noise, prediction");
    duet_foreign_assume(guess, "timesteps (not rescaled), colours (-1 to 1)");
}

duet_status duet_adm_infer(duet_guess *guess) {
    structure s = {0};
    adm_config c;
    duet_params_default(&duet_arch_adm_unet.info.params, &c);
    DUET_TRY(find_structure(guess, &s));
    DUET_TRY(read_ends(guess, &c));
    DUET_TRY(read_levels(guess, &s, &c));
    refine_size(guess, &s, &c);
    while (c.num_channels % c.norm_groups != 0) c.norm_groups /= 2; /* 32 in all published models */
    c.num_res_blocks = s.res_blocks;
    c.resblock_updown = s.updown;
    const duet_shape *const classes = duet_foreign_has(guess, "label_emb.weight")
                                          ? duet_foreign_shape(guess, "label_emb.weight", 2)
                                          : NULL;
    c.class_cond = classes != NULL;
    if (classes != NULL) c.num_classes = classes->dim[0];
    assume_heads(&s, &c);
    duet_arch_print(&duet_arch_adm_unet, &c, guess->config);
    assume_noise(&s, &c, guess);
    assume_rest(&c, guess);
    return DUET_OK;
}
