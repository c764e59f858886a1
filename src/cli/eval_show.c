/* SPDX-License-Identifier: MIT
 * cli/eval_show.c: what duet eval has measured, in words and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"

static void describe_side(const eval_side *side, char out[512]) {
    char rows[64] = "an unknown number of rows";
    if (side->rows > 0) snprintf(rows, sizeof rows, "%lld images", (long long)side->rows);
    if (side->set == NULL && side->model == NULL)
        snprintf(out, 512, "statistics %.300s, %s", side->path, rows);
    else
        snprintf(out, 512, "%.300s%s%s, %s%s", side->path, side->all ? "" : ", split ",
                 side->all ? "" : duet_split_name(side->split), rows,
                 side->moments.dim > 0 ? " and the statistics beside them" : "");
}

static const char *way_of(const duet_preprocess *how) {
    return how->resize[0] != '\0' ? how->resize : how->fit[0] != '\0' ? how->fit : "auto";
}

static void say_reader(const eval *e) {
    char settings[CLI_SETTINGS];
    if (e->judge == NULL) return;
    const duet_judge_info *info = duet_judge_describe(e->judge);
    const duet_preprocess *p = &info->preprocess;
    cli_say(e->cli, "features: ");
    if (e->reader == NULL)
        cli_say(e->cli, "raw pixels");
    else
        cli_say(e->cli, "%s (%016llx), %s", e->o->reader, (unsigned long long)info->hash,
                cli_settings_text(&info->settings, settings));
    cli_say(e->cli, ": %lld; images scaled to %lld x %lld, %s%s\n", (long long)info->dim,
            (long long)p->size, (long long)p->size, p->channels == 1 ? "grey, " : "", way_of(p));
}

/* Values of one metric a line; those that could not be computed are left out, but the first. */
static void say_values(const cli_state *cli, const duet_metric_result *result, const char *after) {
    for (int from = 0, end; from < result->value_count; from = end) {
        duet_metric_value kept[16];
        int count = 0;
        for (end = from; end < result->value_count &&
                         strcmp(result->values[end].metric, result->values[from].metric) == 0;
             end++)
            if ((end == from || !isnan(result->values[end].value)) && count < 16)
                kept[count++] = result->values[end];
        const duet_metric_result line = {.values = kept, .value_count = count};
        cli_metrics_say(cli, &line);
        cli_say(cli, "%s\n", after);
    }
}

static void say_copies(const cli_state *cli, const duet_metric_result *result) {
    for (int i = 0; i < result->table_count; i++) {
        const duet_metric_table *t = &result->tables[i];
        if (strcmp(t->name, "copies") != 0 || t->rows == 0 || !(t->cells[3] < 1)) continue;
        cli_say(cli,
                "image %.0f is the likest to a training image: %.0f, at %.3g of the distance "
                "to its own neighbour\n",
                t->cells[0], t->cells[1], t->cells[3]);
    }
}

/* ---- JSON ---- */

static json_t *side_json(const eval_side *side) {
    json_t *out = json_pack("{s:o,s:s}", "path", cli_name(side->path), "kind",
                            side->model != NULL ? "model"
                            : side->set != NULL ? "images"
                                                : "statistics");
    json_object_set_new(out, "rows", side->rows > 0 ? json_integer(side->rows) : json_null());
    if (side->set != NULL && !side->all)
        json_object_set_new(out, "split", json_string(duet_split_name(side->split)));
    if (side->set != NULL) {
        char hash[24];
        snprintf(hash, sizeof hash, "%016llx",
                 (unsigned long long)duet_dataset_describe(side->set)->hash);
        json_object_set_new(out, "hash", json_string(hash));
    }
    return out;
}

static json_t *reader_json(const eval *e) {
    char hash[24];
    if (e->judge == NULL) return json_null();
    const duet_judge_info *info = duet_judge_describe(e->judge);
    const duet_preprocess *p = &info->preprocess;
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)info->hash);
    json_t *out = json_pack("{s:s,s:I,s:I,s:i,s:s}", "reader", info->reader, "features",
                            (json_int_t)info->dim, "size", (json_int_t)p->size, "channels",
                            p->channels, "scaling", way_of(p));
    if (e->reader == NULL) return out;
    json_object_set_new(out, "file", cli_name(e->o->reader));
    json_object_set_new(out, "hash", json_string(hash));
    json_object_set_new(out, "setting_from", json_string(info->setting_from));
    return cli_settings_json(out, &info->settings);
}

/* The values of both kinds of metrics in one result. */
static void join(const eval *e, duet_metric_result *out, duet_metric_value values[128],
                 duet_metric_table tables[64]) {
    const duet_metric_result *both[] = {&e->image_result, &e->feature_result};
    *out = (duet_metric_result){.values = values, .tables = tables};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < both[k]->value_count && out->value_count < 128; i++)
            values[out->value_count++] = both[k]->values[i];
        for (int i = 0; i < both[k]->table_count && out->table_count < 64; i++)
            tables[out->table_count++] = both[k]->tables[i];
    }
}

static json_t *bound_json(const eval_bound *b) {
    if (b->rows == 0) return json_null();
    json_t *out =
        json_pack("{s:I,s:o}", "rows", (json_int_t)b->rows, "fid", cli_number(b->distance));
    if (b->split != NULL) json_object_set_new(out, "split", json_string(b->split));
    if (isfinite(b->top1)) json_object_set_new(out, "top1", json_real(b->top1));
    return out;
}

static duet_status show_json(eval *e, const cli_step *step, bool copies) {
    duet_metric_value values[128];
    duet_metric_table tables[64];
    duet_metric_result all;
    json_t *out =
        json_pack("{s:s,s:o,s:o,s:b,s:o,s:o}", "command", "eval", "samples", side_json(&e->samples),
                  "reader", reader_json(e), "halves", e->halves, "left_out", cli_bad_json(e->cli),
                  "warning", e->few[0] != '\0' ? json_string(e->few) : json_null());
    json_object_set_new(out, "against",
                        e->o->against[0] != '\0' ? side_json(&e->real) : json_null());
    if (e->bad_real != NULL)
        json_object_set_new(out, "left_out_against",
                            json_integer(duet_bad_images_count(e->bad_real, e->real.split)));
    join(e, &all, values, tables);
    cli_metrics_json(&all, out);
    if (e->samples.model != NULL) {
        json_object_set_new(out, "sampler", json_string(e->samples.sampler));
        json_object_set_new(out, "seed", cli_seed(e->o->seed));
    }
    if (e->o->bounds)
        json_object_set_new(out, "bounds",
                            json_pack("{s:o,s:o}", "real", bound_json(&e->floor), "noise",
                                      bound_json(&e->ceiling)));
    if (copies) json_object_set_new(out, "copies_picture", json_string("copies.png"));
    const duet_status status = step != NULL ? cli_result_write(step, json_incref(out)) : DUET_OK;
    cli_json(e->cli, out);
    return status;
}

static void say_bounds(const eval *e) {
    const eval_bound *floor = &e->floor, *ceiling = &e->ceiling;
    if (ceiling->rows == 0) return;
    cli_say(e->cli, "the scale: ");
    if (floor->rows > 0) {
        cli_say(e->cli, "%lld real images (%s) %.4g", (long long)floor->rows, floor->split,
                floor->distance);
        if (isfinite(floor->top1))
            cli_say(e->cli, " (the reader recognises %.2f %% of them)", floor->top1);
        cli_say(e->cli, ", ");
    }
    cli_say(e->cli, "random bytes %.4g\n", ceiling->distance);
}

static duet_status copies_of_step(const eval *e, const cli_step *step, bool *made) {
    char path[CLI_PATH];
    snprintf(path, sizeof path, "%.4000s/copies.png", step->folder);
    return cli_eval_copies(e, path, made);
}

static duet_status say(eval *e, const cli_step *step) {
    char samples[512], real[512] = "", size[64] = "";
    int64_t side = 0;
    int channels = 0;
    if (cli_side_images(&e->samples)) {
        cli_side_size(&e->samples, &side, &channels);
        snprintf(size, sizeof size, " of %lld images, %lld x %lld", (long long)e->samples.rows,
                 (long long)side, (long long)side);
    }
    describe_side(&e->samples, samples);
    if (e->o->against[0] != '\0') describe_side(&e->real, real);
    cli_say(e->cli, "%s%s%s%s\n", samples, real[0] != '\0' ? ", against " : "", real,
            e->halves ? ": disjoint halves" : "");
    say_values(e->cli, &e->image_result, size);
    say_reader(e);
    say_values(e->cli, &e->feature_result, "");
    say_bounds(e);
    say_copies(e->cli, &e->feature_result);
    duet_status status = DUET_OK;
    bool made = false, kept = false;
    if (*e->o->copies) status = cli_eval_copies(e, e->o->copies, &made);
    if (made) cli_say(e->cli, "wrote %s\n", e->o->copies);
    if (status == DUET_OK && step != NULL) status = copies_of_step(e, step, &kept);
    return status == DUET_OK ? show_json(e, step, kept) : status;
}

/* What is measured of a run stands in the run, and in its report. */
duet_status cli_eval_show(eval *e) {
    cli_step step;
    const bool of_run = e->samples.model != NULL && duet_run_is(e->samples.path);
    if (!of_run) return say(e, NULL);
    duet_status status = cli_step_new(&step, e->samples.model, e->samples.path, "eval");
    if (status != DUET_OK) return status;
    status = say(e, &step);
    if (status == DUET_OK) status = cli_step_done(e->cli, &step);
    return status == DUET_OK ? DUET_OK : cli_step_drop(&step, status);
}
