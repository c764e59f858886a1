/* SPDX-License-Identifier: MIT
 * model/arch/arch_resnet.c: residual networks (He et al. 2016) as PyTorch's torchvision and timm
 * name their tensors: ResNet-18 and -34 (basic blocks), ResNet-50, -101, -152 (bottlenecks, the 3x3
 * convolution has the stride), and the small ones for CIFAR (ResNet-20 and on: a 3x3 stem, three
 * stages, shortcuts without weights that take every second pixel and pad with zero channels). Taps:
 * the stem, each block, and last the logits of the network's own classifier. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/nn.h"

#define MOST_STAGES 4

typedef struct resnet_config {
    int64_t image_size, in_channels, base, classes;
    duet_int_list blocks;
    bool bottleneck, small;
    char head[DUET_TEXT_SIZE];
} resnet_config;

static const duet_param params[] = {
    DUET_INT(resnet_config, image_size, "224", 8, 4096, "side of the images in pixels"),
    DUET_INT(resnet_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(resnet_config, base, "64", 1, 4096,
             "channels of the first stage; each next one has twice as many"),
    DUET_INT(resnet_config, classes, "1000", 0, 32768,
             "classes of the network's own classifier; 0 = none"),
    DUET_INTS(resnet_config, blocks, "2,2,2,2", 1, 1000, "blocks of each stage"),
    DUET_BOOLEAN(resnet_config, bottleneck, "false",
                 "blocks of three convolutions, with four times the channels behind them"),
    DUET_BOOLEAN(resnet_config, small, "false",
                 "for small images: a 3x3 stem without pooling, shortcuts without weights"),
    DUET_TEXT(resnet_config, head, "fc", "fc|linear", "name of the classifier"),
};

/* A network that is built. */
typedef struct net {
    duet_graph *g;
    const resnet_config *c;
    duet_nn_states states;
} net;

/* Convolution and norm, named "conv1" and "bn1", "downsample.0" and "downsample.1". */
static duet_value conv(const net *n, const char *name, const char *norm, duet_value x, int64_t out,
                       int64_t kernel, int64_t stride, duet_value residual, bool relu) {
    x = duet_nn_conv2d_plain(n->g, name, x, out, kernel, stride, kernel / 2);
    return duet_nn_batch_norm(n->g, norm, x, residual, 1e-5, relu, n->states);
}

/* Every second pixel along each axis. */
static duet_value halve(duet_graph *g, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3);
    x = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B * H / 2, 2 * W * C}), 0, W * C);
    x = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B * H / 2 * W / 2, 2 * C}), 0, C);
    return duet_reshape(g, x, 4, (int64_t[]){B, H / 2, W / 2, C});
}

static duet_value shortcut(const net *n, duet_value x, int64_t out, int64_t stride) {
    duet_graph *const g = n->g;
    const int64_t in = duet_dim(g, x, -1);
    if (in == out && stride == 1) return x;
    if (!n->c->small)
        return conv(n, "downsample.0", "downsample.1", x, out, 1, stride, DUET_NONE, false);
    return duet_unslice(g, stride > 1 ? halve(g, x) : x, (out - in) / 2, out);
}

static duet_value block(const net *n, duet_value x, int64_t width, int64_t stride) {
    const int64_t out = n->c->bottleneck ? 4 * width : width;
    const duet_value side = shortcut(n, x, out, stride);
    if (!n->c->bottleneck) {
        x = conv(n, "conv1", "bn1", x, width, 3, stride, DUET_NONE, true);
        return conv(n, "conv2", "bn2", x, out, 3, 1, side, true);
    }
    x = conv(n, "conv1", "bn1", x, width, 1, 1, DUET_NONE, true);
    x = conv(n, "conv2", "bn2", x, width, 3, stride, DUET_NONE, true);
    return conv(n, "conv3", "bn3", x, out, 1, 1, side, true);
}

static duet_value classifier(duet_graph *g, const resnet_config *c, duet_value x, int number) {
    const int64_t B = duet_dim(g, x, 0);
    x = duet_reshape(g, duet_adaptive_pool(g, x, 1), 2, (int64_t[]){B, -1});
    x = duet_nn_linear(g, c->head, x, c->classes, 0, false);
    return duet_tap(g, number, c->head, duet_reshape(g, x, 4, (int64_t[]){B, 1, 1, c->classes}));
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const resnet_config *const c = config;
    const net n = {g, c, in->training ? DUET_NN_UPDATE : DUET_NN_STORED};
    int number = 1;
    char name[64];
    duet_value x = conv(&n, "conv1", "bn1", in->x, c->base, c->small ? 3 : 7, c->small ? 1 : 2,
                        DUET_NONE, true);
    if (!c->small) x = duet_max_pool(g, x, 3, 2, 1);
    x = duet_tap(g, number++, c->small ? "bn1" : "maxpool", x);
    for (int stage = 0; stage < c->blocks.count; stage++) {
        for (int64_t i = 0; i < c->blocks.v[stage]; i++) {
            snprintf(name, sizeof name, "layer%d.%lld", stage + 1, (long long)i);
            const size_t mark = duet_scope_push(g, "%s", name);
            x = block(&n, x, c->base << stage, stage > 0 && i == 0 ? 2 : 1);
            duet_scope_pop(g, mark);
            x = duet_tap(g, number++, name, x);
        }
    }
    *out = c->classes > 0 ? classifier(g, c, x, number) : x;
}

static duet_status check(const void *config) {
    const resnet_config *const c = config;
    if (c->blocks.count < 1 || c->blocks.count > MOST_STAGES)
        return duet_fail(DUET_ARG, "blocks names %d stages; 1 to %d are possible", c->blocks.count,
                         MOST_STAGES);
    if (c->small && c->image_size % (1 << (c->blocks.count - 1)) != 0)
        return duet_fail(DUET_ARG, "image_size %lld cannot be halved %d times",
                         (long long)c->image_size, c->blocks.count - 1);
    return DUET_OK;
}

static int64_t last_channels(const resnet_config *c) {
    return (c->bottleneck ? 4 : 1) * c->base << (c->blocks.count - 1);
}

static void shape(const void *config, duet_arch_shape *out) {
    const resnet_config *const c = config;
    *out =
        (duet_arch_shape){.size = c->image_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->classes > 0 ? c->classes : last_channels(c),
                          .logits = c->classes,
                          .parts = {{"classifier", DUET_BIT(X),
                                     c->classes > 0 ? DUET_BIT(LOGITS) : DUET_BIT(FEATURE), build}},
                          .part_count = 1};
}

static int64_t count_blocks(const duet_guess *guess, int stage) {
    char name[64];
    for (int64_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "layer%d.%lld.conv1.weight", stage, (long long)i);
        if (!duet_foreign_has(guess, name)) return i;
    }
    return 0;
}

static void assume(duet_guess *guess, bool small) {
    snprintf(guess->noise, sizeof guess->noise, "none");
    duet_foreign_imagenet(guess);
    if (small) guess->fit[0] = '\0';
    duet_foreign_assume(guess, "image_size (%d)", small ? 32 : 224);
    duet_foreign_assume(guess, "mean and deviation of the colours (ImageNet's)");
    if (!small) duet_foreign_assume(guess, "resizing (short side to 256; bilinear; centre)");
    duet_foreign_assume(guess, "norm eps (1e-5), activation (ReLU)");
    if (duet_foreign_has(guess, "layer1.0.conv3.weight"))
        duet_foreign_assume(guess, "strides (in the 3x3 filters)");
    if (small) duet_foreign_assume(guess, "shortcuts (every second pixel)");
}

/* The classifier; NULL without a message where the file has none, or only a projection used in
 * training. */
static const duet_shape *find_classifier(const duet_guess *guess, const char *head, bool *failed) {
    const char *const name = head[0] == 'l' ? "linear.weight" : "fc.weight";
    if (guess->pretext || !duet_foreign_has(guess, name)) return NULL;
    const duet_shape *const shape = duet_foreign_shape(guess, name, 2);
    *failed = shape == NULL;
    return shape;
}

static duet_status infer(duet_guess *guess) {
    const bool small = !duet_foreign_has(guess, "layer2.0.downsample.0.weight");
    const char *const head = duet_foreign_has(guess, "linear.weight") ? "linear" : "fc";
    const duet_shape *const stem = duet_foreign_shape(guess, "conv1.weight", 4),
                            *const stage = duet_foreign_shape(guess, "layer1.0.conv1.weight", 4);
    bool failed = false;
    const duet_shape *const classes = find_classifier(guess, head, &failed);
    char blocks[64] = "";
    const duet_shape *const second = duet_foreign_shape(guess, "layer1.0.conv2.weight", 4);
    /* the message is already set */
    if (stem == NULL || stage == NULL || failed || second == NULL) return DUET_FORMAT;
    if (second->dim[1] != stage->dim[0])
        return duet_fail(DUET_UNSUPPORTED,
                         "grouped convolutions (ResNeXt) are not run by this version");
    if (stage->dim[0] != stem->dim[0])
        return duet_fail(
            DUET_UNSUPPORTED,
            "wide blocks (%lld channels behind a stem of %lld) are not run by this version",
            (long long)stage->dim[0], (long long)stem->dim[0]);
    for (int s = 1; s <= MOST_STAGES && count_blocks(guess, s) > 0; s++)
        snprintf(blocks + strlen(blocks), sizeof blocks - strlen(blocks), "%s%lld",
                 s > 1 ? "/" : "", (long long)count_blocks(guess, s));
    snprintf(guess->config, sizeof guess->config,
             "image_size=%d,in_channels=%lld,base=%lld,classes=%lld,blocks=%s,bottleneck=%s,small=%"
             "s,head=%s",
             small ? 32 : 224, (long long)stem->dim[1], (long long)stage->dim[0],
             (long long)(classes != NULL ? classes->dim[0] : 0), blocks,
             duet_foreign_has(guess, "layer1.0.conv3.weight") ? "true" : "false",
             small ? "true" : "false", head);
    assume(guess, small);
    return DUET_OK;
}

const duet_arch duet_arch_resnet = {
    .info = {.name = "resnet",
             .help = "residual network with a classifier (torchvision, timm; CIFAR)",
             .params = DUET_TABLE(params, resnet_config)},
    .check = check,
    .shape = shape,
    .signature = "layer1.0.bn1.running_mean",
    .infer = infer,
};
