/* SPDX-License-Identifier: MIT
 * duet/bench.h: how fast this machine runs the networks of the literature and of `duet train`: op
 * by op, and whole works. Weights are random; times are medians. */
#ifndef DUET_BENCH_H
#define DUET_BENCH_H

#include <duet/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the machine ---- */
typedef struct duet_machine {
    char cpu[128];
    const char *vectors; /* "avx2", "avx512, AMX": products of bf16 in tiles */
    int threads;
    double peak_gflops; /* f32 multiply-adds in registers, 2 operations each */
    double memory_gbs;  /* a = b + s c over arrays that no cache holds, 12 bytes an element */
    double load;        /* average of the last minute, before this; -1 = unknown */
} duet_machine;
/* threads 0: all processors. Works for about 2 `seconds`. */
DUET_NODISCARD duet_status duet_machine_measure(duet_machine *out, int threads, double seconds);

/* ---- networks ---- */
typedef struct duet_bench_network {
    const char *name, *help;
    /* spec of the family `arch`; NULL: what training takes for `size` and `channels` */
    const char *arch;
    int64_t size, channels;
    int64_t batch;       /* of inference */
    int64_t train_batch; /* 0: not trained here, it needs more memory than most machines have */
    int64_t tap;         /* of features */
} duet_bench_network;
const duet_bench_network *duet_bench_networks(int *count);
/* DUET_NOT_FOUND suggests the nearest name. */
DUET_NODISCARD duet_status duet_bench_network_find(const duet_bench_network **out,
                                                   const char *name);
void duet_bench_network_arch(const duet_bench_network *network, char out[DUET_TEXT_SIZE]);

/* ---- measurements ---- */
typedef struct duet_bench_options {
    char networks[DUET_TEXT_SIZE]; /* names joined by ',', or "all" */
    /* of ops, forward, features, train, sample, joined by ','; or "all" */
    char works[DUET_TEXT_SIZE];
    char ops[DUET_TEXT_SIZE]; /* kinds of nodes measured by `ops`, joined by ','; empty = all */
    int64_t batch;            /* 0 = the network's own */
    double seconds;           /* a row is repeated for about that long */
    bool quick;               /* one repeat, short measurement of the machine */
} duet_bench_options;
extern const duet_param_table duet_bench_params;

typedef struct duet_bench_row {
    const char *network, *work; /* "adm-256", "ops" */
    const char *what;           /* op and shapes, or what the work is */
    const char *kernel, *impl;  /* of ops, else "" */
    int64_t batch;
    int64_t count; /* nodes of the network that are like this one; 1 for works */
    int64_t repeats;
    double median, least,
        most;      /* seconds: of one node, one pass, one training step, one step of sampling */
    double flops;  /* by the definition of the op: a fast algorithm may do fewer */
    int64_t bytes; /* read and written by an op; 0 for works */
} duet_bench_row;
/* Part of what the machine allows: the longer of flops at its peak and bytes at its bandwidth,
 * divided by the median. */
double duet_bench_roofline(const duet_bench_row *row, const duet_machine *machine);

/* Measures the machine, then row by row; `row` is called as each is done, its texts are valid
 * during the call. Progress is reported to the context. */
DUET_NODISCARD duet_status duet_bench(duet_context *ctx, duet_machine *machine,
                                      const duet_bench_options *options,
                                      void (*row)(const duet_bench_row *row, void *user),
                                      void *user);

#ifdef __cplusplus
}
#endif
#endif
