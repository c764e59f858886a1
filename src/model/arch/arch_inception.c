/* SPDX-License-Identifier: MIT
 * model/arch/arch_inception.c: Inception-v3 (Szegedy et al. 2016) in the form that scores generated
 * images: the port of TensorFlow's network of 2015-12-05 that pytorch-fid's weights file holds,
 * with torchvision's names. It differs from torchvision's own: 1008 classes, means of pools without
 * the padding, a maximum in the last block's pool. Batch norms have eps 1e-3. Taps: after both
 * pools of the stem (64 and 192 channels), after each Mixed block (6e: 768, 7c: 2048 channels,
 * whose mean over the map is the feature of the Frechet distance), and the logits. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/nn.h"

typedef struct inception_config {
    int64_t image_size, in_channels, classes;
} inception_config;

static const duet_param params[] = {
    DUET_INT(inception_config, image_size, "299", 75, 4096, "side of the images in pixels"),
    DUET_INT(inception_config, in_channels, "3", 1, 64, "channels of the images"),
    DUET_INT(inception_config, classes, "1008", 0, 100000, "classes of the classifier; 0 = none"),
};

extern const duet_arch duet_arch_inception;

/* Square convolution, norm, ReLU: <name>.conv, <name>.bn. */
static duet_value conv(duet_graph *g, const char *name, duet_value x, int64_t out, int64_t kernel,
                       int64_t stride, int64_t pad) {
    const size_t mark = duet_scope_push(g, "%s", name);
    x = duet_nn_conv2d_plain(g, "conv", x, out, kernel, stride, pad);
    x = duet_nn_batch_norm(g, "bn", x, DUET_NONE, 1e-3, true, DUET_NN_STORED);
    duet_scope_pop(g, mark);
    return x;
}

/* x shifted by u - pad along an axis and filled with zeros: a run of pixels of the padded image,
 * which is contiguous in NHWC. */
static duet_value shifted(duet_graph *g, duet_value x, int64_t u, int64_t pad, bool rows) {
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3);
    const int64_t outer = rows ? B : B * H, length = rows ? H : W, unit = rows ? W * C : C;
    if (u == pad) return x;
    x = rows ? duet_pad(g, x, pad, pad, 0, 0) : duet_pad(g, x, 0, 0, pad, pad);
    x = duet_reshape(g, x, 2, (int64_t[]){outer, (length + 2 * pad) * unit});
    return duet_reshape(g, duet_slice(g, x, u * unit, length * unit), 4, (int64_t[]){B, H, W, C});
}

/* Convolution along one axis, 1 x k or k x 1, keeping the size: the sum of k linear layers on
 * shifted copies. */
static duet_value line(duet_graph *g, const char *name, duet_value x, int64_t out, int64_t k,
                       bool rows) {
    const int64_t in = duet_dim(g, x, -1);
    const size_t mark = duet_scope_push(g, "%s", name), inner = duet_scope_push(g, "conv");
    const duet_init init = {.kind = DUET_INIT_UNIFORM, .scale = 1.0 / sqrt((double)(in * k))};
    const duet_value weight = duet_parameter(g, "weight", DUET_WEIGHT, init, 4,
                                             (int64_t[]){out, in, rows ? k : 1, rows ? 1 : k});
    const duet_value flat = duet_reshape(g, weight, 2, (int64_t[]){out * in, k});
    duet_value sum = DUET_NONE;
    duet_scope_pop(g, inner);
    for (int64_t u = 0; u < k; u++) {
        const duet_value part = duet_reshape(g, duet_slice(g, flat, u, 1), 2, (int64_t[]){out, in});
        const duet_value y = duet_linear(g, shifted(g, x, u, k / 2, rows), part, DUET_NONE);
        sum = sum == DUET_NONE ? y : duet_add(g, sum, y);
    }
    sum = duet_nn_batch_norm(g, "bn", sum, DUET_NONE, 1e-3, true, DUET_NN_STORED);
    duet_scope_pop(g, mark);
    return sum;
}

static duet_value wide(duet_graph *g, const char *name, duet_value x, int64_t out, int64_t k) {
    return line(g, name, x, out, k, false);
}
static duet_value tall(duet_graph *g, const char *name, duet_value x, int64_t out, int64_t k) {
    return line(g, name, x, out, k, true);
}

static duet_value join(duet_graph *g, duet_value a, duet_value b, duet_value c, duet_value d) {
    a = duet_concat(g, duet_concat(g, a, b), c);
    return d == DUET_NONE ? a : duet_concat(g, a, d);
}

static duet_value block_a(duet_graph *g, duet_value x, int64_t pooled) {
    const duet_value one = conv(g, "branch1x1", x, 64, 1, 1, 0);
    const duet_value five =
        conv(g, "branch5x5_2", conv(g, "branch5x5_1", x, 48, 1, 1, 0), 64, 5, 1, 2);
    duet_value twice =
        conv(g, "branch3x3dbl_2", conv(g, "branch3x3dbl_1", x, 64, 1, 1, 0), 96, 3, 1, 1);
    twice = conv(g, "branch3x3dbl_3", twice, 96, 3, 1, 1);
    return join(g, one, five, twice,
                conv(g, "branch_pool", duet_mean_pool(g, x, 3, 1, 1), pooled, 1, 1, 0));
}

static duet_value block_b(duet_graph *g, duet_value x) {
    const duet_value three = conv(g, "branch3x3", x, 384, 3, 2, 0);
    duet_value twice =
        conv(g, "branch3x3dbl_2", conv(g, "branch3x3dbl_1", x, 64, 1, 1, 0), 96, 3, 1, 1);
    twice = conv(g, "branch3x3dbl_3", twice, 96, 3, 2, 0);
    return join(g, three, twice, duet_max_pool(g, x, 3, 2, 0), DUET_NONE);
}

static duet_value block_c(duet_graph *g, duet_value x, int64_t c7) {
    const duet_value one = conv(g, "branch1x1", x, 192, 1, 1, 0);
    duet_value seven = wide(g, "branch7x7_2", conv(g, "branch7x7_1", x, c7, 1, 1, 0), c7, 7);
    seven = tall(g, "branch7x7_3", seven, 192, 7);
    duet_value twice = tall(g, "branch7x7dbl_2", conv(g, "branch7x7dbl_1", x, c7, 1, 1, 0), c7, 7);
    twice = tall(g, "branch7x7dbl_4", wide(g, "branch7x7dbl_3", twice, c7, 7), c7, 7);
    twice = wide(g, "branch7x7dbl_5", twice, 192, 7);
    return join(g, one, seven, twice,
                conv(g, "branch_pool", duet_mean_pool(g, x, 3, 1, 1), 192, 1, 1, 0));
}

static duet_value block_d(duet_graph *g, duet_value x) {
    const duet_value three =
        conv(g, "branch3x3_2", conv(g, "branch3x3_1", x, 192, 1, 1, 0), 320, 3, 2, 0);
    duet_value seven = wide(g, "branch7x7x3_2", conv(g, "branch7x7x3_1", x, 192, 1, 1, 0), 192, 7);
    seven = conv(g, "branch7x7x3_4", tall(g, "branch7x7x3_3", seven, 192, 7), 192, 3, 2, 0);
    return join(g, three, seven, duet_max_pool(g, x, 3, 2, 0), DUET_NONE);
}

static duet_value block_e(duet_graph *g, duet_value x, bool largest) {
    const duet_value one = conv(g, "branch1x1", x, 320, 1, 1, 0),
                     first = conv(g, "branch3x3_1", x, 384, 1, 1, 0);
    const duet_value three = duet_concat(g, wide(g, "branch3x3_2a", first, 384, 3),
                                         tall(g, "branch3x3_2b", first, 384, 3));
    const duet_value second =
        conv(g, "branch3x3dbl_2", conv(g, "branch3x3dbl_1", x, 448, 1, 1, 0), 384, 3, 1, 1);
    const duet_value twice = duet_concat(g, wide(g, "branch3x3dbl_3a", second, 384, 3),
                                         tall(g, "branch3x3dbl_3b", second, 384, 3));
    const duet_value pool = largest ? duet_max_pool(g, x, 3, 1, 1) : duet_mean_pool(g, x, 3, 1, 1);
    return join(g, one, three, twice, conv(g, "branch_pool", pool, 192, 1, 1, 0));
}

static const struct {
    const char *name;
    char kind;
    int64_t option; /* A: channels of the pooling branch; C: of the 7x7 branches; E: 1 = maximum
                       pooling */
} blocks[] = {{"Mixed_5b", 'A', 32},  {"Mixed_5c", 'A', 64},  {"Mixed_5d", 'A', 64},
              {"Mixed_6a", 'B', 0},   {"Mixed_6b", 'C', 128}, {"Mixed_6c", 'C', 160},
              {"Mixed_6d", 'C', 160}, {"Mixed_6e", 'C', 192}, {"Mixed_7a", 'D', 0},
              {"Mixed_7b", 'E', 0},   {"Mixed_7c", 'E', 1}};

static duet_value block(duet_graph *g, duet_value x, char kind, int64_t option) {
    switch (kind) {
    case 'A':
        return block_a(g, x, option);
    case 'B':
        return block_b(g, x);
    case 'C':
        return block_c(g, x, option);
    case 'D':
        return block_d(g, x);
    default:
        return block_e(g, x, option == 1);
    }
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const inception_config *const c = config;
    int number = 1;
    duet_value x = conv(g, "Conv2d_1a_3x3", in->x, 32, 3, 2, 0);
    x = conv(g, "Conv2d_2b_3x3", conv(g, "Conv2d_2a_3x3", x, 32, 3, 1, 0), 64, 3, 1, 1);
    x = duet_tap(g, number++, "maxpool1", duet_max_pool(g, x, 3, 2, 0));
    x = conv(g, "Conv2d_4a_3x3", conv(g, "Conv2d_3b_1x1", x, 80, 1, 1, 0), 192, 3, 1, 0);
    x = duet_tap(g, number++, "maxpool2", duet_max_pool(g, x, 3, 2, 0));
    for (int i = 0; i < DUET_COUNT(blocks); i++) {
        const size_t mark = duet_scope_push(g, "%s", blocks[i].name);
        x = block(g, x, blocks[i].kind, blocks[i].option);
        duet_scope_pop(g, mark);
        x = duet_tap(g, number++, blocks[i].name, x);
    }
    *out = x;
    if (c->classes == 0) return;
    const int64_t B = duet_dim(g, x, 0);
    x = duet_reshape(g, duet_adaptive_pool(g, x, 1), 2, (int64_t[]){B, -1});
    x = duet_nn_linear(g, "fc", x, c->classes, 0, false);
    *out = duet_tap(g, number, "fc", duet_reshape(g, x, 4, (int64_t[]){B, 1, 1, c->classes}));
}

static duet_status check(const void *config) {
    (void)config;
    return DUET_OK;
}

static void shape(const void *config, duet_arch_shape *out) {
    const inception_config *const c = config;
    *out =
        (duet_arch_shape){.size = c->image_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->classes > 0 ? c->classes : 2048,
                          .logits = c->classes,
                          .spatial = 9, /* TensorFlow's mixed_6/conv: the first of Mixed_6d */
                          .spatial_channels = 7,
                          .parts = {{"classifier", DUET_BIT(X),
                                     c->classes > 0 ? DUET_BIT(LOGITS) : DUET_BIT(FEATURE), build}},
                          .part_count = 1};
}

/* torchvision's own network has the same names, except for its second classifier, but computes
 * other values. */
static duet_status infer(duet_guess *guess) {
    const duet_shape *const stem = duet_foreign_shape(guess, "Conv2d_1a_3x3.conv.weight", 4),
                            *const fc = duet_foreign_has(guess, "fc.weight")
                                            ? duet_foreign_shape(guess, "fc.weight", 2)
                                            : NULL;
    if (stem == NULL || (fc == NULL && duet_foreign_has(guess, "fc.weight"))) return DUET_FORMAT;
    if (duet_foreign_has(guess, "AuxLogits.fc.weight"))
        return duet_fail(DUET_UNSUPPORTED,
                         "it is torchvision's own Inception-v3; of this network only the form that "
                         "scores images is read (pytorch-fid's weights file)");
    snprintf(guess->config, sizeof guess->config, "in_channels=%lld,classes=%lld",
             (long long)stem->dim[1], (long long)(fc != NULL ? fc->dim[0] : 0));
    snprintf(guess->noise, sizeof guess->noise, "none");
    snprintf(guess->resize, sizeof guess->resize, "torch");
    duet_foreign_assume(guess, "image_size (299), colours (-1 to 1), pools (as in pytorch-fid)");
    duet_foreign_assume(guess, "resizing (torch), norm eps (1e-3), activation (ReLU)");
    return DUET_OK;
}

const duet_arch duet_arch_inception = {
    .info = {.name = "inception",
             .help = "Inception-v3 of pytorch-fid",
             .params = DUET_TABLE(params, inception_config)},
    .check = check,
    .shape = shape,
    .signature = "Mixed_6e.branch7x7dbl_5.bn.running_mean",
    .infer = infer,
};
