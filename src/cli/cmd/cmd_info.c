/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_info.c: duet info MODEL|RUN: architecture, taps, card; --plan: kernels, time, bytes; files of a run. */
#include <dirent.h>
#include <stdio.h>
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
    {"report.html", "the report"}, {"cache", "feature tables, safe to delete"}, {"sample-", "generated images"}, {"sweep-", "accuracy over (t, b, pool)"},
    {"probe-", "test accuracy of a head"}, {"features-", "feature export"},
};

static void list_files(const cli_state *cli, const char *run) {
    DIR *dir = opendir(run);
    if (!dir) return;
    cli_say(cli, "\nfiles\n");
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        for (int i = 0; i < DUET_COUNT(files); i++)
            if (strncmp(entry->d_name, files[i].start, strlen(files[i].start)) == 0) cli_say(cli, "  %-34s %s\n", entry->d_name, files[i].what);
    closedir(dir);
}

static void show_row(const duet_model_plan_row *row, void *user) {
    char flops[32], bytes[32];
    cli_human(flops, row->flops);
    cli_human(bytes, (double)row->bytes);
    cli_say(user, "%-18s %-44.44s %-12s %-26.26s %9s %8s %9.3f %8.1f%s\n", row->op, row->scope, row->kernel, row->impl, flops, bytes,
            1e3 * row->seconds, row->seconds > 0 ? row->flops / row->seconds * 1e-9 : 0.0, row->fallback ? "  FALL-BACK" : "");
}

static duet_status plan(cli_state *cli, const info_options *o, duet_model *model) {
    int64_t memory = 0;
    char text[32];
    cli_say(cli, "\n%-18s %-44s %-12s %-26s %9s %8s %9s %8s\n", "op", "where", "kernel", "implementation", "flop", "bytes", "ms", "GFLOP/s");
    const duet_status status = duet_model_plan(cli->ctx, model, o->batch, (int)o->tap, show_row, cli, &memory);
    cli_human(text, (double)memory);
    if (status == DUET_OK) cli_say(cli, "memory of a session beside the weights: %sB\n", text);
    return status;
}

static void show_model(const cli_state *cli, duet_model *model) {
    const duet_card *card = duet_model_card(model);
    char parameters[32], macs[32];
    json_t *taps = json_array();
    cli_human(parameters, (double)duet_model_parameters(model));
    cli_human(macs, duet_model_macs(model));
    cli_say(cli, "%s: %s, %s parameters, %s multiply-adds an image\n", card->name[0] ? card->name : duet_model_path(model), card->arch, parameters, macs);
    cli_say(cli, "  config      %s\n  noise       %s\n  predict     %s\n", duet_model_config(model), card->noise, card->predict);
    cli_say(cli, "  images      %lld x %lld, %d channel%s, fit %s\n", (long long)card->preprocess.size, (long long)card->preprocess.size,
            card->preprocess.channels, card->preprocess.channels == 1 ? "" : "s", card->preprocess.fit);
    cli_say(cli, "  trained on  %s: %lld images, %lld steps%s\n", card->data, (long long)card->images, (long long)card->steps, card->ema ? ", EMA weights" : "");
    if (card->recommended.valid)
        cli_say(cli, "  recommends  t %lld, tap %d, pool %d (%.2f %% validation on %s)\n", (long long)card->recommended.t, card->recommended.tap,
                card->recommended.pool, card->recommended.top1, card->recommended.data);
    cli_say(cli, "\n  tap  name               channels  size      parameters  MACs up to here\n");
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        cli_human(parameters, (double)tap->parameters);
        cli_human(macs, tap->macs);
        cli_say(cli, "  %3d  %-18s %8lld  %3lld x %-3lld %10s  %10s (%.0f %%)\n", tap->block, tap->name, (long long)tap->channels, (long long)tap->height,
                (long long)tap->width, parameters, macs, 100 * tap->macs / duet_model_macs(model));
        json_array_append_new(taps, json_pack("{s:i,s:s,s:I,s:I,s:I,s:I,s:f}", "tap", tap->block, "name", tap->name, "channels", (json_int_t)tap->channels,
                                              "height", (json_int_t)tap->height, "width", (json_int_t)tap->width, "parameters",
                                              (json_int_t)tap->parameters, "macs", tap->macs));
    }
    cli_json(cli, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:I,s:o}", "path", duet_model_path(model), "arch", card->arch, "config",
                            duet_model_config(model), "noise", card->noise, "predict", card->predict, "parameters",
                            (json_int_t)duet_model_parameters(model), "macs", duet_model_macs(model), "images", (json_int_t)card->images, "taps", taps));
}

static duet_status run(cli_state *cli) {
    const info_options *o = cli->options;
    duet_model *model = NULL;
    duet_status status = duet_model_open(cli->ctx, &model, cli->args[0]);
    if (status != DUET_OK) return status;
    show_model(cli, model);
    if (duet_run_is(cli->args[0])) list_files(cli, cli->args[0]);
    if (o->plan) status = plan(cli, o, model);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_info = {
    .info = {.name = "info", .help = "what a model or run is: taps, sizes, costs, files", .params = DUET_TABLE(params, info_options)},
    .usage = "MODEL|RUN [--plan]", .min_args = 1, .max_args = 1, .missing = "of which model or run?", .run = run,
};
