/* SPDX-License-Identifier: MIT
 * base/choice.c: members of families with their options, from specs and back. */
#include "base/choice.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

duet_status duet_choice_parse(duet_choice *out, const duet_family *family, const char *spec) {
    return duet_family_parse(family, &out->entry, &out->options, sizeof out->options, spec);
}

/* The value of a row as it stands in a spec. */
static void add_value(duet_str *out, const duet_param_table *table, const void *options, int row) {
    const duet_param *const param = &table->rows[row];
    char number[DUET_LIST_SIZE * 24];
    const char *const text = (const char *)options + param->offset;
    if (param->type == DUET_PARAM_TEXT) {
        const bool plain = strpbrk(text, ",:()") == NULL;
        duet_str_add(out, plain ? "" : "(");
        duet_str_add(out, text);
        duet_str_add(out, plain ? "" : ")");
        return;
    }
    duet_params_print(table, options, row, number, sizeof number);
    for (char *c = number; *c != '\0'; c++)
        if (*c == ',') *c = '/'; /* ',' ends the pair in a spec */
    duet_str_add(out, number);
}

static bool same(const duet_param_table *table, const void *a, const void *b, int row) {
    duet_str x = {0}, y = {0};
    add_value(&x, table, a, row);
    add_value(&y, table, b, row);
    const bool equal =
        x.text != NULL && y.text != NULL ? strcmp(x.text, y.text) == 0 : x.text == y.text;
    duet_str_free(&x);
    duet_str_free(&y);
    return equal;
}

void duet_params_spell(const duet_param_table *table, const void *options, const void *usual,
                       duet_str *out) {
    const char *between = ":";
    for (int i = 0; i < table->count; i++) {
        if (usual != NULL && same(table, options, usual, i)) continue;
        duet_str_format(out, "%s%s=", between, table->rows[i].name);
        add_value(out, table, options, i);
        between = ",";
    }
}

duet_status duet_choice_spell(const duet_choice *choice, char *out, size_t size) {
    duet_str text = {0};
    duet_str_add(&text, choice->entry->name);
    duet_params_spell(&choice->entry->params, &choice->options, NULL, &text);
    duet_status status = duet_str_status(&text);
    if (status == DUET_OK && text.size >= (int64_t)size)
        status = duet_fail(DUET_ARG, "the options of '%s' are %lld bytes long, at most %zu fit",
                           choice->entry->name, (long long)text.size, size - 1);
    if (status == DUET_OK) memcpy(out, text.text, (size_t)text.size + 1);
    duet_str_free(&text);
    return status;
}

size_t duet_spec_length(const char *list) {
    size_t size = 0;
    for (int depth = 0; list[size] != '\0' && (list[size] != '+' || depth > 0); size++)
        depth += (list[size] == '(') - (list[size] == ')' && depth > 0);
    return size;
}

size_t duet_spec_take(const char **list, char *out, size_t size) {
    const size_t length = duet_spec_length(*list), kept = length < size ? length : size - 1;
    memcpy(out, *list, kept);
    out[kept] = '\0';
    *list = (*list)[length] == '\0' ? NULL : *list + length + 1;
    return length;
}
