/* SPDX-License-Identifier: MIT
 * duet_bench.c: duet-bench WORK key=value ...; see bench.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const duet_param rows[] = {
    DUET_TEXT(bench_options, network, "", NULL, "network of make, as in 'duet bench --list'"),
    DUET_TEXT(bench_options, precision, "f32", "f32|bf16", "storage of activations"),
    DUET_BOOLEAN(bench_options, exact, "false", "fixed orders of sums"),
    DUET_TEXT(bench_options, arch, "", NULL,
              "architecture of train, steps and make; empty = what training takes for the size, of "
              "make the network's"),
    DUET_TEXT(bench_options, model, "", NULL, "model file"),
    DUET_TEXT(bench_options, data, "", NULL, "data set of train and steps"),
    DUET_TEXT(bench_options, out, "", NULL, "file to write; train: an empty folder"),
    DUET_INT(bench_options, size, "28", 4, 4096, "side of the images"),
    DUET_INT(bench_options, batch, "32", 1, 65536, "images at once"),
    DUET_INT(bench_options, threads, "0", 0, 4096, "threads; 0 = all"),
    DUET_INT(bench_options, t, "10", 0, 999, "level of noise of features"),
    DUET_INT(bench_options, tap, "1", 1, 1000, "block of features"),
    DUET_INT(bench_options, pool, "1", 1, 64, "pooling of features"),
    DUET_FLOAT(bench_options, seconds, "1", 0.01, 60, "of each measurement of machine"),
    DUET_BOOLEAN(bench_options, gradient, "false", "parity: gradients too"),
    DUET_BOOLEAN(bench_options, recompute, "false",
                 "parity: gradients with what is inside a block computed again"),
};
static const duet_param_table table = DUET_TABLE(rows, bench_options);

void bench_say(json_t *line) {
    if (line == NULL || json_dumpf(line, stdout, JSON_COMPACT) != 0)
        fprintf(stderr, "duet-bench: a line cannot be written\n");
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

void bench_ready(void) {
    bench_say(json_pack("{s:b,s:I}", "ready", 1, "memory", (json_int_t)duet_peak_memory()));
}

void bench_rate(int64_t images, double seconds) {
    bench_say(json_pack("{s:I,s:f}", "images", (json_int_t)images, "seconds", seconds));
}

bool bench_next(double *seconds) {
    char line[128];
    if (fgets(line, sizeof line, stdin) != NULL && strncmp(line, "run ", 4) == 0) {
        *seconds = strtod(line + 4, NULL);
        return true;
    }
    bench_say(json_pack("{s:I}", "peak_memory", (json_int_t)duet_peak_memory()));
    return false;
}

static duet_status machine(const bench_options *o) {
    duet_machine m;
    const duet_status status = duet_machine_measure(&m, (int)o->threads, o->seconds);
    if (status != DUET_OK) return status;
    bench_say(json_pack("{s:s,s:i,s:s,s:f,s:f,s:f}", "cpu", m.cpu, "threads", m.threads, "vectors",
                        m.vectors, "peak_gflops", m.peak_gflops, "memory_gbs", m.memory_gbs, "load",
                        m.load));
    return DUET_OK;
}

static duet_status work(const char *name, const bench_options *o) {
    static const struct {
        const char *name;
        duet_status (*run)(duet_context *ctx, const bench_options *o);
    } works[] = {{"make", bench_make},     {"check", bench_check},       {"errors", bench_errors},
                 {"parity", bench_parity}, {"features", bench_features}, {"forward", bench_forward},
                 {"steps", bench_steps}};
    if (strcmp(name, "train") == 0) return bench_train(o);
    if (strcmp(name, "machine") == 0) return machine(o);
    for (int i = 0; i < DUET_COUNT(works); i++) {
        if (strcmp(name, works[i].name) != 0) continue;
        const duet_context_options options = {.threads = (int)o->threads,
                                              .exact = o->exact,
                                              .bf16 = strcmp(o->precision, "bf16") == 0};
        duet_context *ctx = NULL;
        duet_status status = duet_context_new(&ctx, &options);
        if (status == DUET_OK) status = works[i].run(ctx, o);
        duet_context_free(ctx);
        return status;
    }
    fprintf(stderr,
            "duet-bench: no work '%s'; make, check, errors, parity, machine, steps, train, "
            "features or forward\n",
            name);
    exit(2);
}

int main(int argc, char **argv) {
    bench_options options;
    duet_params_default(&table, &options);
    if (argc < 2) {
        fprintf(stderr, "duet-bench WORK key=value ...; bench/compare.py calls it\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value != NULL) *value++ = '\0';
        if (duet_params_set(&table, &options, "duet-bench", argv[i], value != NULL ? value : "") ==
            DUET_OK)
            continue;
        fprintf(stderr, "duet-bench: %s\n", duet_error_message());
        return 2;
    }
    if (work(argv[1], &options) == DUET_OK) return 0;
    fprintf(stderr, "duet-bench: %s\n", duet_error_message());
    return 1;
}
