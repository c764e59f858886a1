/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_export.c: duet export MODEL --out FILE: writes one small file to publish. The newest
 * head of a run becomes part of it, or is written beside it as FILE-without-extension
 * .head.safetensors, bound to the new weights. */
#include <stdio.h>
#include <string.h>

#include <duet/head.h>
#include <duet/model.h>

#include "cli/cli.h"

typedef struct export_options {
    char out[CLI_PATH], dtype[DUET_TEXT_SIZE], licence[DUET_TEXT_SIZE], head[DUET_TEXT_SIZE];
} export_options;

static const duet_param params[] = {
    DUET_TEXT(export_options, out, "", NULL,
              "file to write: .safetensors, .pt (PyTorch) or .npz (numpy), each with the card"),
    DUET_TEXT(export_options, dtype, "f16", "f16|bf16|f32",
              "type of the stored weights; bf16 is read in place, the others as f32"),
    DUET_TEXT(export_options, head, "inside", "inside|beside|none",
              "the newest head: in the file (.safetensors), in a file beside it, or left out"),
    DUET_TEXT(export_options, licence, "", NULL,
              "for the card: under which licence the weights are handed on"),
};

static duet_dtype dtype_of(const char *name) {
    return strcmp(name, "f16") == 0 ? DUET_F16 : strcmp(name, "bf16") == 0 ? DUET_BF16 : DUET_F32;
}

/* A head is bound to a model with its card, which only safetensors carry whole. */
static duet_status export_head(cli_state *cli, const export_options *o) {
    char from[CLI_PATH], to[CLI_PATH];
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    const char *const ending = strstr(o->out, ".safetensors");
    const bool inside = strcmp(o->head, "inside") == 0;
    if (ending == NULL || strcmp(o->head, "none") == 0 || !cli_head_find(from, cli->args[0]))
        return DUET_OK;
    snprintf(to, sizeof to, "%.*s.head.safetensors", (int)(ending - o->out), o->out);
    duet_status status = duet_model_open(cli->ctx, &model, o->out);
    if (status == DUET_OK) status = duet_head_load(&head, &card, from);
    if (status == DUET_OK) {
        card.model_hash = duet_model_hash(model); /* rounded weights are another model */
        status = inside ? duet_head_embed(head, &card, o->out, dtype_of(o->dtype))
                        : duet_head_save(head, &card, to);
    }
    if (status == DUET_OK) cli_say(cli, "head:  %s, in %s\n", card.head, inside ? o->out : to);
    duet_head_free(head);
    duet_model_close(model);
    return status;
}

static duet_status run(cli_state *cli) {
    const export_options *o = cli->options;
    duet_model *model = NULL;
    if (!o->out[0]) return cli_wrong("no output; give --out FILE.safetensors (or .pt, .npz)");
    duet_status status = cli_check_out(o->out, ".safetensors .pt .npz");
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK && o->licence[0])
        snprintf(duet_model_card(model)->licence, sizeof duet_model_card(model)->licence, "%s",
                 o->licence);
    if (status == DUET_OK) status = duet_model_save(model, o->out, dtype_of(o->dtype));
    duet_model_close(model);
    if (status != DUET_OK) return status;
    cli_say(cli, "model: %s\n", o->out);
    status = export_head(cli, o);
    if (status == DUET_OK)
        cli_json(cli, json_pack("{s:o,s:s}", "model", cli_name(o->out), "dtype", o->dtype));
    return status;
}

const cli_cmd duet_cmd_export = {
    .info = {.name = "export",
             .help = "write a model, and its head, as small files to hand on",
             .params = DUET_TABLE(params, export_options)},
    .usage = "MODEL --out FILE [options]",
    .details =
        "Gives the averaged weights and the head that 'duet probe' or 'duet finetune' trained "
        "last: one file that draws and recognises.\n  duet export runs/00001-fashion-mnist --out "
        "models/clothes.safetensors\n  duet classify models/clothes.safetensors image.png",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a file or a run folder",
    .opens = true,
    .run = run,
};
