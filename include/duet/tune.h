/* SPDX-License-Identifier: MIT
 * duet/tune.h: the choice of kernels by measurement. A table holds the fastest kernel of every case
 * (op, shapes, storage, threads) that was tuned on this processor; the kernels of other cases are
 * chosen by rule. A context with a table (duet_context_set_tuning) uses it for all its plans,
 * except where results must be exact. */
#ifndef DUET_TUNE_H
#define DUET_TUNE_H

#include <duet/bench.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An empty table for this machine. */
DUET_NODISCARD duet_status duet_tuning_new(duet_tuning **out);
void duet_tuning_free(duet_tuning *tuning);
/* A file that is damaged, or was made by another version or on another processor, gives an empty
 * table and a warning in the log; DUET_NOT_FOUND where there is none, DUET_IO where it cannot be
 * read. */
DUET_NODISCARD duet_status duet_tuning_load(duet_context *ctx, duet_tuning **out, const char *path);
DUET_NODISCARD duet_status duet_tuning_save(const duet_tuning *tuning,
                                            const char *path); /* atomic */
int64_t duet_tuning_count(const duet_tuning *tuning);
/* A hash of machine, cases and choices: tables with equal hashes choose alike. NULL and empty
 * tables have 0. */
uint64_t duet_tuning_hash(const duet_tuning *tuning);

/* One case of a plan: all of its nodes that are equal. */
typedef struct duet_tune_row {
    const char *network, *work; /* "ddpm-cifar" or the model's file; "forward", "train" */
    const char *what;           /* op and shapes */
    const char *usual, *chosen; /* kernel chosen by rule, and by measurement */
    int64_t batch, count;       /* batch size, and number of such nodes in the plan */
    int candidates;
    double usual_seconds,
        seconds; /* seconds of one node with each of the two; the best of a few runs */
} duet_tune_row;
/* Measures every case with more than one kernel in the plans of options->networks, or of the model
 * file `model` if it is not NULL (forward at the usual batches, training for images up to 64
 * pixels), and adds them to the table; options->works chooses "train" or any other, which is the
 * forward pass. Each case takes about options->seconds. A kernel other than the rule's is chosen
 * where it is at least 3 % faster in two measurements. Measurements made before a cancellation stay
 * in the table. */
DUET_NODISCARD duet_status duet_tune(duet_context *ctx, duet_tuning *tuning,
                                     const duet_bench_options *options, const char *model,
                                     void (*row)(const duet_tune_row *row, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
