/* SPDX-License-Identifier: MIT
 * bench/tune.c: duet_tune: which plans are tuned. A forward plan needs no weights, only their
 * shapes; a training plan comes from a trainer on random images. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/choice.h"
#include "base/str.h"
#include "engine/graph/tuner.h"
#include "model/network.h"
#include "bench/parts.h"

typedef struct tuning {
    duet_context *ctx;
    const duet_bench_options *options;
    duet_tuning *table; /* the table of this call: entries of an older one are measured again */
    duet_tune_row row;  /* network, work and batch of the plan at hand */
    void (*take)(const duet_tune_row *row, void *user);
    void *user;
    int64_t plans;
} tuning;

static void take_case(const duet_call *call, const duet_tuning_row *from, int64_t count,
                      int candidates, void *user) {
    const tuning *t = user;
    char what[128];
    duet_tune_row row = t->row;
    if (t->take == NULL) return;
    duet_bench_describe(what, sizeof what, call);
    row.what = what;
    row.usual = from->usual;
    row.chosen = from->kernel;
    row.count = count;
    row.candidates = candidates;
    row.usual_seconds = from->usual_seconds;
    row.seconds = from->seconds;
    t->take(&row, t->user);
}

static duet_status tune_plan(tuning *t, const char *work, int64_t batch, const duet_plan *plan) {
    char task[96];
    const duet_tuner tuner = {.ctx = t->ctx,
                              .task = task,
                              .seconds = t->options->quick ? 0.0 : t->options->seconds,
                              .row = take_case,
                              .user = t};
    t->row.work = work;
    t->row.batch = batch;
    t->plans++;
    snprintf(task, sizeof task, "tune %.40s, %s", t->row.network, work);
    return duet_tune_plan(&tuner, plan, t->table);
}

static duet_status tune_forward(tuning *t, const duet_model *model, int64_t batch) {
    duet_plan *plan = NULL;
    const duet_plan_options options = {.threads = duet_context_threads(t->ctx)};
    DUET_TRY(duet_network_compile(t->ctx, &plan, model, batch, &options));
    const duet_status status = tune_plan(t, "forward", batch, plan);
    duet_plan_free(plan);
    return status;
}

static duet_status tune_train(tuning *t, const char *arch, int64_t size, int64_t channels,
                              int64_t batch) {
    duet_bench_trainer open = {0};
    duet_status status = duet_bench_trainer_open(&open, t->ctx, arch, size, channels, batch);
    if (status == DUET_OK)
        status =
            tune_plan(t, "train", batch, duet_program_plan(duet_trainer_program(&open.trainer)));
    duet_bench_trainer_close(&open);
    return status;
}

/* All works but training run the nodes of a forward pass. */
static bool forward_wanted(const duet_bench_options *o) {
    for (int i = 0; duet_bench_works[i]; i++)
        if (strcmp(duet_bench_works[i], "train") != 0 &&
            duet_bench_listed(o->works, duet_bench_works[i]))
            return true;
    return false;
}

static duet_status tune_network(tuning *t, const duet_bench_network *network) {
    duet_model *model = NULL;
    char arch[DUET_SPEC_SIZE];
    const int64_t given = t->options->batch;
    t->row.network = network->name;
    duet_bench_network_arch(network, arch);
    if (forward_wanted(t->options)) {
        DUET_TRY(duet_model_describe(&model, arch));
        const duet_status status = tune_forward(t, model, given > 0 ? given : network->batch);
        duet_model_close(model);
        DUET_TRY(status);
    }
    if (network->train_batch == 0 || !duet_bench_listed(t->options->works, "train")) return DUET_OK;
    return tune_train(t, arch, network->size, network->channels,
                      given > 0 ? given : network->train_batch);
}

enum {
    LARGEST_TRAINED = 64,
    /* side of the images; images per step, the default of duet train */
    TRAIN_BATCH = 32
};

/* The model's spec for a training, with only the options that differ from their defaults; all
 * options together would be too long. */
static duet_status arch_of(char out[DUET_TEXT_SIZE], duet_model *model) {
    duet_status status = DUET_OK;
    const duet_entry *entry = NULL;
    union {
        max_align_t align;
        char bytes[4096];
    } options, usual;
    duet_str text = {0};
    duet_str_format(&text, "%s:%s", duet_model_card(model)->arch, duet_model_config(model));
    DUET_DO(duet_str_status(&text));
    DUET_DO(duet_family_parse(&duet_family_arch, &entry, &options, sizeof options, text.text));
    duet_params_default(&entry->params, &usual);
    text.size = 0;
    duet_str_add(&text, entry->name);
    duet_params_spell(&entry->params, &options, &usual, &text);
    DUET_DO(duet_str_status(&text));
    if (!duet_copy_text(out, DUET_TEXT_SIZE, text.text))
        DUET_FAIL(DUET_ARG, "the configuration '%s' is too long for training", text.text);
done:
    duet_str_free(&text);
    return status;
}

static duet_status tune_model(tuning *t, const char *path) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    char arch[DUET_SPEC_SIZE];
    DUET_TRY(duet_model_open(t->ctx, &model, path));
    const int64_t given = t->options->batch, size = model->shape.size;
    const int64_t small[] = {1, 8, 32},
                  large[] = {
                      1, 4}; /* the default batch sizes of classify, info, features and sample */
    const int64_t *batches = given > 0 ? &given : size > LARGEST_TRAINED ? large : small;
    const int count = given > 0                ? 1
                      : size > LARGEST_TRAINED ? DUET_COUNT(large)
                                               : DUET_COUNT(small);
    t->row.network = path;
    for (int i = 0; i < count && forward_wanted(t->options); i++)
        DUET_DO(tune_forward(t, model, batches[i]));
    if (size > LARGEST_TRAINED || !duet_bench_listed(t->options->works, "train")) goto done;
    DUET_DO(arch_of(arch, model));
    DUET_DO(tune_train(t, arch, size, model->shape.in_channels, given > 0 ? given : TRAIN_BATCH));
done:
    duet_model_close(model);
    return status;
}

static duet_status tune_all(tuning *t, const char *model) {
    int count = 0;
    const duet_bench_network *networks = duet_bench_networks(&count);
    if (model != NULL) return tune_model(t, model);
    for (int n = 0; n < count; n++)
        if (duet_bench_listed(t->options->networks, networks[n].name))
            DUET_TRY(tune_network(t, &networks[n]));
    return DUET_OK;
}

duet_status duet_tune(duet_context *ctx, duet_tuning *table, const duet_bench_options *options,
                      const char *model, void (*row)(const duet_tune_row *row, void *user),
                      void *user) {
    tuning t = {.ctx = ctx, .options = options, .take = row, .user = user};
    if (duet_context_exact(ctx))
        return duet_fail(DUET_ARG,
                         "exact results allow no choice of kernels; tune without 'exact'");
    DUET_TRY(duet_bench_check(options));
    DUET_TRY(duet_tuning_new(&t.table));
    duet_status status = tune_all(&t, model);
    if (status == DUET_OK && t.plans == 0)
        status = duet_fail(DUET_ARG, "nothing to tune: '%s' has no work '%s'",
                           model != NULL ? model : options->networks, options->works);
    const duet_status merged =
        status == DUET_OK || status == DUET_CANCELLED ? duet_tuning_merge(table, t.table) : DUET_OK;
    duet_tuning_free(t.table);
    return status == DUET_OK ? merged : status;
}
