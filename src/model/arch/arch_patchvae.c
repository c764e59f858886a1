/* SPDX-License-Identifier: MIT
 * PatchVAE (Gupta, Singh and Shrivastava, CVPR 2020, arXiv 2004.03623): an image is parts, each
 * with one appearance and a map of where it occurs. Two parts of the network, encoder and decoder;
 * S / scale is the side s of the maps, N the parts, d the numbers of an appearance:
 *   encoder: x → features [B,s,s,F] → three 3x3 convolutions: appearance mean and log variance
 *            [B,s,s,N d], occurrence logits [B,s,s,N]; q = sigmoid(logits). Of each part one
 *            appearance: mean and variance over the places, weighted by q, through which no
 *            gradient flows to q
 *   decoder: z = (appearance [B,N d], occurrence [B,s s N]) → their product at each place
 *            [B,s,s,N d] → 1x1, norm, leaky ReLU → (twice as large) until S → tanh
 * mean of z given x: (mean, q). Under the prior appearances are N(0,1), occurrences 0 or 1.
 * Features are those of the authors' `pyramid` (4x4 convolutions of stride 2) or of the first
 * stages of a ResNet-18, their default. Taps: the features' levels, the occurrences, the
 * appearances. */
#include <stdio.h>

#include "base/error.h"
#include "model/arch/arch.h"
#include "model/nn.h"

static const double TINY = 1e-7, MOST = 1e7; /* of variances, as the authors have them */
#define SLOPE 0.2                            /* of leaky ReLU */
#define EPS   1e-5                           /* of batch norm */

typedef struct patchvae_config {
    int64_t image_size, in_channels, channels, scale, parts, appearance;
    char features[16];
    double prior;
} patchvae_config;

static const duet_param params[] = {
    DUET_INT(patchvae_config, image_size, "32", 4, 1024, "side of the images in pixels"),
    DUET_INT(patchvae_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(patchvae_config, channels, "64", 1, 4096, "channels at the first level"),
    DUET_INT(patchvae_config, scale, "4", 2, 64, "the maps' side is that of the image by this"),
    DUET_INT(patchvae_config, parts, "16", 1, 1024, "parts"),
    DUET_INT(patchvae_config, appearance, "6", 1, 4096, "numbers of a part's appearance"),
    DUET_TEXT(patchvae_config, features, "resnet", "resnet|pyramid", "what reads the image"),
    DUET_FLOAT(patchvae_config, prior, "0", 0, 0.5,
               "chance of a part at a place under the prior; 0 = 1 / parts"),
};

static int64_t side_of(const patchvae_config *c) {
    return c->image_size / c->scale;
}

static int levels_of(const patchvae_config *c) {
    int levels = 0;
    while ((INT64_C(1) << levels) < c->scale) levels++;
    return levels;
}

/* ---- features ---- */

/* A network that is built. */
typedef struct net {
    duet_graph *g;
    const patchvae_config *c;
    duet_nn_states states;
    int tap;
} net;

static duet_value leaky(const net *n, duet_value x) {
    return duet_leaky_relu(n->g, x, SLOPE);
}

static duet_value norm(const net *n, const char *name, duet_value x) {
    return duet_nn_batch_norm(n->g, name, x, DUET_NONE, EPS, false, n->states);
}

static duet_value pyramid(net *n, duet_value x) {
    char name[32];
    for (int i = 0; i < levels_of(n->c); i++) {
        snprintf(name, sizeof name, "pyramid%d", i);
        const size_t mark = duet_scope_push(n->g, "%s", name);
        x = duet_nn_conv2d_plain(n->g, "conv", x, n->c->channels << i, 4, 2, 1);
        x = leaky(n, i > 0 ? norm(n, "norm", x) : x);
        duet_scope_pop(n->g, mark);
        x = duet_tap(n->g, n->tap++, name, x);
    }
    return x;
}

/* Two 3x3 convolutions beside a shortcut, as in ResNet-18. */
static duet_value block(const net *n, duet_value x, int64_t out, int64_t stride) {
    duet_graph *const g = n->g;
    duet_value side = x;
    if (stride > 1 || duet_dim(g, x, -1) != out)
        side =
            norm(n, "downsample.1", duet_nn_conv2d_plain(g, "downsample.0", x, out, 1, stride, 0));
    x = duet_nn_conv2d_plain(g, "conv1", x, out, 3, stride, 1);
    x = duet_nn_batch_norm(g, "bn1", x, DUET_NONE, EPS, true, n->states);
    x = duet_nn_conv2d_plain(g, "conv2", x, out, 3, 1, 1);
    return duet_nn_batch_norm(g, "bn2", x, side, EPS, true, n->states);
}

/* Stem and pooling quarter the side, each stage after the first halves it. */
static duet_value resnet(net *n, duet_value x) {
    char name[32];
    x = duet_nn_conv2d_plain(n->g, "conv1", x, n->c->channels, 7, 2, 3);
    x = duet_nn_batch_norm(n->g, "bn1", x, DUET_NONE, EPS, true, n->states);
    if (n->c->scale > 2) x = duet_max_pool(n->g, x, 3, 2, 1);
    x = duet_tap(n->g, n->tap++, "bn1", x);
    for (int stage = 0; stage + 1 < levels_of(n->c); stage++)
        for (int i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, i);
            const size_t mark = duet_scope_push(n->g, "%s", name);
            x = block(n, x, n->c->channels << stage, stage > 0 && i == 0 ? 2 : 1);
            duet_scope_pop(n->g, mark);
            x = duet_tap(n->g, n->tap++, name, x);
        }
    return x;
}

/* ---- encoder ---- */

/* [B,s,s,N] -> [B,s,s,N d]: each number d times */
static duet_value for_each_number(duet_graph *g, const patchvae_config *c, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), s = side_of(c), N = c->parts, d = c->appearance;
    const duet_value one = duet_fill(g, 1.0, 2, (int64_t[]){1, d});
    x = duet_matmul(g, duet_reshape(g, x, 2, (int64_t[]){B * s * s * N, 1}), one, false, false);
    return duet_reshape(g, x, 4, (int64_t[]){B, s, s, N * d});
}

/* (sum over the places of x w + add) / sum of w: [B,C] */
static duet_value weighted(duet_graph *g, duet_value x, duet_value w, double add,
                           duet_value reciprocal) {
    duet_value sum = duet_sum_channels(g, duet_mul(g, x, w));
    if (add > 0) sum = duet_add(g, sum, duet_fill(g, add, 1, (int64_t[]){1}));
    return duet_mul(g, sum, reciprocal);
}

static void encode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const patchvae_config *const c = config;
    const size_t mark = duet_scope_push(g, "encoder");
    net n = {g, c, in->training ? DUET_NN_UPDATE : DUET_NN_STORED, 1};
    const int64_t B = duet_dim(g, in->x, 0), s = side_of(c), N = c->parts, C = N * c->appearance,
                  one = 1;
    const duet_value x = c->features[0] == 'p' ? pyramid(&n, in->x) : resnet(&n, in->x);
    const duet_value mean = duet_nn_conv2d(g, "mean", x, C, 3, 1, 1, false),
                     log_var = duet_nn_conv2d(g, "log_var", x, C, 3, 1, 1, false),
                     logits = duet_nn_conv2d(g, "occurrence", x, N, 3, 1, 1, false);
    const duet_value q =
        duet_tap(g, n.tap, "encoder.occurrence", duet_elementwise(g, logits, "sigmoid"));
    const duet_value w = duet_detach(g, for_each_number(g, c, q));
    const duet_value total = duet_add(g, duet_sum_channels(g, w), duet_fill(g, TINY, 1, &one));
    const duet_value by =
        duet_elementwise(g, duet_scale(g, duet_elementwise(g, total, "log"), -1.0), "exp");
    const duet_value var = duet_clamp(g, duet_elementwise(g, log_var, "exp"), TINY, MOST);
    const duet_value appearance = duet_reshape(
        g,
        duet_tap(g, n.tap + 1, "encoder.appearance",
                 duet_reshape(g, weighted(g, mean, w, 0, by), 4, (int64_t[]){B, 1, 1, C})),
        2, (int64_t[]){B, C});
    out[0] = duet_concat(g, appearance, duet_reshape(g, q, 2, (int64_t[]){B, s * s * N}));
    out[1] = duet_elementwise(g, weighted(g, var, w, TINY, by), "log");
    out[2] = duet_reshape(g, logits, 2, (int64_t[]){B, s * s * N});
    duet_scope_pop(g, mark);
}

/* ---- decoder ---- */

static void decode(duet_graph *g, const void *config, const duet_model_inputs *in,
                   duet_value *out) {
    const patchvae_config *const c = config;
    const size_t mark = duet_scope_push(g, "decoder");
    const net n = {g, c, in->training ? DUET_NN_UPDATE : DUET_NN_STORED, 1};
    const int64_t B = duet_dim(g, in->z, 0), s = side_of(c), N = c->parts, C = N * c->appearance;
    const int levels = levels_of(c);
    const duet_value what = duet_slice(g, in->z, 0, C),
                     where = duet_reshape(g, duet_slice(g, in->z, C, s * s * N), 4,
                                          (int64_t[]){B, s, s, N});
    duet_value x = duet_mul(g, for_each_number(g, c, where), what);
    x = duet_nn_conv2d_plain(g, "in", x, c->channels << (levels - 1), 1, 1, 0);
    x = leaky(&n, norm(&n, "norm", x));
    for (int i = levels - 1; i > 0; i--) {
        const size_t level = duet_scope_push(g, "%d", i);
        x = duet_nn_conv_transpose2d(g, "conv", x, c->channels << (i - 1), 4, 2, 1);
        x = leaky(&n, norm(&n, "norm", x));
        duet_scope_pop(g, level);
    }
    *out =
        duet_elementwise(g, duet_nn_conv_transpose2d(g, "out", x, c->in_channels, 4, 2, 1), "tanh");
    duet_scope_pop(g, mark);
}

static duet_status check(const void *config) {
    const patchvae_config *const c = config;
    if ((c->scale & (c->scale - 1)) != 0)
        return duet_fail(DUET_ARG, "'scale' (%lld) is no power of two", (long long)c->scale);
    if (c->image_size % c->scale != 0)
        return duet_fail(DUET_ARG, "'image_size' (%lld) is not a multiple of 'scale' (%lld)",
                         (long long)c->image_size, (long long)c->scale);
    if (c->features[0] == 'r' && c->scale > 32)
        return duet_fail(DUET_ARG, "a ResNet has four stages, 'scale' 32 at most; it is %lld",
                         (long long)c->scale);
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const patchvae_config *const c = config;
    const int64_t places = side_of(c) * side_of(c) * c->parts;
    *out = (duet_arch_shape){
        .size = c->image_size,
        .in_channels = c->in_channels,
        .out_channels = c->in_channels,
        .latents = c->parts * c->appearance + places,
        .switches = places,
        .switch_chance = c->prior > 0 ? c->prior : 1.0 / (double)c->parts,
        .parts = {{"encoder", DUET_BIT(X),
                   DUET_BIT(MEAN) | DUET_BIT(LOG_VAR) | DUET_BIT(OCCURRENCE), encode},
                  {"decoder", DUET_BIT(Z), DUET_BIT(IMAGE), decode}},
        .part_count = 2};
}

const duet_arch duet_arch_patchvae = {
    .info = {.name = "patchvae",
             .help = "autoencoder of parts: what they look like and where they occur (2004.03623)",
             .params = DUET_TABLE(params, patchvae_config)},
    .check = check,
    .shape = shape,
};
