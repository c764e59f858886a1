/* SPDX-License-Identifier: MIT
 * bench/parts.h: the parts of duet_bench: bench.c (choice of rows), bench_networks.c, bench_ops.c
 * (nodes one by one), bench_works.c (whole works). Also for the program duet-bench. */
#ifndef DUET_BENCH_PARTS_H
#define DUET_BENCH_PARTS_H

#include <duet/bench.h>

#include "engine/graph/plan.h"
#include "model/model.h"
#include "train/trainer.h"

typedef struct duet_bench_run {
    duet_context *ctx;
    const duet_bench_options *options;
    void (*row)(const duet_bench_row *row, void *user);
    void *user;
    int64_t done, total; /* rows */
} duet_bench_run;

/* ---- bench.c ---- */
/* Whether `name` is in the list "a,b", or the list is empty or "all". */
bool duet_bench_listed(const char *list, const char *name);
/* Checks the names in the lists of the options. */
DUET_NODISCARD duet_status duet_bench_check(const duet_bench_options *options);
/* Times `work`, which does the work once, until the seconds are spent, and passes the row to the
 * callback. */
DUET_NODISCARD duet_status duet_bench_time(duet_bench_run *run, duet_bench_row *row,
                                           duet_status (*work)(void *state), void *state);

/* ---- bench_ops.c: every node of the inference pass that differs from those before it ---- */
DUET_NODISCARD duet_status duet_bench_ops(duet_bench_run *run, const duet_bench_network *network,
                                          int64_t batch, bool count_only, int64_t *count);

/* "conv2d 4x64x64x256 * 256x256x3x3 + 4x64x64x256 to 32x32": the inputs without biases, and the
 * size of the map where it changes. */
void duet_bench_describe(char *out, size_t size, const duet_call *call);

/* ---- bench_works.c ---- */
extern const char *const duet_bench_works[]; /* NULL after the last */
DUET_NODISCARD duet_status duet_bench_work(duet_bench_run *run, const duet_bench_network *network,
                                           const char *work);
/* A model with random weights, none of them zero. */
DUET_NODISCARD duet_status duet_bench_model(duet_context *ctx, duet_model **out, const char *arch);

/* A training on random images, without a loader. Close it also after a failure. */
typedef struct duet_bench_trainer {
    duet_dataset *dataset;
    duet_trainer trainer;
} duet_bench_trainer;
DUET_NODISCARD duet_status duet_bench_trainer_open(duet_bench_trainer *out, duet_context *ctx,
                                                   const char *arch, int64_t size, int64_t channels,
                                                   int64_t batch);
void duet_bench_trainer_close(duet_bench_trainer *trainer);

#endif
