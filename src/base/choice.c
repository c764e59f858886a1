/* SPDX-License-Identifier: MIT
 * base/choice.c: members of families with their options, from specs and back. */
#include "base/choice.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

duet_status duet_choice_parse(duet_choice *out, const duet_family *family, const char *spec) {
    return duet_family_parse(family, &out->entry, &out->options, sizeof out->options, spec);
}

duet_status duet_choice_spell(const duet_choice *choice, char out[DUET_TEXT_SIZE]) {
    const duet_param_table *table = &choice->entry->params;
    char text[4 * DUET_TEXT_SIZE];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", choice->entry->name);
    for (int i = 0; i < table->count; i++) {
        char value[DUET_LIST_SIZE * 24];
        duet_params_print(table, &choice->options, i, value, sizeof value);
        for (char *c = value; *c != '\0'; c++) {
            if (*c == ',') *c = '/'; /* ',' ends the pair in a spec */
        }
        if (used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%c%s=%s", i == 0 ? ':' : ',',
                                     table->rows[i].name, value);
        }
    }
    if (used >= DUET_TEXT_SIZE) {
        return duet_fail(DUET_ARG, "the options of '%s' are too long to be written down",
                         choice->entry->name);
    }
    duet_copy_text(out, DUET_TEXT_SIZE, text);
    return DUET_OK;
}
