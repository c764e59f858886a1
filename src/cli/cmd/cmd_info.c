/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_info.c: duet info MODEL|RUN: architecture, taps, card; --plan: kernels, time, bytes; files of a run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct info_options {
    bool plan;
    int64_t batch, tap;
} info_options;

static const duet_param params[] = {
    DUET_BOOLEAN(info_options, plan, "false", "kernels, time and bytes of one pass, node by node"),
    DUET_INT(info_options, batch, "8", 1, 1024, "batch of --plan"),
    DUET_INT(info_options, tap, "0", 0, 1000, "stop --plan after this block; 0 = whole pass"),
};

static const struct { const char *start, *what; } files[] = {
    {"run.json", "settings, data set, machine, status"}, {"loss.csv", "training curve"},
    {"model-", "a model (EMA weights and card): load this"}, {"state-", "training state for --resume; not a model"},
    {"real.png", "training images"}, {"denoise.png", "denoising strip"}, {"head.safetensors", "newest head, used by classify"},
    {"report.html", "the report"}, {"cache", "feature tables, safe to delete"}, {"sample-", "generated images"}, {"sweep-", "accuracy over (t, tap, pool)"},
    {"probe-", "test accuracy of a head"}, {"features-", "feature export"},
};

static json_t *list_files(const cli_state *cli, const char *run) {
    struct dirent **entries = NULL;
    json_t *names = json_array();
    const int count = scandir(run, &entries, NULL, alphasort);
    cli_say(cli, "\nfiles\n");
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < DUET_COUNT(files); i++) {
            if (strncmp(entries[k]->d_name, files[i].start, strlen(files[i].start)) != 0) continue;
            cli_say(cli, "  %-30s %s\n", entries[k]->d_name, files[i].what);
            json_array_append_new(names, json_pack("{s:s,s:s}", "name", entries[k]->d_name, "what", files[i].what));
        }
        free(entries[k]);
    }
    free(entries);
    return names;
}

typedef struct plan_rows {
    const cli_state *cli;
    json_t *json;
    double seconds, flops;
} plan_rows;

static void show_row(const duet_model_plan_row *row, void *user) {
    plan_rows *rows = user;
    char flops[32], bytes[32];
    cli_human(flops, row->flops);
    cli_human(bytes, (double)row->bytes);
    cli_say(rows->cli, "%-14.14s %-34.34s %-12.12s %-16.16s %8s %8s %9.3f %8.1f%s\n", row->op, row->scope, row->kernel, row->impl, flops, bytes,
            1e3 * row->seconds, row->seconds > 0 ? row->flops / row->seconds * 1e-9 : 0.0, row->fallback ? "  FALL-BACK" : "");
    json_array_append_new(rows->json, json_pack("{s:s,s:s,s:s,s:s,s:f,s:I,s:f,s:b}", "op", row->op, "where", row->scope, "kernel", row->kernel,
                                                "implementation", row->impl, "flops", row->flops, "bytes", (json_int_t)row->bytes, "seconds",
                                                row->seconds, "fallback", row->fallback));
    rows->seconds += row->seconds;
    rows->flops += row->flops;
}

static duet_status plan(cli_state *cli, const info_options *o, duet_model *model, json_t *out) {
    plan_rows rows = {.cli = cli, .json = json_array()};
    int64_t memory = 0;
    char text[32], flops[32];
    cli_say(cli, "\none pass of %lld images%s\n", (long long)o->batch, o->tap ? " up to the tap" : "");
    cli_say(cli, "%-14s %-34s %-12s %-16s %8s %8s %9s %8s\n", "op", "where", "kernel", "implementation", "flop", "bytes", "ms", "GFLOP/s");
    const duet_status status = duet_model_plan(cli->ctx, model, o->batch, (int)o->tap, show_row, &rows, &memory);
    cli_human(text, (double)memory);
    cli_human(flops, rows.flops);
    if (status == DUET_OK)
        cli_say(cli, "sum: %s flop, %.1f ms, %.1f GFLOP/s; memory of a session beside the weights: %sB\n", flops, 1e3 * rows.seconds,
                rows.seconds > 0 ? rows.flops / rows.seconds * 1e-9 : 0.0, text);
    json_object_set_new(out, "plan", rows.json);
    json_object_set_new(out, "session_bytes", json_integer((json_int_t)memory));
    return status;
}

static void show_card(const cli_state *cli, duet_model *model) {
    const duet_card *card = duet_model_card(model);
    const duet_recommendation *best = &card->recommended;
    char parameters[32], macs[32];
    cli_human(parameters, (double)duet_model_parameters(model));
    cli_human(macs, duet_model_macs(model));
    cli_say(cli, "%s: %s, %s parameters, %s multiply-adds an image\n", card->name[0] ? card->name : duet_model_path(model), card->arch, parameters, macs);
    cli_say(cli, "  file        %s\n  config      %s\n  noise       %s\n  predict     %s\n", duet_model_path(model), duet_model_config(model), card->noise,
            card->predict);
    cli_say(cli, "  stored as   %s\n", duet_dtype_name(duet_model_stored(model)));
    cli_say(cli, "  images      %lld x %lld, %d channel%s, fit %s\n", (long long)card->preprocess.size, (long long)card->preprocess.size,
            card->preprocess.channels, card->preprocess.channels == 1 ? "" : "s", card->preprocess.fit);
    cli_say(cli, "  trained on  %s: %lld images, %lld steps%s\n", card->data, (long long)card->images, (long long)card->steps, card->ema ? ", EMA weights" : "");
    if (!best->valid) cli_say(cli, "  recommends  no (t, tap, pool) yet: 'duet sweep' finds one\n");
    else cli_say(cli, "  recommends  t %lld, tap %d, pool %d (%.2f %% validation on %s)\n", (long long)best->t, best->tap, best->pool, best->top1, best->data);
}

static json_t *show_taps(const cli_state *cli, duet_model *model) {
    char parameters[32], macs[32];
    json_t *taps = json_array();
    cli_say(cli, "\n  tap  name               channels  size       parameters  MACs up to here\n");
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        cli_human(parameters, (double)tap->parameters);
        cli_human(macs, tap->macs);
        cli_say(cli, "  %3d  %-18s %8lld  %3lld x %-3lld %11s  %10s (%.0f %%)\n", tap->block, tap->name, (long long)tap->channels, (long long)tap->height,
                (long long)tap->width, parameters, macs, 100 * tap->macs / duet_model_macs(model));
        json_array_append_new(taps, json_pack("{s:i,s:s,s:I,s:I,s:I,s:I,s:f}", "tap", tap->block, "name", tap->name, "channels", (json_int_t)tap->channels,
                                              "height", (json_int_t)tap->height, "width", (json_int_t)tap->width, "parameters",
                                              (json_int_t)tap->parameters, "macs", tap->macs));
    }
    return taps;
}

static json_t *model_json(duet_model *model, json_t *taps) {
    const duet_card *card = duet_model_card(model);
    const duet_recommendation *best = &card->recommended;
    json_t *recommended = best->valid ? json_pack("{s:I,s:i,s:i,s:f,s:s}", "t", (json_int_t)best->t, "tap", best->tap, "pool", best->pool, "top1", best->top1,
                                                  "data", best->data)
                                      : json_null();
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:I,s:I,s:I,s:i,s:o,s:o}", "path", duet_model_path(model), "stored",
                     duet_dtype_name(duet_model_stored(model)), "arch", card->arch, "config",
                     duet_model_config(model), "noise", card->noise, "predict", card->predict, "data", card->data, "parameters",
                     (json_int_t)duet_model_parameters(model), "macs", duet_model_macs(model), "images", (json_int_t)card->images, "steps",
                     (json_int_t)card->steps, "size", (json_int_t)card->preprocess.size, "channels", card->preprocess.channels, "recommended",
                     recommended, "taps", taps);
}

static duet_status run(cli_state *cli) {
    const info_options *o = cli->options;
    duet_model *model = NULL;
    duet_status status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = cli_check_one(model, o->tap, 0);
    if (status != DUET_OK) {
        duet_model_close(model);
        return status;
    }
    show_card(cli, model);
    json_t *out = model_json(model, show_taps(cli, model));
    if (duet_run_is(cli->args[0])) json_object_set_new(out, "files", list_files(cli, cli->args[0]));
    if (o->plan) status = plan(cli, o, model, out);
    if (status == DUET_OK) cli_json(cli, json_incref(out));
    json_decref(out);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_info = {
    .info = {.name = "info", .help = "what a model or run is: taps, sizes, costs, files", .params = DUET_TABLE(params, info_options)},
    .usage = "MODEL [options]", .details = "MODEL is a run folder or a model file.", .min_args = 1, .max_args = 1, .missing = "of which model or run?", .run = run,
};
