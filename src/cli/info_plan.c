/* SPDX-License-Identifier: MIT
 * cli/info_plan.c: see info_plan.h. */
#include "cli/info_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 32, MEASURE_MS = 200 };

typedef struct plan_kind { /* all nodes of one op */
    char op[32];
    int64_t nodes, bytes;
    double seconds, flops;
} plan_kind;

typedef struct plan_rows {
    const cli_state *cli;
    duet_machine machine;
    json_t *json;
    plan_kind kinds[KINDS], all;
    int kind_count;
} plan_rows;

/* Percent of the roofline: the larger of multiply-adds / peak and bytes / bandwidth, over the
 * measured time. */
static double roofline(const duet_machine *machine, double flops, double bytes, double seconds) {
    const double work = flops / (1e9 * machine->peak_gflops),
                 traffic = bytes / (1e9 * machine->memory_gbs);
    return seconds > 0 ? 100 * (work > traffic ? work : traffic) / seconds : 0.0;
}

static void add_to(plan_kind *kind, const duet_model_plan_row *row) {
    kind->nodes++;
    kind->bytes += row->bytes;
    kind->seconds += row->seconds;
    kind->flops += row->flops;
}

static plan_kind *kind_of(plan_rows *rows, const char *op) {
    int k = 0;
    while (k < rows->kind_count && strcmp(rows->kinds[k].op, op) != 0) k++;
    if (k == KINDS) return &rows->kinds[KINDS - 1];
    if (k == rows->kind_count)
        snprintf(rows->kinds[rows->kind_count++].op, sizeof rows->kinds[k].op, "%s", op);
    return &rows->kinds[k];
}

static void show_row(const duet_model_plan_row *row, void *user) {
    plan_rows *rows = user;
    char bytes[32];
    const double time = row->seconds > 0 ? row->seconds : 1e-9,
                 roof = roofline(&rows->machine, row->flops, (double)row->bytes, row->seconds);
    json_array_append_new(rows->json,
                          json_pack("{s:s,s:s,s:s,s:s,s:f,s:I,s:f,s:f,s:b,s:b}", "op", row->op,
                                    "where", row->scope, "kernel", row->kernel, "implementation",
                                    row->impl, "flops", row->flops, "bytes", (json_int_t)row->bytes,
                                    "seconds", row->seconds, "roofline_percent", roof, "fallback",
                                    row->fallback, "tuned", row->tuned));
    if (row->bytes == 0) return; /* a view: nothing is computed */
    cli_human(bytes, (double)row->bytes);
    cli_say(rows->cli, "%-18.18s %-36.36s %-18.18s %9.3f %8.1f %7.1f %7sB %5.0f %%%s\n", row->op,
            row->scope, row->impl[0] ? row->impl : row->kernel, 1e3 * row->seconds,
            1e-9 * row->flops / time, 1e-9 * (double)row->bytes / time, bytes, roof,
            row->fallback ? "  FALL-BACK"
            : row->tuned  ? "  tuned"
                          : "");
    add_to(kind_of(rows, row->op), row);
    add_to(&rows->all, row);
}

static int by_seconds(const void *a, const void *b) {
    const double x = ((const plan_kind *)a)->seconds, y = ((const plan_kind *)b)->seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void show_kind(const plan_rows *rows, const plan_kind *kind) {
    char bytes[32];
    const double time = kind->seconds > 0 ? kind->seconds : 1e-9;
    cli_human(bytes, (double)kind->bytes);
    cli_say(rows->cli,
            "%-18.18s %5lld nodes %23s %5.1f %% of the time %9.3f %8.1f %7.1f %7sB %5.0f %%\n",
            kind->op, (long long)kind->nodes, "",
            rows->all.seconds > 0 ? 100 * kind->seconds / rows->all.seconds : 0.0,
            1e3 * kind->seconds, 1e-9 * kind->flops / time, 1e-9 * (double)kind->bytes / time,
            bytes, roofline(&rows->machine, kind->flops, (double)kind->bytes, kind->seconds));
}

/* Prints the sums by kind of node, the longest first, and the share of all but convolutions. */
static void show_sums(plan_rows *rows, const duet_model_plan_memory *memory, json_t *out) {
    char total[32], activations[32], scratch[32], packed[32];
    json_t *kinds = json_array();
    double other = rows->all.seconds;
    qsort(rows->kinds, (size_t)rows->kind_count, sizeof *rows->kinds, by_seconds);
    cli_say(rows->cli, "\n");
    for (int k = 0; k < rows->kind_count; k++) {
        const plan_kind *kind = &rows->kinds[k];
        if (strcmp(kind->op, "conv2d") == 0) other -= kind->seconds;
        show_kind(rows, kind);
        json_array_append_new(kinds,
                              json_pack("{s:s,s:I,s:f,s:f,s:I}", "op", kind->op, "nodes",
                                        (json_int_t)kind->nodes, "seconds", kind->seconds, "flops",
                                        kind->flops, "bytes", (json_int_t)kind->bytes));
    }
    show_kind(rows, &rows->all);
    const double share = rows->all.seconds > 0 ? other / rows->all.seconds : 0.0;
    cli_human(total, (double)memory->total);
    cli_human(activations, (double)memory->activations);
    cli_human(scratch, (double)memory->scratch);
    cli_human(packed, (double)memory->packed);
    cli_say(rows->cli,
            "not convolution: %.1f %% of the time\nmemory of a session beside the weights: %sB "
            "(activations %sB, scratch %sB, packed weights %sB)\n",
            100 * share, total, activations, scratch, packed);
    json_object_set_new(out, "kinds", kinds);
    json_object_set_new(out, "not_convolution", json_real(share));
    json_object_set_new(out, "session_bytes", json_integer((json_int_t)memory->total));
    json_object_set_new(out, "session_memory",
                        json_pack("{s:I,s:I,s:I}", "activations", (json_int_t)memory->activations,
                                  "scratch", (json_int_t)memory->scratch, "packed",
                                  (json_int_t)memory->packed));
}

duet_status cli_plan_show(cli_state *cli, duet_model *model, int64_t batch, int tap, json_t *out) {
    plan_rows *rows = calloc(1, sizeof *rows);
    duet_model_plan_memory memory = {0};
    if (batch == 0) batch = duet_model_card(model)->preprocess.size > 64 ? 1 : 8;
    if (rows == NULL) return cli_fail(DUET_NO_MEMORY, "out of memory");
    *rows = (plan_rows){.cli = cli, .json = json_array(), .all = {.op = "sum"}};
    duet_status status =
        duet_machine_measure(&rows->machine, duet_context_threads(cli->ctx), 1e-3 * MEASURE_MS);
    if (status == DUET_OK) {
        cli_say(cli,
                "\none pass of %lld image%s%s; roof = part of %.1f GFLOP/s f32 or %.1f GB/s, above "
                "100 %% where an algorithm needs fewer\n",
                (long long)batch, batch == 1 ? "" : "s", tap > 0 ? " up to the tap" : "",
                rows->machine.peak_gflops, rows->machine.memory_gbs);
        cli_say(cli, "%-18s %-36s %-18s %9s %8s %7s %8s %7s\n", "op", "where", "kernel", "ms",
                "GFLOP/s", "GB/s", "bytes", "roof");
        status = duet_model_plan(cli->ctx, model, batch, tap, show_row, rows, &memory);
    }
    json_object_set_new(out, "plan", rows->json);
    json_object_set_new(out, "plan_batch", json_integer((json_int_t)batch));
    json_object_set_new(out, "machine",
                        json_pack("{s:s,s:i,s:f,s:f}", "cpu", rows->machine.cpu, "threads",
                                  rows->machine.threads, "peak_gflops", rows->machine.peak_gflops,
                                  "memory_gbs", rows->machine.memory_gbs));
    if (status == DUET_OK) show_sums(rows, &memory, out);
    free(rows);
    return status;
}
