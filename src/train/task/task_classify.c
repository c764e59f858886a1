/* SPDX-License-Identifier: MIT
 * Supervised classification: cross-entropy of the logits with the labels, of which `smoothing` is
 * spread over all classes (Szegedy et al. 2016). Batch norms work by the batch, and their running
 * statistics follow; the averaged weights have averaged statistics. Rows without a label are left
 * out. Column: the accuracy, in percent, on the training batches, before each step. */
#include "base/error.h"
#include "model/network.h"
#include "train/task/task.h"

typedef struct classify_options {
    double smoothing;
} classify_options;

static const duet_param rows[] = {
    DUET_FLOAT(classify_options, smoothing, "0", 0, 1,
               "share of each label that is spread over all classes"),
};

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const classify_options *o = options;
    duet_model_inputs in = {0};
    duet_value logits[DUET_PART_GIVES];
    duet_model_inputs_make(setup->model, g, setup->batch, DUET_BIT(X), true, &in);
    if (duet_shape_part(&setup->model->shape, DUET_CLASSIFIES)->takes != DUET_BIT(X))
        return duet_fail(DUET_UNSUPPORTED,
                         "the architecture '%s' classifies noisy images; the task 'classify' has "
                         "clean ones",
                         setup->model->arch->info.name);
    DUET_TRY(duet_model_build_part(setup->model, g, DUET_CLASSIFIES, &in, logits));
    const duet_value flat = duet_reshape(g, logits[0], 2, (int64_t[]){setup->batch, -1}),
                     labels = duet_input(g, "labels", DUET_I32, 1, &setup->batch);
    duet_cross_entropy(g, flat, labels, o->smoothing, &to->loss, &to->rows);
    to->scalars[0] = duet_scale(g, duet_top1(g, flat, labels), 100.0);
    return duet_graph_status(g);
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    (void)options, (void)program;
    const duet_arch_shape *shape = &setup->model->shape;
    const int64_t dim = shape->size * shape->size * shape->in_channels;
    const duet_network_inputs in = duet_network_inputs_of(to->session);
    int32_t *const labels = duet_session_input(to->session, "labels");
    if (in.x == NULL || labels == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
    for (int64_t r = 0; r < setup->batch; r++) labels[r] = to->batch->labels[r];
    if (in.sample_id != NULL)
        for (int64_t r = 0; r < setup->batch; r++)
            in.sample_id[r] = (int32_t)((to->batch->position + r) & 0x7FFFFFFF);
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++)
        duet_pixels_to_float(in.x + r * dim, to->batch->pixels + r * dim, dim);
    return DUET_OK;
}

const duet_task duet_task_classify = {
    .info = {.name = "classify",
             .help = "classifier of images, from their labels",
             .params = DUET_TABLE(rows, classify_options)},
    .needs = DUET_CLASSIFIES,
    .labels = true,
    .arch = "resnet:small=true,blocks=3/3/3,base=16",
    .programs = {{.name = "classify"}},
    .program_count = 1,
    .columns = {"top1"},
    .build = build,
    .feed = feed,
};
