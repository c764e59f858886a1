/* SPDX-License-Identifier: MIT
 * cli/check_set.c: duet data check DATA: what of a published set is there, split by split, and,
 * with
 * --decode, which images cannot be read. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

typedef struct check {
    cli_state *cli;
    const duet_dataset *set;
    const duet_dataset_info *info;
    duet_official official;
    duet_bad_images *bad; /* with --decode */
    int64_t unreadable;
} check;

/* ---- decoding ---- */

static duet_status decode_split(check *c, duet_split split, double *done, double total) {
    const duet_loader_options options = {.preprocess = {.size = 8, .channels = c->info->channels},
                                         .batch = 64,
                                         .workers = duet_context_threads(c->cli->ctx),
                                         .bad = c->bad};
    duet_view view = {0};
    duet_loader *loader = NULL;
    duet_batch batch = {.count = 1};
    duet_status status = duet_view_all(&view, c->set, split);
    if (status == DUET_OK && view.count > 0)
        status = duet_loader_open(c->cli->ctx, &loader, c->set, &view, &options);
    while (status == DUET_OK && view.count > 0 && batch.count > 0) {
        status = duet_loader_next(loader, &batch);
        const duet_progress progress = {.task = "decoding",
                                        .unit = "images",
                                        .done = *done + (double)batch.position,
                                        .total = total};
        if (!c->cli->common.quiet) cli_progress(&progress, c->cli);
        if (status == DUET_OK && cli_interrupted())
            status = cli_fail(DUET_CANCELLED, "interrupted");
    }
    *done += (double)view.count;
    duet_loader_close(loader);
    duet_view_free(&view);
    return status;
}

static duet_status decode(check *c) {
    double done = 0.0, total = 0.0;
    duet_status status = duet_bad_images_new(&c->bad);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) total += (double)c->info->count[s];
    for (int s = 0; s < DUET_SPLIT_COUNT && status == DUET_OK; s++)
        status = decode_split(c, (duet_split)s, &done, total);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        c->unreadable += duet_bad_images_count(c->bad, (duet_split)s);
    cli_progress_end();
    return status;
}

/* Why the first images of a split cannot be read. */
static json_t *show_unreadable(const check *c, duet_split split) {
    json_t *const list = json_array();
    int shown = 0;
    for (int64_t i = 0; i < c->info->count[split] && shown < DUET_OFFICIAL_EXAMPLES; i++) {
        const char *const reason = duet_bad_images_reason(c->bad, split, i);
        if (reason == NULL) continue;
        cli_say(c->cli, "    %s\n", reason);
        json_array_append_new(list, cli_name(reason));
        shown++;
    }
    return list;
}

/* ---- a split ---- */

/* Classes that have images in the split; -1 where memory is short. */
static int count_classes(const check *c, duet_split split) {
    bool *const seen = calloc((size_t)c->info->class_count + 1, sizeof *seen);
    int count = seen != NULL ? 0 : -1;
    for (int64_t i = 0; seen != NULL && i < c->info->count[split]; i++) {
        const int32_t label = duet_dataset_label(c->set, split, i);
        if (label < 0 || seen[label]) continue;
        seen[label] = true;
        count++;
    }
    free(seen);
    return count;
}

static json_t *show_missing(const check *c, duet_split split) {
    json_t *const list = json_array();
    const int64_t count = c->official.missing[split];
    if (count > 0) cli_say(c->cli, "    missing %lld, such as", (long long)count);
    for (int k = 0; k < DUET_OFFICIAL_EXAMPLES; k++) {
        const char *const name = c->official.example[split][k];
        if (name == NULL) break;
        cli_say(c->cli, "%s '%s'", k > 0 ? "," : "", name);
        json_array_append_new(list, cli_name(name));
    }
    if (count > 0) cli_say(c->cli, "\n");
    return list;
}

static json_t *show_split(const check *c, duet_split split) {
    const int64_t count = c->info->count[split], expected = c->official.expected[split];
    const int classes = count_classes(c, split);
    const bool known = c->official.name != NULL;
    if (count > 0 || expected > 0 || c->official.missing[split] > 0) {
        cli_say(c->cli, "  %-6s %8lld", duet_split_name(split), (long long)count);
        if (known) cli_say(c->cli, " of %8lld", (long long)expected);
        cli_say(c->cli, classes > 0 ? " images, %d" : " images, no classes", classes);
        if (known && classes > 0) cli_say(c->cli, " of %d", c->official.expected_classes);
        cli_say(c->cli, classes > 0 ? " classes\n" : "\n");
    }
    json_t *const out =
        json_pack("{s:I,s:I,s:i,s:I,s:o}", "images", (json_int_t)count, "expected",
                  (json_int_t)expected, "classes", classes, "missing",
                  (json_int_t)c->official.missing[split], "examples", show_missing(c, split));
    if (c->bad == NULL) return out;
    const int64_t bad = duet_bad_images_count(c->bad, split);
    if (bad > 0) cli_say(c->cli, "    %lld cannot be read:\n", (long long)bad);
    json_object_set_new(out, "unreadable", json_integer((json_int_t)bad));
    json_object_set_new(out, "reasons", show_unreadable(c, split));
    return out;
}

/* ---- all ---- */

static void show(const check *c, bool complete) {
    const duet_dataset_info *const d = c->info;
    const duet_official *const o = &c->official;
    json_t *const splits = json_object();
    cli_say(c->cli, "%s: %s, layout %s\n", d->name,
            o->name != NULL ? o->name : "no published set that is known", d->layout);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        json_object_set_new(splits, duet_split_name((duet_split)s), show_split(c, (duet_split)s));
    if (o->name != NULL)
        cli_say(c->cli, "  %d classes; results are reported as %s\n", d->class_count, o->measure);
    else
        cli_say(c->cli, d->labelled ? "  %d classes\n" : "  no labels\n", d->class_count);
    json_t *const left_out = cli_notes_show(c->cli, "left out, ", d->left_out, d->left_out_count);
    json_t *const noticed = cli_notes_show(c->cli, "", d->noticed, d->noticed_count);
    if (complete) cli_say(c->cli, "complete%s\n", c->bad != NULL ? "; all images can be read" : "");
    cli_json(c->cli,
             json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:o,s:i,s:i,s:b,s:o,s:o,s:b}", "name", d->name,
                       "path", d->shown_path, "layout", d->layout, "official", o->name, "measure",
                       o->measure, "splits", splits, "classes", d->class_count, "expected_classes",
                       o->expected_classes, "decoded", c->bad != NULL, "left_out", left_out,
                       "noticed", noticed, "complete", complete));
}

static duet_status conclude(const check *c) {
    int64_t missing = 0;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) missing += c->official.missing[s];
    const char *const name = c->info->shown_path;
    if (missing > 0 || c->unreadable > 0)
        return cli_fail(missing > 0 ? DUET_NOT_FOUND : DUET_FORMAT,
                        "'%s' is incomplete: images missing %lld, not readable %lld", name,
                        (long long)missing, (long long)c->unreadable);
    if (c->official.complete) return DUET_OK;
    return c->official.name != NULL
               ? cli_fail(DUET_NOT_FOUND, "'%s' is not all of %s, or not it alone: counts differ",
                          name, c->official.name)
               : cli_fail(DUET_FORMAT, "'%s' is incomplete: what it holds was left out in part",
                          name);
}

duet_status cli_dataset_check(cli_state *cli, const char *path, bool decode_all) {
    duet_dataset *set = NULL;
    duet_status status = duet_dataset_open(cli->ctx, &set, path);
    if (status != DUET_OK) return status;
    check c = {.cli = cli, .set = set, .info = duet_dataset_describe(set)};
    duet_dataset_official(&c.official, set);
    if (decode_all) status = decode(&c);
    if (status == DUET_OK) {
        show(&c, c.official.complete && c.unreadable == 0);
        status = conclude(&c);
    }
    duet_bad_images_free(c.bad);
    duet_dataset_close(set);
    return status;
}
