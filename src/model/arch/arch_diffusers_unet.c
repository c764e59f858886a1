/* SPDX-License-Identifier: MIT
 * model/arch/arch_diffusers_unet.c: UNet2DModel of huggingface/diffusers with its parameter names:
 * the networks of DDPM (Ho et al. 2020) and its relatives. Options have the names of its
 * config.json; block types are conv (DownBlock2D, UpBlock2D), attn (AttnDownBlock2D, AttnUpBlock2D)
 * and resnet (ResnetDownsampleBlock2D, ResnetUpsampleBlock2D), joined by '/'. Older files name the
 * matrices of attention query, key, value and proj_attn; DDPM's networks from before diffusers have
 * other names throughout: see `alias`. Taps b = 1..n: conv_in, then every residual block with its
 * attention and every down- or upsampling, the middle block as one. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/arch/ddim_names.h"
#include "model/arch/unet_config.h"
#include "model/diffusers_folder.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/nn.h"

_Static_assert(sizeof(unet_config) <= DUET_CONFIG_SIZE, "the configuration fits");

static const duet_param params[] = {
    DUET_INT(unet_config, sample_size, "32", 4, 4096, "side of the images in pixels"),
    DUET_INT(unet_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(unet_config, out_channels, "3", 1, 128, "channels of the result"),
    DUET_INT(unet_config, layers_per_block, "2", 1, 16,
             "residual blocks of a level on the way down; one more on the way up"),
    DUET_INTS(unet_config, block_out_channels, "32,64", 1, 16384, "channels of each level"),
    DUET_TEXT(unet_config, down_block_types, "conv/conv", NULL,
              "type of each level on the way down: conv, attn, resnet"),
    DUET_TEXT(unet_config, up_block_types, "conv/conv", NULL,
              "type of each level on the way up, the lowest first"),
    DUET_TEXT(unet_config, downsample_type, "conv", "conv|resnet", "downsampling of attn levels"),
    DUET_TEXT(unet_config, upsample_type, "conv", "conv|resnet", "upsampling of attn levels"),
    DUET_TEXT(unet_config, resnet_time_scale_shift, "default", "default|scale_shift",
              "is the time embedding added, or scales and shifts the norm"),
    DUET_INT(unet_config, attention_head_dim, "8", 0, 16384,
             "channels of an attention head; 0 = one head"),
    DUET_INT(unet_config, norm_num_groups, "32", 1, 1024, "groups of the group norms"),
    DUET_INT(unet_config, attn_norm_num_groups, "0", 0, 1024,
             "groups of the norm in the middle attention; 0 = norm_num_groups, or no norm where "
             "the time embedding scales and shifts"),
    DUET_INT(unet_config, downsample_padding, "1", 0, 1,
             "zeros around before downsampling; 0: on the right and below only"),
    DUET_INT(unet_config, freq_shift, "0", 0, 16,
             "taken from the number of frequencies of the time embedding"),
    DUET_INT(unet_config, num_class_embeds, "0", 0, 100000,
             "classes that the network is conditioned on; 0 = none"),
    DUET_FLOAT(unet_config, norm_eps, "1e-5", 0, 1, "of the group norms"),
    DUET_FLOAT(unet_config, dropout, "0", 0, 0.95, "dropout in the residual blocks"),
    DUET_BOOLEAN(unet_config, flip_sin_to_cos, "true", "cosines of the time embedding first"),
    DUET_BOOLEAN(unet_config, add_attention, "true", "attention in the middle block"),
    DUET_BOOLEAN(unet_config, center_input_sample, "false", "the input is 2 x - 1"),
};

enum { MOST_LEVELS = 8, MOST_SKIPS = 256 };
typedef enum kind { CONV, ATTN, RESNET } kind;
typedef enum resample { KEEP, DOWN, UP } resample;

typedef struct builder {
    duet_graph *g;
    const unet_config *c;
    duet_value temb; /* SiLU of the time embedding, [B,4 C0] */
    duet_value sample_id;
    bool training;
    int block; /* number of the next tap */
    duet_value skips[MOST_SKIPS];
    int skip_count;
} builder;

/* Parses the types of the levels; false where a word is unknown or their number is not `count`. */
static bool read_kinds(kind *out, const char *text, int count) {
    static const char *const names[] = {"conv", "attn", "resnet"};
    for (int i = 0; i < count; i++) {
        const size_t length = strcspn(text, "/");
        bool found = false;
        for (int k = 0; k < DUET_COUNT(names); k++) {
            if (strlen(names[k]) != length || strncmp(text, names[k], length) != 0) continue;
            out[i] = (kind)k;
            found = true;
        }
        if (!found) return false;
        text += length + (text[length] == '/');
    }
    return *text == '\0';
}

static duet_value change_size(duet_graph *g, duet_value x, resample how) {
    return how == DOWN ? duet_avg_pool(g, x, 1.0) : how == UP ? duet_upsample(g, x, 1.0) : x;
}

static duet_value norm(const builder *b, const char *name, duet_value x) {
    return duet_nn_group_norm_eps(b->g, name, x, b->c->norm_num_groups, b->c->norm_eps);
}

static duet_value res_block(const builder *b, const char *name, duet_value x, int64_t out,
                            resample how) {
    duet_graph *const g = b->g;
    const bool scale_shift = strcmp(b->c->resnet_time_scale_shift, "scale_shift") == 0;
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value h = change_size(g, duet_silu(g, norm(b, "norm1", x)), how);
    x = change_size(g, x, how);
    h = duet_nn_conv2d(g, "conv1", h, out, 3, 1, 1, false);
    const duet_value emb =
        duet_nn_linear(g, "time_emb_proj", b->temb, scale_shift ? 2 * out : out, 0, false);
    if (!scale_shift) h = duet_add_channels(g, h, emb);
    h = norm(b, "norm2", h);
    if (scale_shift) h = duet_modulate(g, h, emb);
    h = duet_silu(g, h);
    if (b->training && b->c->dropout > 0) h = duet_dropout(g, h, b->sample_id, b->c->dropout);
    h = duet_nn_conv2d(g, "conv2", h, out, 3, 1, 1, false);
    if (duet_dim(g, x, -1) != out) x = duet_nn_conv2d(g, "conv_shortcut", x, out, 1, 1, 0, false);
    h = duet_add(g, x, h);
    duet_scope_pop(g, mark);
    return h;
}

/* groups: of its norm; 0 = it has no norm. */
static duet_value attention(const builder *b, const char *name, duet_value x, int64_t groups) {
    duet_graph *const g = b->g;
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3);
    const int64_t heads = b->c->attention_head_dim > 0 ? C / b->c->attention_head_dim : 1;
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value h = duet_reshape(g, x, 3, (int64_t[]){B, H * W, C});
    if (groups > 0) h = duet_nn_group_norm_eps(g, "group_norm", h, groups, b->c->norm_eps);
    const duet_value q = duet_nn_linear(g, "to_q", h, C, 0, false),
                     k = duet_nn_linear(g, "to_k", h, C, 0, false);
    const duet_value v = duet_nn_linear(g, "to_v", h, C, 0, false);
    h = duet_attention(g, duet_concat(g, duet_concat(g, q, k), v), heads, false);
    h = duet_nn_linear(g, "to_out.0", h, C, 0, false);
    h = duet_add(g, x, duet_reshape(g, h, 4, (int64_t[]){B, H, W, C}));
    duet_scope_pop(g, mark);
    return h;
}

static duet_value tap(builder *b, duet_value x, const char *format, int level, const char *what,
                      int index) {
    char name[64];
    snprintf(name, sizeof name, format, level, what, index);
    return duet_tap(b->g, b->block++, name, x);
}

static duet_value downsample(const builder *b, duet_value x, bool by_resnet) {
    const int64_t channels = duet_dim(b->g, x, -1);
    if (by_resnet) return res_block(b, "downsamplers.0", x, channels, DOWN);
    if (b->c->downsample_padding == 0) x = duet_pad(b->g, x, 0, 1, 0, 1);
    return duet_nn_conv2d(b->g, "downsamplers.0.conv", x, channels, 3, 2, b->c->downsample_padding,
                          false);
}

static duet_value upsample(const builder *b, duet_value x, bool by_resnet) {
    const int64_t channels = duet_dim(b->g, x, -1);
    if (by_resnet) return res_block(b, "upsamplers.0", x, channels, UP);
    return duet_nn_conv2d(b->g, "upsamplers.0.conv", duet_upsample(b->g, x, 1.0), channels, 3, 1, 1,
                          false);
}

/* One residual block of a level, with its attention. */
static duet_value layer(builder *b, duet_value h, int64_t channels, kind type, int index) {
    char name[32];
    snprintf(name, sizeof name, "resnets.%d", index);
    h = res_block(b, name, h, channels, KEEP);
    snprintf(name, sizeof name, "attentions.%d", index);
    return type == ATTN ? attention(b, name, h, b->c->norm_num_groups) : h;
}

static duet_value down(builder *b, duet_value h, const kind *kinds) {
    const unet_config *const c = b->c;
    const int levels = c->block_out_channels.count;
    b->skips[b->skip_count++] = h;
    for (int level = 0; level < levels; level++) {
        const size_t mark = duet_scope_push(b->g, "down_blocks.%d", level);
        for (int i = 0; i < c->layers_per_block; i++) {
            h = layer(b, h, c->block_out_channels.v[level], kinds[level], i);
            b->skips[b->skip_count++] = h = tap(b, h, "down_blocks.%d.%s.%d", level,
                                                kinds[level] == ATTN ? "attentions" : "resnets", i);
        }
        if (level + 1 < levels) {
            h = downsample(b, h,
                           kinds[level] == RESNET ||
                               (kinds[level] == ATTN && strcmp(c->downsample_type, "resnet") == 0));
            b->skips[b->skip_count++] = h =
                tap(b, h, "down_blocks.%d.%s.%d", level, "downsamplers", 0);
        }
        duet_scope_pop(b->g, mark);
    }
    return h;
}

static duet_value middle(builder *b, duet_value h) {
    const int64_t channels = duet_dim(b->g, h, -1);
    const size_t mark = duet_scope_push(b->g, "mid_block");
    h = res_block(b, "resnets.0", h, channels, KEEP);
    /* As in the library: with residual blocks that scale and shift, it has a norm only where its
     * groups are given. */
    const bool scale_shift = strcmp(b->c->resnet_time_scale_shift, "scale_shift") == 0;
    const int64_t groups = b->c->attn_norm_num_groups > 0 ? b->c->attn_norm_num_groups
                           : scale_shift                  ? 0
                                                          : b->c->norm_num_groups;
    if (b->c->add_attention) h = attention(b, "attentions.0", h, groups);
    h = res_block(b, "resnets.1", h, channels, KEEP);
    duet_scope_pop(b->g, mark);
    return duet_tap(b->g, b->block++, "mid_block", h);
}

static duet_value up(builder *b, duet_value h, const kind *kinds) {
    const unet_config *const c = b->c;
    const int levels = c->block_out_channels.count;
    for (int level = 0; level < levels; level++) {
        const size_t mark = duet_scope_push(b->g, "up_blocks.%d", level);
        for (int i = 0; i <= c->layers_per_block; i++) {
            h = layer(b, duet_concat(b->g, h, b->skips[--b->skip_count]),
                      c->block_out_channels.v[levels - 1 - level], kinds[level], i);
            h = tap(b, h, "up_blocks.%d.%s.%d", level,
                    kinds[level] == ATTN ? "attentions" : "resnets", i);
        }
        if (level + 1 < levels) {
            h = upsample(b, h,
                         kinds[level] == RESNET ||
                             (kinds[level] == ATTN && strcmp(c->upsample_type, "resnet") == 0));
            h = tap(b, h, "up_blocks.%d.%s.%d", level, "upsamplers", 0);
        }
        duet_scope_pop(b->g, mark);
    }
    return h;
}

static duet_value time_embedding(const builder *b, const duet_model_inputs *in) {
    duet_graph *const g = b->g;
    const int64_t channels = b->c->block_out_channels.v[0];
    duet_value emb = duet_timestep_embedding(g, in->net_t, channels, 10000.0,
                                             (double)b->c->freq_shift, !b->c->flip_sin_to_cos);
    emb = duet_nn_linear(g, "time_embedding.linear_1", emb, 4 * channels, 0, false);
    emb = duet_nn_linear(g, "time_embedding.linear_2", duet_silu(g, emb), 4 * channels, 0, false);
    if (b->c->num_class_embeds > 0)
        emb = duet_add(
            g, emb,
            duet_nn_embedding(g, "class_embedding", in->y, b->c->num_class_embeds, 4 * channels));
    return duet_silu(g, emb);
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const unet_config *const c = config;
    builder b = {.g = g, .c = c, .sample_id = in->sample_id, .training = in->training, .block = 1};
    kind downs[MOST_LEVELS], ups[MOST_LEVELS];
    (void)read_kinds(downs, c->down_block_types, c->block_out_channels.count); /* already checked */
    (void)read_kinds(ups, c->up_block_types, c->block_out_channels.count);
    duet_value x = in->x;
    if (c->center_input_sample)
        x = duet_add(g, duet_scale(g, x, 2.0),
                     duet_fill(g, -1.0, 4,
                               (int64_t[]){duet_dim(g, x, 0), c->sample_size, c->sample_size,
                                           c->in_channels}));
    b.temb = time_embedding(&b, in);
    duet_value h =
        duet_tap(g, b.block++, "conv_in",
                 duet_nn_conv2d(g, "conv_in", x, c->block_out_channels.v[0], 3, 1, 1, false));
    h = down(&b, h, downs);
    h = middle(&b, h);
    h = up(&b, h, ups);
    h = duet_silu(g, norm(&b, "conv_norm_out", h));
    *out = duet_nn_conv2d(g, "conv_out", h, c->out_channels, 3, 1, 1, false);
}

static duet_status check(const void *config) {
    const unet_config *const c = config;
    const int levels = c->block_out_channels.count;
    kind downs[MOST_LEVELS], ups[MOST_LEVELS];
    if (levels < 1 || levels > MOST_LEVELS)
        return duet_fail(DUET_ARG, "block_out_channels has %d levels; 1 to %d are possible", levels,
                         MOST_LEVELS);
    if (c->sample_size % ((int64_t)1 << (levels - 1)) != 0)
        return duet_fail(DUET_ARG, "sample_size %lld cannot be halved %d times",
                         (long long)c->sample_size, levels - 1);
    if (!read_kinds(downs, c->down_block_types, levels))
        return duet_fail(DUET_ARG,
                         "down_block_types '%s' is not a list of %d words conv, attn or resnet",
                         c->down_block_types, levels);
    if (!read_kinds(ups, c->up_block_types, levels))
        return duet_fail(DUET_ARG,
                         "up_block_types '%s' is not a list of %d words conv, attn or resnet",
                         c->up_block_types, levels);
    for (int i = 0; i < levels; i++) {
        const long long channels = c->block_out_channels.v[i];
        if (channels % c->norm_num_groups != 0)
            return duet_fail(DUET_ARG,
                             "norm_num_groups %lld does not divide the %lld channels of level %d",
                             (long long)c->norm_num_groups, channels, i);
        const bool attends = downs[i] == ATTN || ups[levels - 1 - i] == ATTN ||
                             (c->add_attention && i + 1 == levels);
        if (attends && c->attention_head_dim > 0 && channels % c->attention_head_dim != 0)
            return duet_fail(
                DUET_ARG, "attention_head_dim %lld does not divide the %lld channels of level %d",
                (long long)c->attention_head_dim, channels, i);
    }
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const unet_config *const c = config;
    *out =
        (duet_arch_shape){.size = c->sample_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->out_channels,
                          .class_count = c->num_class_embeds,
                          .parts = {{"unet", DUET_BIT(X) | DUET_BIT(NET_T), DUET_BIT(RAW), build}},
                          .part_count = 1};
    if (c->num_class_embeds > 0) out->parts[0].takes |= DUET_BIT(Y);
}

/* The names of the parts of attention in older files, and in DDPM's networks from before
 * diffusers. */
static bool alias(char *out, size_t size, const void *config, const char *name, int scheme) {
    if (scheme == 1)
        return duet_ddim_name(
            out, size, name,
            config != NULL ? ((const unet_config *)config)->block_out_channels.count : 0);
    static const struct {
        const char *name, *older;
    } names[] = {{".to_q.", ".query."},
                 {".to_k.", ".key."},
                 {".to_v.", ".value."},
                 {".to_out.0.", ".proj_attn."}};
    for (int i = 0; i < DUET_COUNT(names); i++) {
        const char *const at = strstr(name, names[i].name);
        if (at == NULL) continue;
        snprintf(out, size, "%.*s%s%s", (int)(at - name), name, names[i].older,
                 at + strlen(names[i].name));
        return true;
    }
    return false;
}

/* Without its config.json too much would have to be assumed, except for DDPM's networks from before
 * diffusers. */
static duet_status infer(duet_guess *guess) {
    if (duet_ddim_is(guess)) return duet_ddim_infer(guess);
    if (guess->place != NULL && guess->place->network[0] != '\0') return duet_diffusers_read(guess);
    const char *const program = guess->place != NULL ? guess->place->program : "";
    if (program[0] != '\0')
        return duet_fail(
            DUET_ARG,
            "its options should be in diffusers' config.json, but the one beside it is "
            "of %s",
            program);
    return duet_fail(DUET_ARG, "its options are in diffusers' config.json, which is not beside it; "
                               "open the folder that contains both");
}

const duet_arch duet_arch_diffusers_unet = {
    .info = {.name = "diffusers_unet",
             .help = "UNet2DModel of diffusers",
             .params = DUET_TABLE(params, unet_config)},
    .check = check,
    .shape = shape,
    .signature = "down_blocks.0.resnets.0.time_emb_proj.weight",
    .infer = infer,
    .alias = alias,
    .schemes = 2,
};
