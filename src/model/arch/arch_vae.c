/* SPDX-License-Identifier: MIT
 * A convolutional variational autoencoder (Kingma and Welling 2014), the plain one that others are
 * compared with. Two parts, encoder and decoder. Level i of either works on maps of side S / 2^i
 * with channels x channel_mult[i] channels:
 *   encoder: x → per level conv3x3 (stride 2 but at the first), norm, SiLU, conv3x3, norm, SiLU →
 *            linear → mean, log_var [B,Z], log_var between -12 and 6
 *   decoder: z → linear → per level, from the last, conv3x3, norm, SiLU, (twice as large) → conv3x3
 * Taps: the encoder's levels, and the mean. */
#include "base/error.h"
#include "model/arch/arch.h"
#include "model/nn.h"

typedef struct vae_config {
    int64_t image_size, in_channels, channels, latents, norm_groups;
    duet_int_list channel_mult;
} vae_config;

static const duet_param params[] = {
    DUET_INT(vae_config, image_size, "28", 4, 1024, "side of the images in pixels"),
    DUET_INT(vae_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(vae_config, channels, "32", 1, 4096, "channels at the first level"),
    DUET_INTS(vae_config, channel_mult, "1,2,4", 1, 64,
              "factors of the channels at each level; each next one has maps half the side"),
    DUET_INT(vae_config, latents, "64", 1, 65536, "numbers of a latent"),
    DUET_INT(vae_config, norm_groups, "8", 1, 1024, "groups of the norms"),
};

static int64_t channels_at(const vae_config *c, int level) {
    return c->channels * c->channel_mult.v[level];
}

static duet_value unit(duet_graph *g, const vae_config *c, const char *name, duet_value x,
                       int64_t out, int64_t stride) {
    const size_t mark = duet_scope_push(g, "%s", name);
    x = duet_nn_conv2d(g, "conv", x, out, 3, stride, 1, false);
    x = duet_silu(g, duet_nn_group_norm(g, "norm", x, c->norm_groups));
    duet_scope_pop(g, mark);
    return x;
}

static void encode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const vae_config *c = config;
    const size_t mark = duet_scope_push(g, "encoder");
    const int64_t B = duet_dim(g, in->x, 0);
    duet_value x = in->x;
    for (int i = 0; i < c->channel_mult.count; i++) {
        const size_t level = duet_scope_push(g, "%d", i);
        x = unit(g, c, "0", x, channels_at(c, i), i > 0 ? 2 : 1);
        x = unit(g, c, "1", x, channels_at(c, i), 1);
        x = duet_tap(g, i + 1, g->scope, x);
        duet_scope_pop(g, level);
    }
    x = duet_reshape(g, x, 2, (int64_t[]){B, -1});
    out[0] = duet_nn_linear(g, "mean", x, c->latents, 0, false);
    out[0] = duet_reshape(g,
                          duet_tap(g, c->channel_mult.count + 1, "encoder.mean",
                                   duet_reshape(g, out[0], 4, (int64_t[]){B, 1, 1, c->latents})),
                          2, (int64_t[]){B, c->latents});
    out[1] = duet_clamp(g, duet_nn_linear(g, "log_var", x, c->latents, 0, false), -12.0, 6.0);
    duet_scope_pop(g, mark);
}

static void decode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const vae_config *c = config;
    const size_t mark = duet_scope_push(g, "decoder");
    const int levels = c->channel_mult.count;
    const int64_t B = duet_dim(g, in->z, 0), side = c->image_size >> (levels - 1),
                  most = channels_at(c, levels - 1);
    duet_value x = duet_nn_linear(g, "z", in->z, side * side * most, 0, false);
    x = duet_reshape(g, x, 4, (int64_t[]){B, side, side, most});
    for (int i = levels - 1; i >= 0; i--) {
        const size_t level = duet_scope_push(g, "%d", i);
        x = unit(g, c, "0", x, channels_at(c, i), 1);
        if (i > 0) x = duet_upsample(g, x, 1.0);
        x = unit(g, c, "1", x, channels_at(c, i > 0 ? i - 1 : 0), 1);
        duet_scope_pop(g, level);
    }
    *out = duet_nn_conv2d(g, "out", x, c->in_channels, 3, 1, 1, false);
    duet_scope_pop(g, mark);
}

static duet_status check(const void *config) {
    const vae_config *c = config;
    const int levels = c->channel_mult.count;
    if (levels < 1 || levels > 8 || c->image_size % (INT64_C(1) << (levels - 1)) != 0)
        return duet_fail(
            DUET_ARG,
            "'channel_mult' has %d levels, for which 'image_size' (%lld) would have to "
            "be a multiple of 2^(levels - 1)",
            levels, (long long)c->image_size);
    for (int i = 0; i < levels; i++)
        if (channels_at(c, i) % c->norm_groups != 0)
            return duet_fail(DUET_ARG,
                             "'norm_groups' (%lld) does not divide the %lld channels of level %d",
                             (long long)c->norm_groups, (long long)channels_at(c, i), i);
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const vae_config *c = config;
    *out = (duet_arch_shape){
        .size = c->image_size,
        .in_channels = c->in_channels,
        .out_channels = c->in_channels,
        .latents = c->latents,
        .parts = {{"encoder", DUET_BIT(X), DUET_BIT(MEAN) | DUET_BIT(LOG_VAR), encode},
                  {"decoder", DUET_BIT(Z), DUET_BIT(IMAGE), decode}},
        .part_count = 2};
}

const duet_arch duet_arch_vae = {
    .info = {.name = "vae",
             .help = "convolutional variational autoencoder",
             .params = DUET_TABLE(params, vae_config)},
    .check = check,
    .shape = shape,
};
