/* SPDX-License-Identifier: MIT
 * bench_train.c: the training loop as users run it (duet_train): loader, noise, loss, gradients,
 * clipping, AdamW, EMA, loss curve. A block of work begins and ends in the progress callback, which
 * the loop calls between two steps. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

typedef struct stepper {
    bool running;
    atomic_bool ended; /* other threads may ask too */
    double began, wanted, done;
} stepper;

static void between_steps(const duet_progress *progress, void *user) {
    stepper *s = user;
    const double now = duet_clock();
    if (atomic_load(&s->ended) || strcmp(progress->task, "training") != 0) return;
    if (s->running && now - s->began < s->wanted) return;
    if (s->running) {
        bench_rate((int64_t)(progress->done - s->done), now - s->began);
    } else {
        bench_ready();
    }
    s->running = true;
    if (!bench_next(&s->wanted)) atomic_store(&s->ended, true);
    s->done = progress->done;
    s->began = duet_clock();
}

static bool ended(void *user) {
    return atomic_load(&((stepper *)user)->ended);
}

duet_status bench_train(const bench_options *o) {
    stepper s = {.running = false};
    const duet_context_options options = {
        .threads = (int)o->threads, .progress = between_steps, .cancelled = ended, .user = &s};
    duet_context *ctx = NULL;
    duet_dataset *dataset = NULL;
    duet_train_options train;
    duet_train_result result = {0};
    duet_params_default(&duet_train_params, &train);
    snprintf(train.arch, sizeof train.arch, "%s", o->arch);
    train.size = o->size;
    train.batch = o->batch;
    train.steps = 1000000000;
    snprintf(train.precision, sizeof train.precision, "%s", o->precision);
    train.save_minutes = 0.0;
    duet_status status = duet_context_new(&ctx, &options);
    if (status == DUET_OK) status = duet_dataset_open(ctx, &dataset, o->data);
    if (status == DUET_OK) status = duet_train(ctx, &result, dataset, &train, o->out, false);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return status;
}
