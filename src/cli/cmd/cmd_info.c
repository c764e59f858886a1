/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_info.c: duet info MODEL|RUN: architecture, taps, card, plan; files of a run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/info_plan.h"

typedef struct info_options {
    bool plan, tensors, hash;
    int64_t batch, tap;
} info_options;

static const duet_param params[] = {
    DUET_BOOLEAN(
        info_options, plan, "false",
        "kernels, time and bytes of one pass, node by node, and the share of the roofline"),
    DUET_BOOLEAN(info_options, tensors, "false", "every tensor of the file: name, type, shape"),
    DUET_BOOLEAN(info_options, hash, "false",
                 "hash of the weights, by which results and caches name a model; reads them all"),
    DUET_INT(info_options, batch, "0", 0, 1024,
             "batch of --plan; 0 = 8, or 1 for images of more than 64 pixels a side"),
    DUET_INT(info_options, tap, "0", 0, 1000, "stop --plan after this block; 0 = whole pass"),
};

static const struct {
    const char *start, *what;
} files[] = {
    {"run.json", "settings, data set, machine, status"},
    {"loss.csv", "training curve"},
    {"meters.csv", "measurements while training"},
    {"model-", "a model (EMA weights and card): load this"},
    {"state-", "training state for --resume; not a model"},
    {"tuning.json", "kernels that the training takes, measured"},
    {"real.png", "training images"},
    {"denoise.png", "denoising strip"},
    {"head.safetensors", "newest head, used by classify"},
    {"report.html", "the report"},
    {"cache", "feature tables, safe to delete"},
    {"sample-", "generated images"},
    {"sweep-", "accuracy over (t, tap, pool)"},
    {"probe-", "test accuracy of a head"},
    {"features-", "feature export"},
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
            json_array_append_new(
                names, json_pack("{s:s,s:s}", "name", entries[k]->d_name, "what", files[i].what));
        }
        free(entries[k]);
    }
    free(entries);
    return names;
}

/* The flags that set what was assumed ("image_size (64), noise"). */
static void show_flags(const cli_state *cli, const char *assumed) {
    static const struct {
        const char *word, *flags;
    } others[] = {{"noise", "--noise_schedule, --diffusion_steps"},
                  {"prediction", "--predict_xstart"}};
    bool first = true;
    while (*assumed) {
        char word[64], flag[72] = "";
        const size_t length = strcspn(assumed, ","), name = strcspn(assumed, ",(");
        const size_t end = name > 0 && assumed[name] == '(' ? name - 1 : name;
        snprintf(word, sizeof word, "%.*s", end < 63 ? (int)end : 63, assumed);
        if (duet_model_flag(word)) snprintf(flag, sizeof flag, "--%s", word);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (strcmp(word, others[i].word) == 0)
                snprintf(flag, sizeof flag, "%s", others[i].flags);
        if (*flag) cli_say(cli, "%s%s", first ? "              say otherwise by " : ", ", flag);
        if (*flag) first = false;
        assumed += length + (assumed[length] == ',');
        assumed += strspn(assumed, " ");
    }
    if (!first) cli_say(cli, "\n");
}

static void show_card(const cli_state *cli, duet_model *model) {
    const duet_card *card = duet_model_card(model);
    const duet_recommendation *best = &card->recommended;
    char parameters[32], macs[32], text[CLI_SETTINGS];
    duet_setting features;
    cli_human(parameters, (double)duet_model_parameters(model));
    cli_human(macs, duet_model_macs(model));
    cli_say(cli, "%s: %s, %s parameters, %s multiply-adds an image\n",
            card->name[0] ? card->name : duet_model_path(model), card->arch, parameters, macs);
    cli_say(cli, "  file        %s\n  config      %s\n", duet_model_path(model),
            duet_model_config(model));
    if (!duet_model_recogniser(model))
        cli_say(cli, "  noise       %s\n  predict     %s\n%s%s%s", card->noise, card->predict,
                card->sampler[0] ? "  sampler     " : "", card->sampler,
                card->sampler[0] ? "\n" : "");
    else if (duet_model_prior(model) != NULL)
        cli_say(cli, "  generates   from a prior, without a sampler: 'duet sample'\n");
    else if (duet_model_logits(model) > 0)
        cli_say(cli, "  recognises  %lld classes, by itself: 'duet classify'\n",
                (long long)duet_model_logits(model));
    else
        cli_say(cli, "  recognises  by features only\n");
    if (duet_model_feature_setting(model, &features))
        cli_say(cli, "  features    tap %lld, pool %lld: %lld numbers\n", (long long)features.tap,
                (long long)features.pool,
                (long long)duet_model_tap(model, (int)features.tap - 1)->channels);
    if (duet_model_foreign(model))
        cli_say(cli, "  weights     %s\n",
                card->ema ? "averaged over training (EMA)" : "as they are");
    cli_say(cli, "  stored as   %s\n", duet_dtype_name(duet_model_stored(model)));
    const duet_preprocess *how = &card->preprocess;
    cli_say(cli, "  images      %lld x %lld, %d channel%s, %s %s\n", (long long)how->size,
            (long long)how->size, how->channels, how->channels == 1 ? "" : "s",
            how->resize[0] ? "resize" : "fit", how->resize[0] ? how->resize : how->fit);
    if (card->assumed[0]) cli_say(cli, "  assumed     %s: not in the file\n", card->assumed);
    if (card->assumed[0] && duet_model_foreign(model)) show_flags(cli, card->assumed);
    if (!card->data[0] && card->images == 0)
        cli_say(cli, "  trained on  the file does not say%s\n", card->ema ? "; EMA weights" : "");
    else
        cli_say(cli, "  trained on  %s: %lld images, %lld steps%s\n", card->data,
                (long long)card->images, (long long)card->steps, card->ema ? ", EMA weights" : "");
    if (card->says[0]) cli_say(cli, "  file says   %s\n", card->says);
    if (card->origin[0]) cli_say(cli, "  origin      %s\n", card->origin);
    if (card->licence[0]) cli_say(cli, "  licence     %s\n", card->licence);
    if (best->settings.count == 0)
        cli_say(cli, "  recommends  no (t, tap, pool) yet: 'duet sweep' finds one\n");
    else
        cli_say(cli,
                best->top1 >= 0 ? "  recommends  %s%s%s (%.2f %% validation on %s)\n"
                                : "  recommends  %s%s%s (chosen without labels)\n",
                cli_settings_text(&best->settings, text), best->head[0] ? ", head " : "",
                best->head, best->top1, best->data);
    cli_head_say(cli, cli->args[0]);
}

static json_t *show_taps(const cli_state *cli, duet_model *model) {
    char parameters[32], macs[32];
    json_t *taps = json_array();
    int wide = 18;
    for (int i = 0; i < duet_model_tap_count(model); i++)
        wide = (int)strlen(duet_model_tap(model, i)->name) > wide
                   ? (int)strlen(duet_model_tap(model, i)->name)
                   : wide;
    cli_say(cli, "\n  tap  %-*s channels  size       parameters  MACs up to here\n", wide, "name");
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        cli_human(parameters, (double)tap->parameters);
        cli_human(macs, tap->macs);
        cli_say(cli, "  %3d  %-*s %8lld  %3lld x %-3lld %11s  %10s (%.0f %%)\n", tap->block, wide,
                tap->name, (long long)tap->channels, (long long)tap->height, (long long)tap->width,
                parameters, macs, 100 * tap->macs / duet_model_macs(model));
        json_array_append_new(
            taps, json_pack("{s:i,s:s,s:I,s:I,s:I,s:I,s:f}", "tap", tap->block, "name", tap->name,
                            "channels", (json_int_t)tap->channels, "height",
                            (json_int_t)tap->height, "width", (json_int_t)tap->width, "parameters",
                            (json_int_t)tap->parameters, "macs", tap->macs));
    }
    return taps;
}

static json_t *model_json(duet_model *model, json_t *taps) {
    const duet_card *card = duet_model_card(model);
    const duet_recommendation *best = &card->recommended;
    duet_settings features = {.count = 1};
    json_t *own = duet_model_feature_setting(model, &features.v[0])
                      ? cli_settings_json(json_object(), &features)
                      : json_null();
    json_t *recommended =
        best->settings.count > 0
            ? cli_settings_json(json_pack("{s:o,s:s,s:s}", "top1",
                                          best->top1 >= 0 ? json_real(best->top1) : json_null(),
                                          "data", best->data, "head", best->head),
                                &best->settings)
            : json_null();
    return json_pack(
        "{s:o,s:b,s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:I,s:I,s:I,s:i,s:s,s:s,s:o,"
        "s:o,s:o}",
        "path", cli_name(duet_model_path(model)), "averaged", card->ema, "assumed", card->assumed,
        "licence", card->licence, "origin", card->origin, "says", card->says, "foreign",
        duet_model_foreign(model), "stored", duet_dtype_name(duet_model_stored(model)), "arch",
        card->arch, "config", duet_model_config(model), "noise", card->noise, "predict",
        card->predict, "data", card->data, "parameters", (json_int_t)duet_model_parameters(model),
        "macs", duet_model_macs(model), "images", (json_int_t)card->images, "steps",
        (json_int_t)card->steps, "size", (json_int_t)card->preprocess.size, "channels",
        card->preprocess.channels, "fit", card->preprocess.fit, "resize", card->preprocess.resize,
        "features", own, "recommended", recommended, "taps", taps);
}

/* A folder of a run or of diffusers may contain images, but is not a data set, even if its weights
 * cannot be loaded. */
static bool describes_a_model(const char *path) {
    static const char *const marks[] = {"run.json", "config.json", "model_index.json"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char inside[CLI_PATH];
        snprintf(inside, sizeof inside, "%.4000s/%s", path, marks[i]);
        if (cli_exists(inside)) return true;
    }
    return false;
}

/* The path may be a data set or a file of other tensors. Otherwise the message of the model's
 * reader is kept, and so it is where the network is at fault. */
static duet_status other_than_model(cli_state *cli, const char *path, bool all,
                                    duet_status status) {
    char message[1024], reason[1024];
    const bool tensors = duet_error_cause() == DUET_CAUSE_NO_MODEL;
    snprintf(message, sizeof message, "%s", cli_message());
    snprintf(reason, sizeof reason, "%s", duet_error_reason());
    if (status == DUET_CANCELLED || !cli_exists(path) || describes_a_model(path) ||
        cli->model_flags[0])
        return status;
    if (cli_picture_show(cli, path) == DUET_OK) return DUET_OK;
    if (cli_dataset_show(cli, path) == DUET_OK) return DUET_OK;
    return tensors && cli_store_show(cli, path, reason, all) == DUET_OK
               ? DUET_OK
               : cli_fail(status, "%s", message);
}

static duet_status run(cli_state *cli) {
    const info_options *o = cli->options;
    duet_model *model = NULL;
    duet_status status = cli_model_open(cli, &model, cli->args[0]);
    if (status != DUET_OK) return other_than_model(cli, cli->args[0], o->tensors, status);
    status = cli_check_tap(model, o->tap);
    if (status != DUET_OK) {
        duet_model_close(model);
        return status;
    }
    char hash[32] = "";
    if (o->hash) snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(model));
    show_card(cli, model);
    if (o->hash) cli_say(cli, "  hash        %s\n", hash);
    json_t *out = model_json(model, show_taps(cli, model));
    if (o->hash) json_object_set_new(out, "hash", json_string(hash));
    if (duet_run_is(cli->args[0])) json_object_set_new(out, "files", list_files(cli, cli->args[0]));
    if (o->tensors) status = cli_store_tensors(cli, duet_model_file(model), out);
    if (status == DUET_OK && o->plan)
        status = cli_plan_show(cli, model, o->batch, (int)o->tap, out);
    if (status == DUET_OK) cli_json(cli, json_incref(out));
    json_decref(out);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_info = {
    .info = {.name = "info",
             .help = "what a model, run, data set or picture is: taps, sizes, costs, texts",
             .params = DUET_TABLE(params, info_options)},
    .usage = "MODEL [options]",
    .details = "MODEL is a run folder or a model file; a data set is described as 'duet data info' "
               "does, any other file of tensors\nby what it holds, a PNG, JPEG or GIF by its size "
               "and the texts in it, such as how duet or another program made it.",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model, run, data set or picture; give its path",
    .plans = true,
    .opens = true,
    .run = run,
};
