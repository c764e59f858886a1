/* SPDX-License-Identifier: MIT
 * model/arch/arch_adm_unet.c: the U-Net of "Diffusion Models Beat GANs on Image Synthesis"
 * (Dhariwal & Nichol 2021) with the options, parameter names and shapes of
 * openai/guided-diffusion's checkpoints. Attention resolutions are sizes of feature maps. Taps b =
 * 1..n: the input blocks, the middle block, the output blocks, each at the end of its block. Also
 * read are its relatives: networks for super-resolution (SuperResModel) get an enlarged small image
 * as further channels; the noisy classifier (EncoderUNetModel) ends after the middle block; those
 * of openai/consistency_models keep the weights of qkv as 1x1 filters. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/arch/adm_blocks.h"
#include "model/arch/arch.h"
#include "model/adm_classifier.h"
#include "model/model.h"
#include "model/nn.h"
#include "model/preserving.h"

static const duet_param params[] = {
    DUET_INT(adm_config, image_size, "32", 4, 4096, "side of the images in pixels"),
    DUET_INT(adm_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(adm_config, num_channels, "64", 4, 4096, "channels of the first level"),
    DUET_INT(adm_config, num_res_blocks, "2", 1, 16, "residual blocks a level"),
    DUET_INTS(adm_config, channel_mult, "1,2,2", 1, 64,
              "channels of each level, times num_channels"),
    DUET_INTS(adm_config, attention_resolutions, "", 1, 4096,
              "sizes of the feature maps that get attention"),
    DUET_INT(adm_config, num_heads, "4", 1, 256,
             "attention heads (when num_head_channels is not set)"),
    DUET_INT(adm_config, num_head_channels, "-1", -1, 4096,
             "channels of an attention head; -1 = by num_heads"),
    DUET_INT(adm_config, norm_groups, "32", 1, 1024,
             "groups of the group norms (32 in foreign checkpoints)"),
    DUET_INT(adm_config, embed_channels, "-1", -1, 65536,
             "channels of the time step's sinusoids; -1 = num_channels"),
    DUET_INT(adm_config, num_classes, "1000", 1, 100000, "classes, where class_cond"),
    DUET_FLOAT(adm_config, dropout, "0", 0, 0.95, "dropout in the residual blocks"),
    DUET_BOOLEAN(adm_config, use_scale_shift_norm, "true",
                 "time embedding scales and shifts the norm (else it is added)"),
    DUET_BOOLEAN(adm_config, resblock_updown, "false", "residual blocks for down- and upsampling"),
    DUET_BOOLEAN(adm_config, learn_sigma, "false",
                 "twice the output channels: noise and its variance"),
    DUET_BOOLEAN(adm_config, class_cond, "false", "conditional on the class"),
    DUET_BOOLEAN(adm_config, use_new_attention_order, "false",
                 "qkv channels ordered (q|k|v, head, c)"),
    DUET_INT(adm_config, small_size, "0", 0, 4096,
             "super-resolution: side of the picture that is enlarged; 0 = none"),
    DUET_BOOLEAN(adm_config, self_cond, "false",
                 "also sees the image that it predicted before (self-conditioning)"),
    DUET_TEXT(adm_config, classifier_pool, "", "|adaptive|attention|spatial|spatial_v2",
              "noisy classifier: how it pools; empty = a U-Net"),
    DUET_BOOLEAN(adm_config, conv_attention, "false",
                 "qkv and proj_out are 1x1 filters (consistency models)"),
    DUET_INT(adm_config, augment_dim, "0", 0, 4096,
             "numbers that tell of augmentation in training; filled in by 'augment'"),
    DUET_BOOLEAN(adm_config, magnitude_preserving, "false",
                 "layers of EDM2 that keep the size of activations; norm_groups, "
                 "use_scale_shift_norm and resblock_updown do not apply"),
    DUET_BOOLEAN(
        adm_config, feedback, "false",
        "taps n+1..2n are of a second pass, to whose encoder the decoder's maps come back"),
};

typedef duet_adm_builder builder;

duet_value duet_adm_resize(duet_graph *g, duet_value x, duet_adm_resample how) {
    return how == DUET_ADM_DOWN ? duet_avg_pool(g, x, 1.0)
           : how == DUET_ADM_UP ? duet_upsample(g, x, 1.0)
                                : x;
}

/* The second half of a residual block: norm, time embedding, SiLU, dropout, zero convolution. */
static duet_value res_out(const builder *b, duet_value h, int64_t out) {
    duet_graph *g = b->g;
    const bool scale_shift = b->c->use_scale_shift_norm;
    const duet_value emb =
        duet_nn_linear(g, "emb_layers.1", b->emb, scale_shift ? 2 * out : out, 0, false);
    if (!scale_shift) h = duet_add_channels(g, h, emb);
    h = duet_nn_group_norm(g, "out_layers.0", h, b->c->norm_groups);
    if (scale_shift) h = duet_modulate(g, h, emb);
    h = duet_silu(g, h);
    if (b->training && b->c->dropout > 0) h = duet_dropout(g, h, b->sample_id, b->c->dropout);
    return duet_nn_conv2d(g, "out_layers.3", h, out, 3, 1, 1, true);
}

static duet_value res_block(const builder *b, const char *name, duet_value x, int64_t out,
                            duet_adm_resample how) {
    duet_graph *g = b->g;
    if (b->c->magnitude_preserving) return duet_adm_preserving_block(b, name, x, out, how);
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value h = duet_silu(g, duet_nn_group_norm(g, "in_layers.0", x, b->c->norm_groups));
    h = duet_adm_resize(g, h, how);
    x = duet_adm_resize(g, x, how);
    h = duet_nn_conv2d(g, "in_layers.2", h, out, 3, 1, 1, false);
    h = res_out(b, h, out);
    if (duet_dim(g, x, -1) != out) x = duet_nn_conv2d(g, "skip_connection", x, out, 1, 1, 0, false);
    h = duet_add(g, x, h);
    duet_scope_pop(g, mark);
    return h;
}

static duet_value attention_block(const builder *b, const char *name, duet_value x) {
    duet_graph *g = b->g;
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3);
    const int64_t heads =
        b->c->num_head_channels > 0 ? C / b->c->num_head_channels : b->c->num_heads;
    if (b->c->magnitude_preserving) return duet_adm_preserving_attention(b, name, x, heads);
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value h = duet_reshape(g, x, 3, (int64_t[]){B, H * W, C});
    h = duet_nn_group_norm(g, "norm", h, b->c->norm_groups);
    h = duet_nn_linear(g, "qkv", h, 3 * C, b->c->conv_attention ? 2 : 1, false);
    h = duet_attention(g, h, heads, !b->c->use_new_attention_order);
    h = duet_nn_linear(g, "proj_out", h, C, b->c->conv_attention ? 2 : 1, true);
    h = duet_add(g, x, duet_reshape(g, h, 4, (int64_t[]){B, H, W, C}));
    duet_scope_pop(g, mark);
    return h;
}

static bool has_attention(const adm_config *c, int64_t size) {
    for (int i = 0; i < c->attention_resolutions.count; i++)
        if (c->attention_resolutions.v[i] == size) return true;
    return false;
}

static duet_value tap(builder *b, const char *name, duet_value x) {
    char again[80];
    const int block = b->block++;
    if (b->blocks == 0) {
        x = duet_tap(b->g, block, name, x);
        if (b->first != NULL) b->first[block] = x;
        return x;
    }
    snprintf(again, sizeof again, "again.%s", name);
    return duet_tap(b->g, b->blocks + block, again, duet_adm_feed_back(b, block, x));
}

static duet_value downsample(const builder *b, duet_value x, int64_t channels) {
    if (b->c->resblock_updown || b->c->magnitude_preserving)
        return res_block(b, "0", x, channels, DUET_ADM_DOWN);
    return duet_nn_conv2d(b->g, "0.op", x, channels, 3, 2, 1, false);
}

static duet_value upsample(const builder *b, const char *name, duet_value x, int64_t channels) {
    if (b->c->resblock_updown || b->c->magnitude_preserving)
        return res_block(b, name, x, channels, DUET_ADM_UP);
    const size_t mark = duet_scope_push(b->g, "%s", name);
    const duet_value y =
        duet_nn_conv2d(b->g, "conv", duet_upsample(b->g, x, 1.0), channels, 3, 1, 1, false);
    duet_scope_pop(b->g, mark);
    return y;
}

/* `kept`: outputs of the input blocks, for the skip connections; returns the last. */
static duet_value encoder(builder *b, duet_value h, duet_value *kept, int *kept_count) {
    const adm_config *c = b->c;
    char name[64];
    int n = 0;
    size_t mark = duet_scope_push(b->g, "input_blocks.%d", n);
    const int64_t first = c->channel_mult.v[0] * c->num_channels;
    h = c->magnitude_preserving ? duet_adm_preserving_first(b, h, first)
                                : duet_nn_conv2d(b->g, "0", h, first, 3, 1, 1, false);
    duet_scope_pop(b->g, mark);
    kept[n++] = h = tap(b, "input_blocks.0", h);
    for (int level = 0; level < c->channel_mult.count; level++) {
        const int64_t channels = c->channel_mult.v[level] * c->num_channels;
        const bool last = level + 1 == c->channel_mult.count;
        for (int64_t i = 0; i < c->num_res_blocks + (last ? 0 : 1); i++, n++) {
            mark = duet_scope_push(b->g, "input_blocks.%d", n);
            snprintf(name, sizeof name, "input_blocks.%d", n);
            if (i < c->num_res_blocks) {
                h = res_block(b, "0", h, channels, DUET_ADM_KEEP);
                if (has_attention(c, duet_dim(b->g, h, 1))) h = attention_block(b, "1", h);
            } else {
                h = downsample(b, h, channels);
            }
            duet_scope_pop(b->g, mark);
            kept[n] = h = tap(b, name, h);
        }
    }
    *kept_count = n;
    return h;
}

static duet_value middle(builder *b, duet_value h) {
    const size_t mark = duet_scope_push(b->g, "middle_block");
    const int64_t channels = duet_dim(b->g, h, -1);
    h = res_block(b, "0", h, channels, DUET_ADM_KEEP);
    h = attention_block(b, "1", h);
    h = res_block(b, "2", h, channels, DUET_ADM_KEEP);
    duet_scope_pop(b->g, mark);
    return tap(b, "middle_block", h);
}

static duet_value decoder(builder *b, duet_value h, const duet_value *kept, int kept_count) {
    const adm_config *c = b->c;
    char name[64];
    int n = 0;
    for (int level = c->channel_mult.count - 1; level >= 0; level--) {
        const int64_t channels = c->channel_mult.v[level] * c->num_channels;
        for (int64_t i = 0; i <= c->num_res_blocks; i++, n++) {
            const size_t mark = duet_scope_push(b->g, "output_blocks.%d", n);
            snprintf(name, sizeof name, "output_blocks.%d", n);
            /* Each was kept on the way down. */
            /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
            const duet_value skip = kept[--kept_count];
            h = c->magnitude_preserving ? duet_preserving_concat(b->g, h, skip)
                                        : duet_concat(b->g, h, skip);
            h = res_block(b, "0", h, channels, DUET_ADM_KEEP);
            const bool attention = has_attention(c, duet_dim(b->g, h, 1));
            if (attention) h = attention_block(b, "1", h);
            if (level > 0 && i == c->num_res_blocks)
                h = upsample(b, attention ? "2" : "1", h, channels);
            duet_scope_pop(b->g, mark);
            h = tap(b, name, h);
        }
    }
    return h;
}

duet_value duet_adm_add_augment(const duet_adm_builder *b, const duet_model_inputs *in,
                                duet_value emb) {
    duet_graph *g = b->g;
    const int64_t dims[] = {duet_dim(g, emb, -1), b->c->augment_dim};
    const duet_init init = {.kind = DUET_INIT_ZERO, .random_scale = 0.1};
    if (b->c->augment_dim == 0) return emb;
    const duet_value w = duet_parameter(g, "augment_emb.weight", DUET_WEIGHT, init, 2, dims);
    if (in->augment == DUET_NONE) return emb;
    return duet_add(g, emb, duet_linear(g, in->augment, w, DUET_NONE));
}

static duet_value time_embedding(const builder *b, const duet_model_inputs *in) {
    duet_graph *g = b->g;
    const int64_t channels = b->c->embed_channels > 0 ? b->c->embed_channels : b->c->num_channels;
    const size_t mark = duet_scope_push(g, "time_embed");
    duet_value emb = duet_timestep_embedding(g, in->net_t, channels, 10000.0, 0.0, false);
    emb = duet_nn_linear(g, "0", emb, 4 * channels, 0, false);
    emb = duet_nn_linear(g, "2", duet_silu(g, emb), 4 * channels, 0, false);
    duet_scope_pop(g, mark);
    if (b->c->class_cond)
        emb = duet_add(g, emb,
                       duet_nn_embedding(g, "label_emb", in->y, b->c->num_classes, 4 * channels));
    emb = duet_adm_add_augment(b, in, emb);
    return duet_silu(g, emb); /* the emb_layers of every residual block begin with this SiLU */
}

enum { MOST_KEPT = 16 * 20, AGAIN = 16 /* passes are told apart by their number */ };

static duet_value walk(builder *b, duet_value x, duet_value *kept, int *count) {
    b->block = 1;
    b->decoding = false;
    duet_value h = encoder(b, x, kept, count);
    b->decoding = true;
    kept[*count] = h = middle(b, h);
    return b->c->classifier_pool[0] != '\0' ? h : decoder(b, h, kept, *count);
}

/* The second pass; what is not read of it is pruned. */
static void walk_again(builder *b, duet_value x) {
    duet_value kept[MOST_KEPT];
    int count = 0;
    b->blocks = b->block - 1;
    const duet_part_mark mark = duet_part_push(b->g, b->g->part, b->g->pass + AGAIN);
    (void)walk(b, x, kept, &count);
    duet_part_pop(b->g, mark);
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const adm_config *c = config;
    builder b = {.g = g, .c = c, .sample_id = in->sample_id, .training = in->training};
    duet_value kept[MOST_KEPT], first[2 * MOST_KEPT];
    int count = 0;
    b.first = c->feedback ? first : NULL;
    b.emb =
        c->magnitude_preserving ? duet_adm_preserving_embedding(&b, in) : time_embedding(&b, in);
    duet_value x = c->small_size > 0 ? duet_concat(g, in->x, in->low_res) : in->x;
    if (c->self_cond) x = duet_concat(g, x, in->self_cond);
    duet_value h = walk(&b, x, kept, &count);
    if (c->classifier_pool[0] != '\0') {
        *out = duet_adm_classifier(g, &(duet_adm_end){c->classifier_pool, kept, count + 1,
                                                      c->num_classes, c->num_head_channels,
                                                      c->norm_groups});
        return;
    }
    if (c->feedback) walk_again(&b, x);
    const size_t mark = duet_scope_push(g, "out");
    const int64_t channels = c->learn_sigma ? 2 * c->in_channels : c->in_channels;
    if (c->magnitude_preserving) {
        h = duet_adm_preserving_last(&b, h, channels);
    } else {
        h = duet_silu(g, duet_nn_group_norm(g, "0", h, c->norm_groups));
        h = duet_nn_conv2d(g, "2", h, channels, 3, 1, 1, true);
    }
    duet_scope_pop(g, mark);
    *out = h;
}

static duet_status check_level(const adm_config *c, int level) {
    const int64_t channels = c->channel_mult.v[level] * c->num_channels,
                  size = c->image_size >> level;
    if (!c->magnitude_preserving && channels % c->norm_groups != 0)
        return duet_fail(DUET_ARG,
                         "norm_groups %lld does not divide the %lld channels of level %d; choose a "
                         "divisor of num_channels",
                         (long long)c->norm_groups, (long long)channels, level);
    /* the middle block always has attention */
    const bool attention = has_attention(c, size) || level + 1 == c->channel_mult.count;
    if (attention && c->num_head_channels > 0 && channels % c->num_head_channels != 0)
        return duet_fail(DUET_ARG,
                         "num_head_channels %lld does not divide the %lld channels of level %d",
                         (long long)c->num_head_channels, (long long)channels, level);
    if (attention && c->num_head_channels <= 0 && channels % c->num_heads != 0)
        return duet_fail(DUET_ARG, "num_heads %lld does not divide the %lld channels of level %d",
                         (long long)c->num_heads, (long long)channels, level);
    return DUET_OK;
}

static duet_status check(const void *config) {
    const adm_config *c = config;
    const int levels = c->channel_mult.count;
    if (levels < 1 || levels > 8)
        return duet_fail(DUET_ARG, "channel_mult has %d levels; 1 to 8 are possible", levels);
    if (c->image_size % ((int64_t)1 << (levels - 1)) != 0)
        return duet_fail(DUET_ARG,
                         "image_size %lld cannot be halved %d times; use fewer levels in "
                         "channel_mult or another size",
                         (long long)c->image_size, levels - 1);
    for (int i = 0; i < c->attention_resolutions.count; i++) {
        bool found = false;
        for (int level = 0; level < levels; level++)
            found |= c->attention_resolutions.v[i] == c->image_size >> level;
        if (!found)
            return duet_fail(DUET_ARG,
                             "attention_resolutions has %lld, but the feature maps are %lld pixels "
                             "and halves of it",
                             (long long)c->attention_resolutions.v[i], (long long)c->image_size);
    }
    if (c->magnitude_preserving) DUET_TRY(duet_adm_preserving_check(c));
    if (c->feedback && (c->magnitude_preserving || c->classifier_pool[0] != '\0'))
        return duet_fail(DUET_ARG, "feedback is for U-Nets with group norms: neither "
                                   "magnitude_preserving nor classifier_pool go with it");
    for (int level = 0; level < levels; level++) DUET_TRY(check_level(c, level));
    if (c->small_size > 0 && c->image_size % c->small_size != 0)
        return duet_fail(DUET_ARG, "small_size %lld does not divide image_size %lld",
                         (long long)c->small_size, (long long)c->image_size);
    if (c->classifier_pool[0] != '\0' && (c->class_cond || c->small_size > 0 || c->self_cond))
        return duet_fail(DUET_ARG,
                         "a classifier (classifier_pool=%s) takes no classes and no second image",
                         c->classifier_pool);
    if (strcmp(c->classifier_pool, "attention") == 0 && c->num_head_channels <= 0)
        return duet_fail(DUET_ARG, "classifier_pool=attention needs num_head_channels");
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const adm_config *c = config;
    if (c->classifier_pool[0] != '\0') {
        *out = (duet_arch_shape){
            .size = c->image_size,
            .in_channels = c->in_channels,
            .refusal =
                "it is a classifier of noisy images: its output is scores of classes, not images",
            .parts = {{"classifier", DUET_BIT(X) | DUET_BIT(NET_T), DUET_BIT(LOGITS), build}},
            .part_count = 1};
        return;
    }
    *out =
        (duet_arch_shape){.size = c->image_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->learn_sigma ? 2 * c->in_channels : c->in_channels,
                          .class_count = c->class_cond ? c->num_classes : 0,
                          .augment_dim = c->augment_dim,
                          .low_res = c->small_size,
                          .parts = {{"unet", DUET_BIT(X) | DUET_BIT(NET_T), DUET_BIT(RAW), build}},
                          .part_count = 1};
    if (c->class_cond) out->parts[0].takes |= DUET_BIT(Y);
    if (c->small_size > 0) out->parts[0].takes |= DUET_BIT(LOW_RES);
    if (c->self_cond) out->parts[0].takes |= DUET_BIT(SELF_COND);
    if (c->small_size > 0) out->refusal = "it enlarges small images: duet edit MODEL small.png";
}

const duet_arch duet_arch_adm_unet = {
    .info = {.name = "adm_unet",
             .help = "U-Net of guided-diffusion (ADM)",
             .params = DUET_TABLE(params, adm_config)},
    .check = check,
    .shape = shape,
    .signature = "input_blocks.0.0.weight",
    .infer = duet_adm_infer,
};
