/* SPDX-License-Identifier: MIT
 * bench.h: duet-bench, the program that compare.py times; what it shares with `duet bench` stands
 * in src/study. `make`, `check`, `errors`, `machine` and `steps` print one JSON line and end.
 * `train`, `features` and `forward` are workers: they do the work once, print a line "ready", and
 * then take commands from standard input, so that a driver lets several programs work in turn:
 *   run SECONDS  works for about that long and prints {"images": n, "seconds": s}
 *   end          prints {"peak_memory": bytes} and ends, as the end of the input does */
#ifndef DUET_BENCH_BENCH_H
#define DUET_BENCH_BENCH_H

#include <duet.h>
#include <jansson.h>

typedef struct bench_options {
    bool exact;
    char network[DUET_TEXT_SIZE], precision[DUET_TEXT_SIZE], arch[DUET_TEXT_SIZE];
    char model[DUET_TEXT_SIZE], data[DUET_TEXT_SIZE], out[DUET_TEXT_SIZE];
    int64_t size, batch, threads, t, tap, pool;
    double seconds;
    bool gradient;
    bool recompute;
} bench_options;

/* ---- bench_model.c ---- */
/* Writes `network`, or `arch`, with random weights, none of them zero, to `out`. */
DUET_NODISCARD duet_status bench_make(duet_context *ctx, const bench_options *o);
/* Writes inputs, outputs and all taps of a pass to `out`, for comparison with another
 * implementation. */
DUET_NODISCARD duet_status bench_check(duet_context *ctx, const bench_options *o);

/* ---- bench_train.c ---- */
DUET_NODISCARD duet_status bench_train(const bench_options *o);

/* ---- bench_steps.c ---- */
/* Prints where the time of a training step goes: by part of the step and by op kind. */
DUET_NODISCARD duet_status bench_steps(duet_context *ctx, const bench_options *o);

/* ---- bench_infer.c ---- */
DUET_NODISCARD duet_status bench_features(duet_context *ctx, const bench_options *o);
DUET_NODISCARD duet_status bench_forward(duet_context *ctx, const bench_options *o);

/* ---- bench_errors.c ---- */
/* Prints how far all taps of the given precision are from those of an exact pass in f32. */
DUET_NODISCARD duet_status bench_errors(duet_context *ctx, const bench_options *o);

/* ---- bench_parity.c ---- */
/* Writes inputs, output, all taps and, if asked, all gradients of an exact pass to `out`. */
DUET_NODISCARD duet_status bench_parity(duet_context *ctx, const bench_options *o);

/* ---- duet_bench.c ---- */
/* One line on standard output; takes the object over. */
void bench_say(json_t *line);
void bench_ready(void);
void bench_rate(int64_t images, double seconds);
/* Waits for a command: true for "run", with its seconds; else says the peak memory. */
bool bench_next(double *seconds);

#endif
