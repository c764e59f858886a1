/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_classify.c: duet classify MODEL image…: the most probable classes of images by the
 * saved head (what is said of them: cli/answers.c), or its accuracy on a data set. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/answers.h"

typedef struct classify_options {
    char head[CLI_PATH], data[CLI_PATH], split[DUET_TEXT_SIZE], classes[CLI_PATH],
        metrics[DUET_TEXT_SIZE], on_bad[DUET_TEXT_SIZE], csv[CLI_PATH], why[CLI_PATH];
    int64_t top, patch, draws;
    double conformal;
    bool flip;
} classify_options;

static const duet_param params[] = {
    DUET_TEXT(classify_options, head, "", NULL,
              "head file (default: the run's, that in MODEL, or MODEL's name with "
              ".head.safetensors)"),
    DUET_TEXT(classify_options, data, "", NULL,
              "labelled data set: the accuracy on it, of --head, of the model's own classifier, or "
              "of the default head; classes are matched by name"),
    DUET_TEXT(classify_options, split, "test", "train|val|test", "its split"),
    DUET_TEXT(classify_options, metrics, "accuracy", NULL,
              "what to measure on it, joined by ',' ('duet help metric')"),
    DUET_TEXT(classify_options, classes, "", NULL,
              "names of the outputs of the model's own classifier: a file with a name a line"),
    DUET_INT(classify_options, top, "3", 1, 1000, "classes to show"),
    DUET_FLOAT(classify_options, conformal, "0", 0, 0.999,
               "sets of classes that hold the right one with this chance, such as 0.9; 0 = none"),
    DUET_TEXT(classify_options, csv, "", NULL,
              "table to write: file, classes, probabilities, with --conformal the set"),
    DUET_TEXT(
        classify_options, why, "", NULL,
        "x.png or x.svg: what the prediction looks at, of up to 16 images: how much weaker it "
        "becomes where a patch is covered"),
    DUET_INT(classify_options, patch, "0", 0, 4096,
             "side of that patch, in pixels of the network; 0 = a quarter of the image"),
    DUET_INT(classify_options, draws, "0", 0, 64,
             "draws of the noise whose answers are averaged; 0 = one"),
    DUET_BOOLEAN(classify_options, flip, "false",
                 "averaged with the answer to the mirrored image; for what was trained on mirrored "
                 "images too"),
    CLI_ON_BAD_ROW(classify_options),
};

/* ---- paths ---- */

typedef struct path_list {
    char **path;
    int64_t count, capacity;
} path_list;

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static duet_status add(path_list *list, const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (list->count == list->capacity) {
        const int64_t more = list->capacity > 0 ? 2 * list->capacity : 1024;
        char **grown = realloc(list->path, (size_t)more * sizeof *grown);
        if (grown != NULL) {
            list->path = grown;
            list->capacity = more;
        }
    }
    if (path == NULL || list->count == list->capacity) {
        free(path);
        return cli_fail(DUET_NO_MEMORY, "out of memory");
    }
    snprintf(path, size, "%s%s%s", folder, *folder ? "/" : "", name);
    list->path[list->count++] = path;
    return DUET_OK;
}

static bool is_inner_folder(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode); /* links may lead in circles */
}

/* Files of the folder and of the folders in it, unsorted. */
static duet_status add_files(path_list *list, const char *folder) {
    DIR *dir = opendir(folder);
    duet_status status = DUET_OK;
    if (dir == NULL) return cli_fail(DUET_IO, "cannot read the folder '%s'", folder);
    for (const struct dirent *entry = readdir(dir); entry != NULL && status == DUET_OK;
         entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        status = add(list, folder, entry->d_name);
        if (status != DUET_OK || !is_inner_folder(list->path[list->count - 1])) continue;
        char *inner = list->path[--list->count];
        status = add_files(list, inner);
        free(inner);
    }
    closedir(dir);
    return status;
}

static duet_status add_folder(path_list *list, const char *folder) {
    const int64_t from = list->count;
    const duet_status status = add_files(list, folder);
    if (status != DUET_OK) return status;
    if (list->count == from) return cli_fail(DUET_ARG, "the folder '%s' is empty", folder);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): it is not empty here */
    qsort(list->path + from, (size_t)(list->count - from), sizeof *list->path, by_bytes);
    return DUET_OK;
}

static void free_list(path_list *list) {
    for (int64_t i = 0; i < list->count; i++) free(list->path[i]);
    free(list->path);
}

/* ---- the classifier ---- */

/* Splits a text into its lines; blank ones at the end do not count. */
static int cut_lines(char *text, const char **lines, int most) {
    int count = 0, last = 0;
    for (char *at = text; *at != '\0' && count < most;) {
        const size_t length = strcspn(at, "\n");
        const bool end = at[length] == '\0';
        lines[count++] = at;
        at[length] = '\0';
        if (length > 0 && at[length - 1] == '\r') at[length - 1] = '\0';
        if (lines[count - 1][0] != '\0') last = count;
        at += length + !end;
    }
    return last;
}

static duet_status read_text(char **out, const char *path) {
    enum { MOST_BYTES = 1 << 22 };
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return cli_fail(DUET_NOT_FOUND, "cannot read '%s': %s", path, strerror(errno));
    char *text = calloc(MOST_BYTES + 1, 1);
    const size_t size = text != NULL ? fread(text, 1, MOST_BYTES, file) : 0;
    const bool whole = text != NULL && feof(file) && !ferror(file) && strlen(text) == size;
    fclose(file);
    if (!whole) {
        free(text);
        return cli_fail(DUET_FORMAT, "'%s' is not a list of names, one per line", path);
    }
    *out = text;
    return DUET_OK;
}

/* --classes: names for the outputs of the model's own classifier. */
static duet_status name_outputs(duet_model *model, const char *path) {
    const int outputs = (int)duet_model_logits(model);
    char *text = NULL;
    if (outputs == 0)
        return cli_fail(DUET_ARG, "--classes names the outputs of a model's own classifier, which "
                                  "this model does not have; a head has its own names");
    const char **lines = calloc((size_t)outputs + 1, sizeof *lines);
    duet_status status =
        lines != NULL ? read_text(&text, path) : cli_fail(DUET_NO_MEMORY, "out of memory");
    const int count = status == DUET_OK ? cut_lines(text, lines, outputs + 1) : 0;
    if (status == DUET_OK && count != outputs)
        status = cli_fail(DUET_ARG, "'%s' has %s%d names, but the model has %d outputs", path,
                          count > outputs ? "more than " : "", count > outputs ? outputs : count,
                          outputs);
    if (status == DUET_OK) status = duet_card_set_classes(model, lines, count);
    free(lines);
    free(text);
    return status;
}

static void head_path(char out[CLI_PATH], const classify_options *o, const char *model) {
    const char *dot = strrchr(model, '.');
    if (o->head[0])
        snprintf(out, CLI_PATH, "%s", o->head);
    else if (!cli_head_find(out, model) && !duet_run_is(model))
        snprintf(out, CLI_PATH, "%.*s.head.safetensors",
                 (int)(dot != NULL ? dot - model : (long)strlen(model)), model);
}

/* A model with a classifier of its own needs no head. */
static duet_status open_head(const cli_state *cli, const classify_options *o,
                             const duet_model *opened, duet_head **head, duet_head_card *card) {
    char path[CLI_PATH];
    const char *model = cli->args[0];
    head_path(path, o, model);
    if (o->classes[0] && !o->head[0]) return DUET_OK; /* it names the outputs of the model itself */
    if (!cli_exists(path) && !o->head[0] && duet_model_logits(opened) > 0) return DUET_OK;
    if (!cli_exists(path))
        return cli_fail(
            DUET_NOT_FOUND,
            "no head '%s'; train one with 'duet probe %s --data DATA', or give --head FILE", path,
            model);
    return duet_head_load(head, card, path);
}

static duet_status explain(cli_answers *a, const classify_options *o, duet_model *model,
                           duet_head *head, const duet_head_card *card, const path_list *list) {
    const duet_why_options options = {.paths = (const char *const *)list->path,
                                      .path_count = list->count,
                                      .patch = o->patch,
                                      .class_names = a->names,
                                      .class_count = a->name_count};
    duet_look *look = NULL;
    if (!o->why[0] || a->failed == list->count) return DUET_OK;
    duet_status status = duet_why(a->cli->ctx, &look, model, head, card, &options);
    if (status == DUET_OK) status = duet_look_write(look, o->why);
    if (status == DUET_OK) cli_say(a->cli, "wrote %s\n", o->why);
    if (status == DUET_OK) a->why = json_loads(duet_look_json(look), 0, NULL);
    duet_look_free(look);
    return status;
}

static duet_status open_both(cli_state *cli, const classify_options *o, duet_model **model,
                             duet_head **head, duet_head_card *card) {
    duet_status status = cli_model_open(cli, model, cli->args[0]);
    if (status == DUET_OK && o->classes[0] && o->head[0])
        status = cli_wrong("--head and --classes exclude each other, since a head has its own "
                           "names; give one of them");
    if (status == DUET_OK && o->classes[0]) status = name_outputs(*model, o->classes);
    if (status != DUET_OK) return status;
    /* The accuracy is that of the model's own classifier where it has one and no head is given. */
    char path[CLI_PATH];
    head_path(path, o, cli->args[0]);
    const bool own = o->data[0] != '\0' && o->head[0] == '\0' &&
                     (duet_model_logits(*model) > 0 || !cli_exists(path));
    if (!own) status = open_head(cli, o, *model, head, card);
    return status;
}

static duet_status classify(cli_state *cli, const classify_options *o, const path_list *list) {
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    cli_answers answers = {
        .cli = cli, .top = (int)o->top, .level = o->conformal, .csv_path = o->csv};
    const duet_classify_options how = {
        .conformal = o->conformal, .draws = (int)o->draws, .flip = o->flip};
    duet_status status = open_both(cli, o, &model, &head, &card);
    if (status == DUET_OK && o->patch > duet_model_card(model)->preprocess.size)
        status = cli_wrong("a patch of %lld pixels; the network's images have %lld",
                           (long long)o->patch, (long long)duet_model_card(model)->preprocess.size);
    if (status == DUET_OK) status = cli_answers_begin(&answers, model, head, &card);
    if (status == DUET_OK)
        status = duet_classify_each(cli->ctx, model, head, &card, (const char *const *)list->path,
                                    list->count, &how, cli_answers_take, &answers);
    if (status == DUET_OK) status = explain(&answers, o, model, head, &card, list);
    status = cli_answers_end(&answers, status, strcmp(o->on_bad, "skip") == 0);
    json_decref(answers.why);
    duet_head_free(head);
    duet_model_close(model);
    return status;
}

static void show_metrics(cli_state *cli, const classify_options *o, const duet_dataset *dataset,
                         const duet_evaluation *e) {
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    cli_say(cli, "%s, %s split: ", info->name, o->split);
    cli_metrics_say(cli, &e->result);
    cli_say(cli, " on %lld rows (%d of the %d classes of the set, %d outputs, matched by %s)",
            (long long)e->rows, e->matched, info->class_count, e->outputs,
            e->by_name ? "name" : "number");
    if (cli_bad_count(cli) > 0) cli_say(cli, ", %lld left out", (long long)cli_bad_count(cli));
    cli_say(cli, "\n");
    if (o->conformal > 0)
        cli_say(cli,
                "sets of %g %%: the right class is in %.2f %% of them; %.2f classes on average\n",
                100 * o->conformal, e->coverage, e->mean_size);
    json_t *result = json_pack(
        "{s:s,s:s,s:I,s:i,s:i,s:i,s:s,s:I,s:s,s:o}", "data", info->name, "split", o->split, "rows",
        (json_int_t)e->rows, "classes", info->class_count, "outputs", e->outputs, "matched",
        e->matched, "matched_by", e->by_name ? "name" : "number", "rows_not_measured",
        (json_int_t)e->unmatched, "classes_not_measured", e->others, "left_out", cli_bad_json(cli));
    cli_metrics_json(&e->result, result);
    if (o->conformal > 0)
        json_object_set_new(result, "conformal",
                            json_pack("{s:f,s:o,s:o}", "level", o->conformal, "coverage",
                                      cli_number(e->coverage), "mean_size",
                                      cli_number(e->mean_size)));
    cli_json(cli, result);
}

/* The look at the split, with what was averaged. */
static duet_status add_to_books(cli_state *cli, const classify_options *o, const duet_model *model,
                                const duet_head_card *card, const duet_dataset *dataset,
                                duet_split split, const duet_evaluation *result) {
    duet_head_card said = card != NULL ? *card : (duet_head_card){0};
    for (int i = 0; i < said.settings.count; i++) {
        if (o->draws > 0) said.settings.v[i].draws = o->draws;
        said.settings.v[i].flip = said.settings.v[i].flip || o->flip;
    }
    return cli_books_add(cli->args[0], "classify", model, card != NULL ? &said : NULL, dataset,
                         split, result);
}

static duet_status evaluate(cli_state *cli, const classify_options *o) {
    duet_model *model = NULL;
    duet_dataset *dataset = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    duet_evaluation result = {0};
    duet_split split = DUET_TEST;
    const duet_classify_options how = {
        .conformal = o->conformal, .draws = (int)o->draws, .flip = o->flip};
    duet_status status = duet_split_parse(&split, o->split);
    if (status == DUET_OK)
        status = duet_metrics_check(o->metrics,
                                    DUET_METRIC_LABELS | DUET_METRIC_LOGITS | DUET_METRIC_FEATURES);
    if (status == DUET_OK) status = cli_on_bad(cli, o->on_bad);
    if (status == DUET_OK) status = open_both(cli, o, &model, &head, &card);
    if (status == DUET_OK) status = duet_dataset_open(cli->ctx, &dataset, o->data);
    if (status == DUET_OK)
        status = duet_evaluate(cli->ctx, &result, model, head, &card, dataset, split, o->metrics,
                               &how, cli->bad);
    if (status == DUET_OK && split != DUET_TRAIN)
        status = add_to_books(cli, o, model, head != NULL ? &card : NULL, dataset, split, &result);
    if (status == DUET_OK) show_metrics(cli, o, dataset, &result);
    duet_evaluation_free(&result);
    duet_head_free(head);
    duet_dataset_close(dataset);
    duet_model_close(model);
    return status;
}

static duet_status run(cli_state *cli) {
    const classify_options *o = cli->options;
    path_list list = {0};
    duet_status status = DUET_OK;
    if (o->data[0] && o->csv[0])
        return cli_wrong("--csv is of images, and --data measures a set; give one of them");
    if (o->why[0]) status = cli_check_file("--why", o->why, ".png .svg");
    if (status != DUET_OK) return status;
    if (o->data[0] && o->why[0])
        return cli_wrong("--why explains the predictions of images; give images, not --data");
    if (o->data[0])
        return cli->arg_count == 1
                   ? evaluate(cli, o)
                   : cli_wrong("images and --data exclude each other; give one of them");
    if (cli->arg_count < 2)
        return cli_wrong(
            "give images, or --data DATA for the accuracy of the model's own classifier");
    if (o->csv[0]) status = cli_check_file("--csv", o->csv, ".csv");
    for (int i = 1; i < cli->arg_count && status == DUET_OK; i++)
        status = is_folder(cli->args[i]) ? add_folder(&list, cli->args[i])
                                         : add(&list, "", cli->args[i]);
    if (status == DUET_OK && o->why[0] && list.count > 16)
        status = cli_wrong("--why takes at most 16 images, not %lld", (long long)list.count);
    if (status == DUET_OK) status = classify(cli, o, &list);
    free_list(&list);
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
        "a classifier of its own. Images are preprocessed as the model's card says.\n"
        "Classes of DATA and outputs are matched by name, whatever their order and number; outputs "
        "without names: --classes, or as many\nclasses as outputs, in their order.\n"
        "Probabilities are calibrated where 'duet probe' has made the head (--json says so). "
        "--conformal: the most probable class and all that are as\nprobable as such sets of the "
        "calibration rows needed (docs/recognition.md).\n"
        "  duet classify RUN image.png --conformal 0.9 --top 5 --csv table.csv\n"
        "  duet classify RUN image.png --why why.png",
    .min_args = 1,
    .max_args = 4000,
    .missing = "give a model and images",
    .plans = true,
    .opens = true,
    .run = run,
};
