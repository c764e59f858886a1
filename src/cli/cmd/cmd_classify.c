/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_classify.c: duet classify MODEL image…: top 3 with probabilities from the saved head.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

typedef struct classify_options {
    char head[DUET_TEXT_SIZE], data[DUET_TEXT_SIZE], split[DUET_TEXT_SIZE];
    int64_t top;
} classify_options;

static const duet_param params[] = {
    DUET_TEXT(classify_options, head, "", NULL,
              "head file (default: the run's, or MODEL's name with .head.safetensors)"),
    DUET_TEXT(classify_options, data, "", NULL,
              "labelled data set: the accuracy of the model's own classifier on it"),
    DUET_TEXT(classify_options, split, "test", "train|val|test", "its split"),
    DUET_INT(classify_options, top, "3", 1, 5, "classes to show"),
};

enum { MOST = 100000 };

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static duet_status add(char **list, int64_t *count, const char *folder, const char *name) {
    if (*count >= MOST)
        return cli_fail(DUET_ARG, "more than %d images; give fewer at a time", MOST);
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL) return cli_fail(DUET_NO_MEMORY, "out of memory");
    snprintf(path, size, "%s%s%s", folder, *folder ? "/" : "", name);
    list[(*count)++] = path;
    return DUET_OK;
}

static duet_status add_folder(char **list, int64_t *count, const char *folder) {
    DIR *dir = opendir(folder);
    const int64_t from = *count;
    duet_status status = DUET_OK;
    if (dir == NULL) return cli_fail(DUET_IO, "cannot read the folder '%s'", folder);
    for (const struct dirent *entry = readdir(dir); entry != NULL && status == DUET_OK;
         entry = readdir(dir))
        if (entry->d_name[0] != '.') status = add(list, count, folder, entry->d_name);
    closedir(dir);
    qsort(list + from, (size_t)(*count - from), sizeof *list, by_bytes);
    if (status == DUET_OK && *count == from)
        status = cli_fail(DUET_ARG, "the folder '%s' is empty", folder);
    return status;
}

/* A model with a classifier of its own needs no head. */
static duet_status open_head(const cli_state *cli, const classify_options *o,
                             const duet_model *opened, duet_head **head, duet_head_card *card) {
    char path[CLI_PATH];
    const char *model = cli->args[0];
    if (o->head[0])
        snprintf(path, sizeof path, "%s", o->head);
    else if (duet_run_is(model))
        snprintf(path, sizeof path, "%.4000s/head.safetensors", model);
    else {
        const char *dot = strrchr(model, '.');
        snprintf(path, sizeof path, "%.*s.head.safetensors",
                 (int)(dot != NULL ? dot - model : (long)strlen(model)), model);
    }
    if (!cli_exists(path) && !o->head[0] && duet_model_logits(opened) > 0) return DUET_OK;
    if (!cli_exists(path))
        return cli_fail(
            DUET_NOT_FOUND,
            "no head '%s'; train one with 'duet probe %s --data DATA', or give --head FILE", path,
            model);
    return duet_head_load(head, card, path);
}

static void show(const cli_state *cli, const duet_prediction *p, const duet_head_card *card,
                 int top, json_t *rows) {
    json_t *classes = json_array();
    char number[32];
    cli_say(cli, "%s:", p->path);
    if (p->status != DUET_OK) cli_say(cli, " %s", p->error);
    for (int i = 0; p->status == DUET_OK && i < p->k && i < top; i++) {
        snprintf(number, sizeof number, "class %d", p->label[i]);
        const char *name =
            p->label[i] < card->class_count ? card->class_names[p->label[i]] : number;
        cli_say(cli, "%s %s %.1f %%", i ? "," : "", name, 100 * p->probability[i]);
        json_array_append_new(classes, json_pack("{s:s,s:i,s:f}", "name", name, "label",
                                                 p->label[i], "probability", p->probability[i]));
    }
    cli_say(cli, "\n");
    json_array_append_new(rows, json_pack("{s:s,s:o,s:s}", "image", p->path, "classes", classes,
                                          "error", p->status == DUET_OK ? "" : p->error));
}

static duet_status classify(cli_state *cli, const classify_options *o, char **list, int64_t count) {
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    duet_prediction *out = calloc((size_t)count, sizeof *out);
    json_t *rows = json_array();
    int64_t failed = 0;
    duet_status status = out != NULL ? cli_model_open(cli, &model, cli->args[0])
                                     : cli_fail(DUET_NO_MEMORY, "out of memory");
    if (status == DUET_OK) status = open_head(cli, o, model, &head, &card);
    if (status == DUET_OK)
        status = duet_classify(cli->ctx, out, model, head, &card, (const char *const *)list, count);
    for (int64_t i = 0; i < count && status == DUET_OK; i++) {
        show(cli, &out[i], &card, (int)o->top, rows);
        failed += out[i].status != DUET_OK;
    }
    if (status == DUET_OK) cli_json(cli, json_pack("{s:O}", "images", rows));
    if (status == DUET_OK && failed > 0)
        status = cli_fail(DUET_FORMAT, "%lld of %lld images could not be read", (long long)failed,
                          (long long)count);
    json_decref(rows);
    free(out);
    duet_head_free(head);
    duet_model_close(model);
    return status;
}

static duet_status evaluate(cli_state *cli, const classify_options *o) {
    duet_model *model = NULL;
    duet_dataset *dataset = NULL;
    duet_accuracy accuracy = {0};
    duet_split split = DUET_TEST;
    duet_status status = duet_split_parse(&split, o->split);
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &dataset, o->data);
    if (status == DUET_OK) status = duet_evaluate(cli->ctx, &accuracy, model, dataset, split);
    if (status == DUET_OK) {
        const double top1 = duet_accuracy_top1(&accuracy), top5 = duet_accuracy_top5(&accuracy);
        cli_say(cli,
                "%s, %s split: top-1 %.2f %%, top-5 %.2f %%, mean of the classes %.2f %% on %lld "
                "rows\n",
                duet_dataset_describe(dataset)->name, o->split, top1, top5,
                duet_accuracy_mean_class(&accuracy), (long long)accuracy.rows);
        cli_json(cli, json_pack("{s:s,s:s,s:I,s:f,s:f,s:f}", "data",
                                duet_dataset_describe(dataset)->name, "split", o->split, "rows",
                                (json_int_t)accuracy.rows, "top1", top1, "top5", top5, "mean_class",
                                duet_accuracy_mean_class(&accuracy)));
    }
    duet_accuracy_free(&accuracy);
    duet_dataset_close(dataset);
    duet_model_close(model);
    return status;
}

static duet_status run(cli_state *cli) {
    const classify_options *o = cli->options;
    if (o->data[0])
        return cli->arg_count == 1 ? evaluate(cli, o)
                                   : cli_wrong("images and --data; give one of them");
    if (cli->arg_count < 2)
        return cli_wrong(
            "give images, or --data DATA for the accuracy of the model's own classifier");
    char **list = calloc(MOST, sizeof *list);
    int64_t count = 0;
    duet_status status = list != NULL ? DUET_OK : cli_fail(DUET_NO_MEMORY, "out of memory");
    for (int i = 1; i < cli->arg_count && status == DUET_OK; i++)
        status = is_folder(cli->args[i]) ? add_folder(list, &count, cli->args[i])
                                         : add(list, &count, "", cli->args[i]);
    if (status == DUET_OK) status = classify(cli, o, list, count);
    for (int64_t i = 0; i < count; i++) free(list[i]);
    free(list);
    return status;
}

const cli_cmd duet_cmd_classify = {
    .info = {.name = "classify",
             .help = "what is in a picture, by a saved head",
             .params = DUET_TABLE(params, classify_options)},
    .usage =
        "MODEL image.png… | folder [options]\n       duet classify MODEL --data DATA [options]",
    .details =
        "MODEL is a run folder or a model file; 'duet probe' makes the head, unless the model has "
        "a classifier of its own. Images are preprocessed as the model's card says.",
    .min_args = 1,
    .max_args = 4000,
    .missing = "give a model and images",
    .plans = true,
    .opens = true,
    .run = run,
};
