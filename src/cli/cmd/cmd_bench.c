/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_bench.c: duet bench: how fast this machine runs networks, op by op and as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

typedef struct bench_options {
    bool list, tune;
    char csv[CLI_PATH], model[CLI_PATH];
} bench_options;

static const duet_param params[] = {
    DUET_BOOLEAN(bench_options, list, "false", "names the networks and ends"),
    DUET_BOOLEAN(bench_options, tune, "false",
                 "measures which kernel is fastest for each shape and keeps that for all commands"),
    DUET_TEXT(bench_options, model, "", NULL,
              "model to tune instead of networks: its passes and its training"),
    DUET_TEXT(bench_options, csv, "", NULL, "file for the rows, written as they come"),
};

typedef struct bench_output {
    cli_state *cli;
    FILE *csv;
    duet_machine machine;
    json_t *rows;
    char heading[80];  /* of the rows printed last */
    double sum, flops; /* sum over the ops of a network */
} bench_output;

/* ---- the table: 120 columns ---- */

static void duration(char out[16], double seconds) {
    if (seconds < 1e-3)
        snprintf(out, 16, "%.1f us", 1e6 * seconds);
    else if (seconds < 1.0)
        snprintf(out, 16, "%.2f ms", 1e3 * seconds);
    else
        snprintf(out, 16, "%.3f s", seconds);
}

static void end_ops(bench_output *o) {
    char text[16];
    if (o->sum <= 0) return;
    duration(text, o->sum);
    cli_say(o->cli, "  all nodes, each as often as it occurs: %s, %.1f GFLOP/s\n", text,
            1e-9 * o->flops / o->sum);
    o->sum = o->flops = 0;
}

static void begin_table(bench_output *o, const duet_bench_row *row) {
    char heading[sizeof o->heading];
    snprintf(heading, sizeof heading, "%s, %s, batch %lld", row->network, row->work,
             (long long)row->batch);
    if (strcmp(heading, o->heading) == 0) return;
    end_ops(o);
    if (!o->heading[0])
        cli_say(o->cli,
                "%s, %d thread%s, %s: f32 multiply-adds %.1f GFLOP/s, memory %.1f GB/s, load "
                "before %.2f\n",
                o->machine.cpu, o->machine.threads, o->machine.threads == 1 ? "" : "s",
                o->machine.vectors, o->machine.peak_gflops, o->machine.memory_gbs, o->machine.load);
    snprintf(o->heading, sizeof o->heading, "%s", heading);
    cli_say(o->cli, "\n%s\n  %-52s %3s %-11s %9s %7s %7s %6s %6s %5s\n", heading, "what", "n",
            "kernel", "median", "spread", "GFLOP/s", "GB/s", "peak", "roof");
}

static void show_row(bench_output *o, const duet_bench_row *row) {
    char median[16];
    begin_table(o, row);
    duration(median, row->median);
    cli_say(o->cli, "  %-52.52s %3lld %-11.11s %9s %5.1f %% %7.1f %6.1f %4.0f %% %3.0f %%\n",
            row->what, (long long)row->count, row->impl[0] ? row->impl : row->kernel, median,
            100 * (row->most - row->least) / row->median, 1e-9 * row->flops / row->median,
            1e-9 * (double)row->bytes / row->median,
            1e-7 * row->flops / row->median / o->machine.peak_gflops,
            100 * duet_bench_roofline(row, &o->machine));
    if (strcmp(row->work, "ops") != 0) return;
    o->sum += row->median * (double)row->count;
    o->flops += row->flops * (double)row->count;
}

/* ---- rows ---- */

static void write_csv(bench_output *o, const duet_bench_row *row) {
    fprintf(o->csv,
            "%s,%s,\"%s\",%lld,%lld,%s,\"%s\",%d,%.9g,%.9g,%.9g,%.0f,%lld,%d,%.6g,%.6g,%.2f,%.4f\n",
            row->network, row->work, row->what, (long long)row->batch, (long long)row->count,
            row->kernel, row->impl, (int)row->repeats, row->median, row->least, row->most,
            row->flops, (long long)row->bytes, o->machine.threads, o->machine.peak_gflops,
            o->machine.memory_gbs, o->machine.load, duet_bench_roofline(row, &o->machine));
    (void)fflush(o->csv);
}

static void take_row(const duet_bench_row *row, void *user) {
    bench_output *o = user;
    show_row(o, row);
    if (o->csv != NULL) write_csv(o, row);
    json_array_append_new(
        o->rows,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:I,s:f}", "network",
                  row->network, "work", row->work, "what", row->what, "kernel", row->kernel,
                  "implementation", row->impl, "batch", (json_int_t)row->batch, "count",
                  (json_int_t)row->count, "repeats", (json_int_t)row->repeats, "median",
                  row->median, "least", row->least, "most", row->most, "flops", row->flops, "bytes",
                  (json_int_t)row->bytes, "roofline", duet_bench_roofline(row, &o->machine)));
}

/* ---- tuning ---- */

typedef struct tune_output {
    cli_state *cli;
    json_t *rows;
    char heading[DUET_TEXT_SIZE + 80];
    long long cases, changed;
    double usual, now; /* seconds per pass of the nodes with a choice of kernels */
} tune_output;

static void end_plan(tune_output *o) {
    char usual[16], now[16];
    if (o->cases == 0) return;
    duration(usual, o->usual);
    duration(now, o->now);
    cli_say(
        o->cli,
        "  %lld of %lld cases with a choice change; all their nodes: %s, was %s (%.1f %% less)\n",
        o->changed, o->cases, now, usual, o->usual > 0 ? 100 * (1 - o->now / o->usual) : 0.0);
    o->cases = o->changed = 0;
    o->usual = o->now = 0;
}

static void begin_plan(tune_output *o, const duet_tune_row *row) {
    char heading[sizeof o->heading];
    snprintf(heading, sizeof heading, "%s, %s, batch %lld", row->network, row->work,
             (long long)row->batch);
    if (strcmp(heading, o->heading) == 0) return;
    end_plan(o);
    snprintf(o->heading, sizeof o->heading, "%s", heading);
    cli_say(o->cli, "%s\n", heading);
}

static void take_case(const duet_tune_row *row, void *user) {
    tune_output *o = user;
    char usual[16], now[16];
    begin_plan(o, row);
    json_array_append_new(
        o->rows, json_pack("{s:s,s:s,s:I,s:s,s:I,s:i,s:s,s:s,s:f,s:f}", "network", row->network,
                           "work", row->work, "batch", (json_int_t)row->batch, "what", row->what,
                           "count", (json_int_t)row->count, "candidates", row->candidates, "usual",
                           row->usual, "kernel", row->chosen, "usual_seconds", row->usual_seconds,
                           "seconds", row->seconds));
    o->cases++;
    o->usual += row->usual_seconds * (double)row->count;
    o->now += row->seconds * (double)row->count;
    if (strcmp(row->usual, row->chosen) == 0) return;
    o->changed++;
    duration(usual, row->usual_seconds);
    duration(now, row->seconds);
    cli_say(o->cli, "  %-54.54s %3lld %-8.8s %9s -> %-8.8s %9s %5.1f %%\n", row->what,
            (long long)row->count, row->usual, usual, row->chosen, now,
            100 * (1 - row->seconds / row->usual_seconds));
}

/* Entries of an older file stay where nothing new is measured. */
static duet_status tune(cli_state *cli, const bench_options *o) {
    tune_output out = {.cli = cli};
    char path[CLI_PATH], hash[32];
    duet_tuning *table = cli->tuning, *own = NULL;
    duet_status status = DUET_OK;
    if (o->csv[0]) return cli_wrong("--tune cannot write --csv; use --json for its rows");
    if (!cli_tuning_path(path))
        return cli_fail(DUET_ARG,
                        "no cache folder for the measurements; set DUET_CACHE to a folder");
    if (table == NULL) status = duet_tuning_new(&own);
    if (status != DUET_OK) return status;
    if (table == NULL) table = own;
    out.rows = json_array();
    status = duet_tune(cli->ctx, table, cli->extra, o->model[0] ? o->model : NULL, take_case, &out);
    end_plan(&out);
    if (duet_tuning_count(table) > 0 && (status == DUET_OK || status == DUET_CANCELLED)) {
        const duet_status saved = cli_tuning_save(path, table);
        if (status == DUET_OK) status = saved;
    }
    if (status == DUET_OK) {
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_tuning_hash(table));
        cli_say(cli, "kept in %s: %lld cases; --no-tuned leaves them aside\n", path,
                (long long)duet_tuning_count(table));
        cli_json(cli, json_pack("{s:s,s:s,s:I,s:O}", "path", path, "hash", hash, "cases",
                                (json_int_t)duet_tuning_count(table), "rows", out.rows));
    }
    json_decref(out.rows);
    duet_tuning_free(own);
    return status;
}

static duet_status list_networks(cli_state *cli) {
    int count = 0;
    char arch[DUET_SPEC_SIZE];
    json_t *rows = json_array();
    const duet_bench_network *networks = duet_bench_networks(&count);
    for (int i = 0; i < count; i++) {
        duet_bench_network_arch(&networks[i], arch);
        cli_say(cli, "%-14s %s\n", networks[i].name, networks[i].help);
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "name",
                                              networks[i].name, "help", networks[i].help, "arch",
                                              arch, "size", (json_int_t)networks[i].size,
                                              "channels", (json_int_t)networks[i].channels, "batch",
                                              (json_int_t)networks[i].batch, "train_batch",
                                              (json_int_t)networks[i].train_batch, "tap",
                                              (json_int_t)networks[i].tap));
    }
    cli_json(cli, json_pack("{s:o}", "networks", rows));
    return DUET_OK;
}

static json_t *all_json(const bench_output *o, const char *date) {
    const duet_machine *m = &o->machine;
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:i,s:f,s:f,s:f},s:b,s:s,s:O}", "version", DUET_VERSION,
                     "date", date, "machine", "cpu", m->cpu, "vectors", m->vectors, "threads",
                     m->threads, "peak_gflops", m->peak_gflops, "memory_gbs", m->memory_gbs, "load",
                     m->load, "exact", o->cli->common.exact, "precision", o->cli->common.precision,
                     "rows", o->rows);
}

static duet_status run(cli_state *cli) {
    const bench_options *o = cli->options;
    bench_output out = {.cli = cli};
    char date[32];
    const time_t now = time(NULL);
    struct tm utc;
    if (o->list) return list_networks(cli);
    if (o->tune) return tune(cli, o);
    if (o->model[0])
        return cli_wrong("--model needs --tune; 'duet info MODEL --plan' measures a model");
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    if (o->csv[0]) {
        out.csv = fopen(o->csv, "w");
        if (out.csv == NULL)
            return cli_fail(DUET_IO, "cannot write '%s': %s", o->csv, strerror(errno));
        fputs("network,work,what,batch,count,kernel,implementation,repeats,median,least,most,flops,"
              "bytes,threads,peak_gflops,memory_gbs,load,roofline\n",
              out.csv);
    }
    out.rows = json_array();
    duet_status status = duet_bench(cli->ctx, &out.machine, cli->extra, take_row, &out);
    end_ops(&out);
    if (out.csv != NULL && fclose(out.csv) != 0 && status == DUET_OK)
        status = cli_fail(DUET_IO, "cannot write '%s'", o->csv);
    if (out.csv != NULL && out.heading[0] == '\0') (void)remove(o->csv); /* nothing was measured */
    if (status == DUET_OK) cli_json(cli, all_json(&out, date));
    json_decref(out.rows);
    return status;
}

const cli_cmd duet_cmd_bench = {
    .info = {.name = "bench",
             .help = "how fast this machine runs networks, op by op and whole",
             .params = DUET_TABLE(params, bench_options)},
    .usage = "[options]",
    .details = "Weights are random. Rows are medians; 'spread' is (most - least) / median, 'peak' "
               "the part of the machine's f32 multiply-adds,\n"
               "'roof' the part of what multiply-adds or memory allow: above 100 % where an "
               "algorithm does fewer, or a cache serves.\n"
               "The machine is measured in the same run; nothing else should run beside it.\n"
               "  duet bench --networks ddpm-cifar --works forward,train\n"
               "--tune measures all kernels that can compute a node, on random data, and keeps the "
               "fastest in $DUET_CACHE/tune.json\n"
               "($XDG_CACHE_HOME/duet, ~/.cache/duet): every command takes it from there, but with "
               "--exact or --no-tuned.\n"
               "  duet bench --networks adm-256 --works ops --ops conv2d --csv conv.csv\n"
               "  duet bench --tune --model runs/00001-fashion-mnist",
    .max_args = 0,
    .missing = "",
    .extra = &duet_bench_params,
    .plans = true,
    .run = run,
};
