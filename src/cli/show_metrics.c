/* SPDX-License-Identifier: MIT
 * cli/show_metrics.c: the values and tables of any metrics, as text and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* The standard error of value i, which is the value of its name with "_se"; NULL = none. */
static const duet_metric_value *error_of(const duet_metric_result *result, int i) {
    char name[64];
    snprintf(name, sizeof name, "%s_se", result->values[i].name);
    for (int k = 0; k < result->value_count; k++)
        if (strcmp(result->values[k].name, name) == 0) return &result->values[k];
    return NULL;
}

static bool is_error(const duet_metric_result *result, int i) {
    for (int k = 0; k < result->value_count; k++)
        if (error_of(result, k) == &result->values[i]) return true;
    return false;
}

void cli_metrics_say(const cli_state *cli, const duet_metric_result *result) {
    bool first = true;
    for (int i = 0; i < result->value_count; i++) {
        const duet_metric_value *v = &result->values[i], *error = error_of(result, i);
        const bool percent = v->unit[0] == '%';
        if (is_error(result, i)) continue;
        cli_say(cli, percent ? "%s%s %.2f" : "%s%s %.4g", first ? "" : ", ", v->title, v->value);
        if (error != NULL && isfinite(error->value))
            cli_say(cli, percent ? " ± %.2f" : " ± %.2g", error->value);
        if (v->unit[0] != '\0') cli_say(cli, " %s", v->unit);
        first = false;
    }
}

json_t *cli_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* {"columns": [names], "rows": [names], "cells": [[…], …]}; names only where there are some. */
static json_t *table_json(const duet_metric_table *t) {
    json_t *out = json_object(), *cells = json_array(), *rows = json_array(),
           *columns = json_array();
    for (int64_t i = 0; i < t->rows; i++) {
        json_t *row = json_array();
        for (int64_t k = 0; k < t->columns; k++)
            json_array_append_new(row, t->counts != NULL
                                           ? json_integer(t->counts[i * t->columns + k])
                                           : cli_number(t->cells[i * t->columns + k]));
        json_array_append_new(cells, row);
        if (t->row_names != NULL) json_array_append_new(rows, cli_name(t->row_names[i]));
    }
    for (int64_t k = 0; t->column_names != NULL && k < t->columns; k++)
        json_array_append_new(columns, cli_name(t->column_names[k]));
    if (t->column_names != NULL) json_object_set(out, "columns", columns);
    if (t->row_names != NULL) json_object_set(out, "rows", rows);
    json_decref(columns);
    json_decref(rows);
    json_object_set_new(out, "cells", cells);
    return out;
}

void cli_metrics_json(const duet_metric_result *result, json_t *out) {
    json_t *metrics = json_array(), *tables = json_object();
    for (int i = 0; i < result->value_count; i++) {
        const duet_metric_value *v = &result->values[i];
        json_object_set_new(out, v->name, cli_number(v->value));
        json_array_append_new(
            metrics, json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "metric", v->metric, "name", v->name,
                               "title", v->title, "unit", v->unit, "better",
                               v->better > 0 ? "higher" : "lower", "value", cli_number(v->value)));
    }
    json_object_set_new(out, "metrics", metrics);
    for (int i = 0; i < result->table_count; i++)
        json_object_set_new(tables, result->tables[i].name, table_json(&result->tables[i]));
    json_object_set_new(out, "tables", tables);
}
