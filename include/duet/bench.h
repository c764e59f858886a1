/* SPDX-License-Identifier: MIT
 * duet/bench.h: how fast this machine runs networks of the literature and of `duet train`: op by
 * op, and as whole works (forward pass, features, training, sampling). Weights are random; times
 * are medians. */
#ifndef DUET_BENCH_H
#define DUET_BENCH_H

#include <duet/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the machine ---- */
typedef struct duet_machine {
    char cpu[128];
    const char *vectors; /* "avx2", or "avx512, AMX" where bf16 is multiplied in AMX tiles */
    int threads;
    double peak_gflops; /* f32 multiply-adds in registers, 2 operations each */
    double memory_gbs;  /* a = b + s c over arrays larger than the caches, 12 bytes per element */
    double load;        /* load average of the last minute before the measurement; -1 = unknown */
} duet_machine;
/* threads 0: all processors. Works for about 2 `seconds`. */
DUET_NODISCARD duet_status duet_machine_measure(duet_machine *out, int threads, double seconds);

/* ---- networks ---- */
typedef struct duet_bench_network {
    const char *name, *help;
    /* spec of the family `arch`; NULL: the default of training for `size` and `channels` */
    const char *arch;
    int64_t size, channels;
    int64_t batch;       /* of inference */
    int64_t train_batch; /* 0: training is not measured, since it needs more memory than most
                            machines have */
    int64_t tap;         /* of features */
} duet_bench_network;
const duet_bench_network *duet_bench_networks(int *count);
/* DUET_NOT_FOUND suggests the nearest name. */
DUET_NODISCARD duet_status duet_bench_network_find(const duet_bench_network **out,
                                                   const char *name);
void duet_bench_network_arch(const duet_bench_network *network, char out[DUET_SPEC_SIZE]);

/* ---- measurements ---- */
typedef struct duet_bench_options {
    char networks[DUET_TEXT_SIZE]; /* names joined by ',', or "all" */
    /* of ops, forward, features, train, sample, joined by ','; or "all" */
    char works[DUET_TEXT_SIZE];
    char ops[DUET_TEXT_SIZE]; /* kinds of nodes measured by `ops`, joined by ','; empty = all */
    int64_t batch;            /* 0 = the network's own */
    double seconds;           /* time for which a row is repeated */
    bool quick;               /* one repetition, and a short measurement of the machine */
} duet_bench_options;
extern const duet_param_table duet_bench_params;

typedef struct duet_bench_row {
    const char *network, *work; /* "adm-256", "ops" */
    const char *what;           /* op and shapes, or a description of the work */
    const char *kernel, *impl;  /* of ops, else "" */
    int64_t batch;
    int64_t count; /* number of equal nodes in the network; 1 for works */
    int64_t repeats;
    double median, least,
        most;      /* seconds: of one node, one pass, one training step, one step of sampling */
    double flops;  /* counted by the definition of the op; a fast algorithm may need fewer */
    int64_t bytes; /* read and written by an op; 0 for works */
} duet_bench_row;
/* Efficiency: the time that the machine needs at least, the larger of flops / peak and bytes /
 * bandwidth, divided by the median. */
double duet_bench_roofline(const duet_bench_row *row, const duet_machine *machine);

/* Measures the machine, then one row after the other; `row` is called as each is done, and the
 * texts of the row are valid during the call. Progress is reported to the context. */
DUET_NODISCARD duet_status duet_bench(duet_context *ctx, duet_machine *machine,
                                      const duet_bench_options *options,
                                      void (*row)(const duet_bench_row *row, void *user),
                                      void *user);

/* ---- the choice of kernels by measurement (duet/tune.h) ---- */
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
