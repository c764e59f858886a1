/* SPDX-License-Identifier: MIT
 * BigBiGAN (Donahue and Simonyan 2019, arXiv 1907.02544) for small images. Three parts; level i has
 * maps of side S / 2^i and channels x channel_mult[i] channels, L levels:
 *   encoder: x (at encoder_scale times S, nearest) → stem, two residual blocks a level → mean over
 *            the map → residual MLP → mean, log_var [B,Z], log_var between -8 and 4
 *   generator (BigGAN's, Brock et al. 2019): z in L + 1 chunks; the first → a map of side S / 2^L;
 *            each further one is the gain and offset of both batch norms of a block that doubles
 *            the side → norm, ReLU, conv3x3, tanh
 *   discriminator: scores [B,3] of image, latent and pair: F(x) residual blocks that halve the
 *            side, ReLU, sum over the map; H(z), J(F, H) residual MLPs; a linear score on each;
 *            spectral norm in all of it
 * Taps: the encoder's blocks, then the mean. */
#include <stdio.h>

#include "base/error.h"
#include "model/arch/arch.h"
#include "model/nn.h"

#define EPS   1e-5
#define SLOPE 0.3 /* of the MLPs' leaky ReLU */

typedef struct bigbigan_config {
    int64_t image_size, in_channels, channels, latents, encoder_scale, hidden, joint, depth;
    duet_int_list channel_mult;
} bigbigan_config;

static const duet_param params[] = {
    DUET_INT(bigbigan_config, image_size, "32", 4, 1024, "side of the images in pixels"),
    DUET_INT(bigbigan_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(bigbigan_config, channels, "32", 1, 4096, "channels at the first level"),
    DUET_INTS(bigbigan_config, channel_mult, "1,2,4", 1, 64,
              "factors of the channels at each level; the generator begins at half the last side"),
    DUET_INT(bigbigan_config, latents, "96", 1, 65536, "numbers of a latent"),
    DUET_INT(bigbigan_config, encoder_scale, "1", 1, 2,
             "the encoder sees the image at this many times its side"),
    DUET_INT(bigbigan_config, hidden, "256", 1, 65536, "units of the encoder's MLP"),
    DUET_INT(bigbigan_config, joint, "128", 1, 65536, "units of the discriminator's MLPs"),
    DUET_INT(bigbigan_config, depth, "3", 1, 64, "blocks of the discriminator's MLPs"),
};

/* A network that is built. */
typedef struct net {
    duet_graph *g;
    const bigbigan_config *c;
    duet_nn_states states;
    bool spectral;
} net;

static net net_of(duet_graph *g, const void *config, const duet_model_inputs *in, bool spectral) {
    return (net){g, config, in->training ? DUET_NN_UPDATE : DUET_NN_STORED, spectral};
}

static int64_t channels_at(const bigbigan_config *c, int level) {
    return c->channels * c->channel_mult.v[level];
}

/* ---- layers ---- */

static duet_value conv(const net *n, const char *name, duet_value x, int64_t out, int64_t kernel) {
    const int64_t in = duet_dim(n->g, x, -1);
    if (!n->spectral) return duet_nn_conv2d(n->g, name, x, out, kernel, 1, kernel / 2, false);
    const size_t mark = duet_scope_push(n->g, "%s", name);
    const duet_value w =
        duet_nn_spectral_weight(n->g, "weight", 4, (int64_t[]){out, in, kernel, kernel}, n->states);
    const duet_value b =
        duet_parameter(n->g, "bias", DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ZERO}, 1, &out);
    x = duet_conv2d(n->g, x, w, b, 1, kernel / 2);
    duet_scope_pop(n->g, mark);
    return x;
}

static duet_value linear(const net *n, const char *name, duet_value x, int64_t out) {
    const int64_t in = duet_dim(n->g, x, -1);
    if (!n->spectral) return duet_nn_linear(n->g, name, x, out, 0, false);
    const size_t mark = duet_scope_push(n->g, "%s", name);
    const duet_value w =
        duet_nn_spectral_weight(n->g, "weight", 2, (int64_t[]){out, in}, n->states);
    const duet_value b =
        duet_parameter(n->g, "bias", DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ZERO}, 1, &out);
    x = duet_linear(n->g, x, w, b);
    duet_scope_pop(n->g, mark);
    return x;
}

static duet_value leaky(const net *n, duet_value x) {
    return duet_leaky_relu(n->g, x, SLOPE);
}

static duet_value mlp_block(const net *n, const char *name, duet_value x, int64_t out) {
    const size_t mark = duet_scope_push(n->g, "%s", name);
    const duet_value side = leaky(n, linear(n, "side", x, out));
    x = leaky(n, linear(n, "0", x, out));
    x = duet_add(n->g, leaky(n, linear(n, "1", x, out)), side);
    duet_scope_pop(n->g, mark);
    return x;
}

/* ---- encoder ---- */

static duet_value norm(const net *n, const char *name, duet_value x, duet_value side, bool relu) {
    return duet_nn_batch_norm(n->g, name, x, side, EPS, relu, n->states);
}

static duet_value encoder_block(const net *n, duet_value x, int64_t out, int64_t stride) {
    duet_value side = x;
    if (stride > 1 || duet_dim(n->g, x, -1) != out)
        side = norm(n, "norm_side", duet_nn_conv2d_plain(n->g, "side", x, out, 1, stride, 0),
                    DUET_NONE, false);
    x = norm(n, "norm0", duet_nn_conv2d_plain(n->g, "conv0", x, out, 3, stride, 1), DUET_NONE,
             true);
    return norm(n, "norm1", duet_nn_conv2d_plain(n->g, "conv1", x, out, 3, 1, 1), side, true);
}

/* The mean over the map, [B,C]. */
static duet_value encoder_features(const net *n, duet_value x, int *tap) {
    const int64_t B = duet_dim(n->g, x, 0);
    char name[32];
    x = norm(n, "norm", duet_nn_conv2d_plain(n->g, "stem", x, n->c->channels, 3, 1, 1), DUET_NONE,
             true);
    for (int i = 0; i < n->c->channel_mult.count; i++)
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%d.%d", i, k);
            const size_t mark = duet_scope_push(n->g, "%s", name);
            x = encoder_block(n, x, channels_at(n->c, i), i > 0 && k == 0 ? 2 : 1);
            x = duet_tap(n->g, (*tap)++, n->g->scope, x);
            duet_scope_pop(n->g, mark);
        }
    return duet_reshape(n->g, duet_adaptive_pool(n->g, x, 1), 2, (int64_t[]){B, -1});
}

static void encode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const bigbigan_config *const c = config;
    const net n = net_of(g, config, in, false);
    const size_t mark = duet_scope_push(g, "encoder");
    const int64_t B = duet_dim(g, in->x, 0), Z = c->latents;
    int tap = 1;
    duet_value x =
        encoder_features(&n, c->encoder_scale > 1 ? duet_upsample(g, in->x, 1.0) : in->x, &tap);
    x = mlp_block(&n, "mlp0", x, c->hidden);
    x = mlp_block(&n, "mlp1", x, c->hidden);
    out[0] = duet_nn_linear(g, "mean", x, Z, 0, false);
    out[0] = duet_reshape(
        g, duet_tap(g, tap, "encoder.mean", duet_reshape(g, out[0], 4, (int64_t[]){B, 1, 1, Z})), 2,
        (int64_t[]){B, Z});
    out[1] = duet_clamp(g, duet_nn_linear(g, "log_var", x, Z, 0, false), -8.0, 4.0);
    duet_scope_pop(g, mark);
}

/* ---- generator ---- */

/* Batch norm whose gain and offset depend on a chunk of z. */
static duet_value conditional_norm(const net *n, const char *name, duet_value x, duet_value chunk) {
    const size_t mark = duet_scope_push(n->g, "%s", name);
    const duet_value by = duet_nn_linear(n->g, "by", chunk, 2 * duet_dim(n->g, x, -1), 0, false);
    x = duet_modulate(n->g, norm(n, "norm", x, DUET_NONE, false), by);
    duet_scope_pop(n->g, mark);
    return duet_relu(n->g, x);
}

static duet_value up_block(const net *n, duet_value x, int64_t out, duet_value chunk) {
    duet_graph *const g = n->g;
    const duet_value side = conv(n, "side", duet_upsample(g, x, 1.0), out, 1);
    x = conv(n, "conv0", duet_upsample(g, conditional_norm(n, "norm0", x, chunk), 1.0), out, 3);
    x = conv(n, "conv1", conditional_norm(n, "norm1", x, chunk), out, 3);
    return duet_add(g, x, side);
}

static void generate(duet_graph *g, const void *config, const duet_model_inputs *in,
                     duet_value *out) {
    const bigbigan_config *const c = config;
    const net n = net_of(g, config, in, false);
    const size_t mark = duet_scope_push(g, "generator");
    const int levels = c->channel_mult.count;
    const int64_t B = duet_dim(g, in->z, 0), side = c->image_size >> levels,
                  most = channels_at(c, levels - 1), chunk = c->latents / (levels + 1);
    duet_value x =
        duet_nn_linear(g, "z", duet_slice(g, in->z, 0, chunk), side * side * most, 0, false);
    x = duet_reshape(g, x, 4, (int64_t[]){B, side, side, most});
    for (int i = levels - 1; i >= 0; i--) {
        const size_t level = duet_scope_push(g, "%d", i);
        x = up_block(&n, x, channels_at(c, i), duet_slice(g, in->z, (levels - i) * chunk, chunk));
        duet_scope_pop(g, level);
    }
    x = conv(&n, "out", norm(&n, "norm", x, DUET_NONE, true), c->in_channels, 3);
    *out = duet_elementwise(g, x, "tanh");
    duet_scope_pop(g, mark);
}

/* ---- discriminator ---- */

/* The first block sees pixels, which are not cut by a ReLU. */
static duet_value down_block(const net *n, const char *name, duet_value x, int64_t out, bool first,
                             bool halve) {
    duet_graph *const g = n->g;
    const size_t mark = duet_scope_push(g, "%s", name);
    duet_value side = x;
    if (duet_dim(g, x, -1) != out) side = conv(n, "side", x, out, 1);
    x = conv(n, "conv0", first ? x : duet_relu(g, x), out, 3);
    x = duet_add(g, conv(n, "conv1", duet_relu(g, x), out, 3), side);
    duet_scope_pop(g, mark);
    return halve ? duet_avg_pool(g, x, 1.0) : x;
}

static duet_value image_features(const net *n, duet_value x) {
    const int levels = n->c->channel_mult.count;
    char name[32];
    for (int i = 0; i < levels; i++) {
        snprintf(name, sizeof name, "F.%d", i);
        x = down_block(n, name, x, channels_at(n->c, i), i == 0, true);
    }
    x = down_block(n, "F.last", x, channels_at(n->c, levels - 1), false, false);
    return duet_sum_channels(n->g, duet_relu(n->g, x));
}

static duet_value mlp(const net *n, const char *letter, duet_value x) {
    char name[32];
    for (int64_t i = 0; i < n->c->depth; i++) {
        snprintf(name, sizeof name, "%s.%lld", letter, (long long)i);
        x = mlp_block(n, name, x, n->c->joint);
    }
    return x;
}

static void discriminate(duet_graph *g, const void *config, const duet_model_inputs *in,
                         duet_value *out) {
    const net n = net_of(g, config, in, true);
    const size_t mark = duet_scope_push(g, "discriminator");
    const duet_value f = image_features(&n, in->x), h = mlp(&n, "H", in->z),
                     j = mlp(&n, "J", duet_concat(g, f, h));
    *out = duet_concat(g, duet_concat(g, linear(&n, "score_x", f, 1), linear(&n, "score_z", h, 1)),
                       linear(&n, "score_xz", j, 1));
    duet_scope_pop(g, mark);
}

static duet_status check(const void *config) {
    const bigbigan_config *const c = config;
    const int levels = c->channel_mult.count;
    if (levels < 1 || levels > 8 || c->image_size % (INT64_C(1) << levels) != 0)
        return duet_fail(DUET_ARG,
                         "'channel_mult' has %d levels, for which 'image_size' (%lld) would have "
                         "to be a multiple of 2^levels",
                         levels, (long long)c->image_size);
    if (c->latents % (levels + 1) != 0)
        return duet_fail(DUET_ARG, "'latents' (%lld) cannot be divided into %d equal chunks",
                         (long long)c->latents, levels + 1);
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const bigbigan_config *const c = config;
    *out = (duet_arch_shape){
        .size = c->image_size,
        .in_channels = c->in_channels,
        .out_channels = c->in_channels,
        .latents = c->latents,
        .features = 2 * c->channel_mult.count, /* the map whose mean its MLP reads */
        .parts = {{"encoder", DUET_BIT(X), DUET_BIT(MEAN) | DUET_BIT(LOG_VAR), encode},
                  {"generator", DUET_BIT(Z), DUET_BIT(IMAGE), generate},
                  {"discriminator", DUET_BIT(X) | DUET_BIT(Z), DUET_BIT(SCORES), discriminate}},
        .part_count = 3};
}

const duet_arch duet_arch_bigbigan = {
    .info = {.name = "bigbigan",
             .help = "generator, encoder and joint discriminator (BigBiGAN, 1907.02544)",
             .params = DUET_TABLE(params, bigbigan_config)},
    .check = check,
    .shape = shape,
};
