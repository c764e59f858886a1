/* SPDX-License-Identifier: MIT
 * bench/bench.c: duet_bench: which rows are measured, and how: a warm-up run, then repeats until
 * the seconds are spent (at least 3, at most 101); a repeat shorter than a millisecond runs the
 * work several times, so that the resolution of the clock suffices. */
#include "bench/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"

enum { FEWEST = 3, MOST = 101 };
static const double shortest = 1e-3; /* shortest repeat in seconds */

static const duet_param params[] = {
    DUET_TEXT(duet_bench_options, networks, "all", NULL,
              "networks, joined by ','; 'duet bench --list' names them"),
    DUET_TEXT(duet_bench_options, works, "all", NULL,
              "of ops, forward, features, train, sample, joined by ','"),
    DUET_TEXT(duet_bench_options, ops, "", NULL,
              "kinds of nodes for ops, joined by ',': conv2d,linear; empty = all"),
    DUET_INT(duet_bench_options, batch, "0", 0, 1024, "images at once; 0 = the network's own"),
    DUET_FLOAT(duet_bench_options, seconds, "1", 0.001, 600,
               "a row is repeated for about that long"),
    DUET_BOOLEAN(duet_bench_options, quick, "false",
                 "one repeat of everything: does it run, and roughly how fast"),
};
const duet_param_table duet_bench_params = DUET_TABLE(params, duet_bench_options);

bool duet_bench_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    if (!*list || strcmp(list, "all") == 0) return true;
    for (const char *at = list; at; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL)
        if (strcspn(at, ",") == length && strncmp(at, name, length) == 0) return true;
    return false;
}

/* Whether every name of the list exists. `exists` sets the message. */
static duet_status check_list(const char *list, duet_status (*exists)(const char *name)) {
    char name[DUET_TEXT_SIZE];
    if (!*list || strcmp(list, "all") == 0) return DUET_OK;
    for (const char *at = list; at; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        memcpy(name, at, length);
        name[length] = '\0';
        DUET_TRY(exists(name));
    }
    return DUET_OK;
}

static duet_status network_exists(const char *name) {
    const duet_bench_network *network = NULL;
    return duet_bench_network_find(&network, name);
}

static duet_status work_exists(const char *name) {
    int count = 0;
    while (duet_bench_works[count] != NULL) count++;
    for (int i = 0; i < count; i++)
        if (strcmp(duet_bench_works[i], name) == 0) return DUET_OK;
    const char *nearest = duet_nearest(name, duet_bench_works, count);
    if (nearest != NULL)
        return duet_fail(DUET_ARG, "no work '%s'; did you mean '%s'?", name, nearest);
    return duet_fail(DUET_ARG, "no work '%s'; there are ops, forward, features, train and sample",
                     name);
}

static duet_status op_exists(const char *name) {
    for (int i = 0; i < duet_family_op.count; i++)
        if (strcmp(duet_family_op.entries[i]->name, name) == 0) return DUET_OK;
    return duet_fail(DUET_ARG, "no op '%s'; 'duet help op' lists them", name);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static duet_status repeat(double *out, int times, duet_status (*work)(void *state), void *state) {
    const double began = duet_clock();
    for (int i = 0; i < times; i++) DUET_TRY(work(state));
    *out = (duet_clock() - began) / times;
    return DUET_OK;
}

duet_status duet_bench_time(duet_bench_run *run, duet_bench_row *row,
                            duet_status (*work)(void *state), void *state) {
    double seconds[MOST], one = 0.0;
    const int fewest = run->options->quick ? 1 : FEWEST;
    duet_progress_report(run->ctx, "bench", "rows", (double)run->done, (double)run->total,
                         row->network);
    DUET_TRY(repeat(&one, 1, work, state)); /* warm up: packs weights, fetches pages */
    if (!run->options->quick) DUET_TRY(repeat(&one, 1, work, state));
    const int times =
        one < shortest && !run->options->quick ? (int)(shortest / fmax(one, 1e-7)) + 1 : 1;
    const double end = duet_clock() + (run->options->quick ? 0.0 : run->options->seconds);
    row->repeats = 0;
    while (row->repeats < MOST && (row->repeats < fewest || duet_clock() < end)) {
        DUET_TRY(duet_check_cancelled(run->ctx));
        DUET_TRY(repeat(&seconds[row->repeats], times, work, state));
        row->repeats++;
    }
    qsort(seconds, (size_t)row->repeats, sizeof *seconds, by_value);
    row->median = seconds[row->repeats / 2];
    row->least = seconds[0];
    row->most = seconds[row->repeats - 1];
    run->row(row, run->user);
    run->done++;
    return DUET_OK;
}

double duet_bench_roofline(const duet_bench_row *row, const duet_machine *machine) {
    const double compute = 1e-9 * row->flops / machine->peak_gflops,
                 memory = 1e-9 * (double)row->bytes / machine->memory_gbs;
    return row->median > 0.0 ? fmax(compute, memory) / row->median : 0.0;
}

static bool wanted(const duet_bench_options *o, const duet_bench_network *network,
                   const char *work) {
    if (!duet_bench_listed(o->networks, network->name) || !duet_bench_listed(o->works, work))
        return false;
    return strcmp(work, "train") != 0 || network->train_batch > 0;
}

/* One pass over all rows; count_only: only counts them in run->total. */
static duet_status go_through(duet_bench_run *run, bool count_only) {
    int count = 0;
    const duet_bench_network *networks = duet_bench_networks(&count);
    for (int n = 0; n < count; n++) {
        const int64_t batch = run->options->batch > 0 ? run->options->batch : networks[n].batch;
        for (int w = 0; duet_bench_works[w]; w++) {
            int64_t rows = 1;
            if (!wanted(run->options, &networks[n], duet_bench_works[w])) continue;
            if (strcmp(duet_bench_works[w], "ops") == 0)
                DUET_TRY(duet_bench_ops(run, &networks[n], batch, count_only, &rows));
            else if (!count_only)
                DUET_TRY(duet_bench_work(run, &networks[n], duet_bench_works[w]));
            if (count_only) run->total += rows;
        }
    }
    return DUET_OK;
}

duet_status duet_bench_check(const duet_bench_options *options) {
    DUET_TRY(check_list(options->networks, network_exists));
    DUET_TRY(check_list(options->works, work_exists));
    return check_list(options->ops, op_exists);
}

duet_status duet_bench(duet_context *ctx, duet_machine *machine, const duet_bench_options *options,
                       void (*row)(const duet_bench_row *row, void *user), void *user) {
    duet_bench_run run = {.ctx = ctx, .options = options, .row = row, .user = user};
    DUET_TRY(duet_bench_check(options));
    DUET_TRY(go_through(&run, true));
    if (run.total == 0)
        return duet_fail(DUET_ARG, "nothing to measure: no network '%s' has a work '%s'",
                         options->networks, options->works);
    DUET_TRY(duet_machine_measure(machine, duet_context_threads(ctx), options->quick ? 0.02 : 0.5));
    return go_through(&run, false);
}
