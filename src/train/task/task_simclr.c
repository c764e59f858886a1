/* SPDX-License-Identifier: MIT
 * SimCLR (Chen et al. 2020, arXiv 2002.05709), without labels: two augmented views of each image
 * are to be each other's nearest in a batch of B. z = projection(mean of the features over their
 * map), of length 1, rows i and i + B the views of an image:
 *   loss = mean over the 2 B rows of -log ( exp(z_i z_partner / T) / sum over k != i of
 *          exp(z_i z_k / T) )
 * The projection, linear, ReLU, linear, is part of the training only. Column: how often the
 * partner is the nearest, in percent. */
#include <math.h>

#include "base/error.h"
#include "model/network.h"
#include "model/nn.h"
#include "train/task/task.h"

static const double APART = -1e9; /* added to the logit of a row with itself */

typedef struct simclr_options {
    double temperature;
    int64_t width;
} simclr_options;

static const duet_param rows[] = {
    DUET_FLOAT(simclr_options, temperature, "0.5", 1e-3, 100, "T"),
    DUET_INT(simclr_options, width, "128", 1, 65536, "numbers of a projection"),
};

/* Rows [n,C] of length 1. */
static duet_value unit(duet_graph *g, duet_value x) {
    const double C = (double)duet_dim(g, x, 1);
    return duet_scale(g, duet_rms_norm(g, x, 1, 1e-8, 1.0), 1.0 / sqrt(C));
}

static duet_value project(duet_graph *g, const simclr_options *o, duet_value x) {
    const duet_part_mark mark = duet_part_push(g, "projection", 0);
    x = duet_relu(g, duet_nn_linear(g, "0", x, duet_dim(g, x, 1), 0, false));
    x = duet_nn_linear(g, "1", x, o->width, 0, false);
    duet_part_pop(g, mark);
    return unit(g, x);
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const simclr_options *o = options;
    const int64_t n = 2 * setup->batch;
    duet_model_inputs in = {0};
    duet_value feature[DUET_PART_GIVES], each = DUET_NONE;
    duet_model_inputs_make(setup->model, g, n, DUET_BIT(X), true, &in);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_READS, &in, feature));
    const duet_value pooled =
        duet_reshape(g, duet_adaptive_pool(g, feature[0], 1), 2, (int64_t[]){n, -1});
    const duet_value z = project(g, o, pooled),
                     apart = duet_input(g, "apart", DUET_F32, 2, (int64_t[]){n, n}),
                     partner = duet_input(g, "partner", DUET_I32, 1, &n);
    const duet_value logits =
        duet_add(g, duet_scale(g, duet_matmul(g, z, z, false, true), 1.0 / o->temperature), apart);
    duet_cross_entropy(g, logits, partner, 0.0, &to->loss, &each);
    to->scalars[0] = duet_scale(g, duet_top1(g, logits, partner), 100.0);
    return duet_graph_status(g);
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options, (void)program;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels, B = setup->batch;
    float *const x = duet_network_inputs_of(to->session).x, *const apart = duet_session_input(
                                                                to->session, "apart");
    int32_t *const partner = duet_session_input(to->session, "partner");
    if (x == NULL || apart == NULL || partner == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < 2 * B; r++) {
        const uint8_t *const view = to->batch->pixels + r / B * to->batch->view_size;
        duet_pixels_to_float(x + r * dim, view + r % B * dim, dim);
        for (int64_t k = 0; k < 2 * B; k++) apart[r * 2 * B + k] = k == r ? (float)APART : 0.0F;
        partner[r] = (int32_t)((r + B) % (2 * B));
    }
    return DUET_OK;
}

const duet_task duet_task_simclr = {
    .info = {.name = "simclr",
             .help = "two views of an image find each other (SimCLR), without labels",
             .params = DUET_TABLE(rows, simclr_options)},
    .needs = DUET_READS,
    .arch = "resnet:small=true,classes=0,blocks=2/2/2,base=32",
    .optim = "adamw:rate=0.001,weight_decay=0.0001",
    .augment = "flip+resized_crop+brightness",
    .views = 2,
    .programs = {{.name = "simclr"}},
    .program_count = 1,
    .columns = {"top1"},
    .build = build,
    .feed = feed,
};
