/* SPDX-License-Identifier: MIT
 * base/record.c: see record.h. */
#include "base/record.h"

#include <math.h>

#include "base/json.h"
#include "base/str.h"

static bool is_short(const duet_param *row) {
    return row->size == sizeof(int);
}

static json_t *list_json(const duet_int_list *list) {
    json_t *const out = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(out, json_integer((json_int_t)list->v[i]));
    return out;
}

/* NULL: the value cannot be written, or is a JSON value that is not there. */
static json_t *value_json(const duet_param *row, const void *field) {
    switch (row->type) {
    case DUET_PARAM_INT:
        return json_integer(is_short(row) ? *(const int *)field
                                          : (json_int_t) * (const int64_t *)field);
    case DUET_PARAM_SEED:
        return duet_json_u64(*(const uint64_t *)field);
    case DUET_PARAM_FLOAT:
        return isfinite(*(const double *)field) ? json_real(*(const double *)field) : json_null();
    case DUET_PARAM_BOOL:
        return json_boolean(*(const bool *)field);
    case DUET_PARAM_TEXT:
        return json_string(row->size > 0 ? field : *(const char *const *)field);
    case DUET_PARAM_INTS:
        return list_json(field);
    case DUET_PARAM_JSON:
        return *(json_t *const *)field;
    case DUET_PARAM_RECORD:
        return duet_record_json(row->record, field);
    }
    return NULL;
}

json_t *duet_record_json(const duet_param_table *table, const void *record) {
    json_t *const out = json_object();
    bool whole = out != NULL;
    for (int i = 0; i < table->count; i++) {
        const duet_param *const row = &table->rows[i];
        json_t *const value = value_json(row, (const uint8_t *)record + row->offset);
        if (value == NULL && row->type == DUET_PARAM_JSON) continue;
        if (json_object_set_new(out, row->name, value) != 0) whole = false;
    }
    if (whole) return out;
    json_decref(out);
    return NULL;
}

static void read_text(const duet_param *row, void *field, const json_t *value) {
    if (!json_is_string(value)) return;
    if (row->size > 0)
        (void)duet_copy_text(field, row->size, json_string_value(value));
    else
        *(const char **)field = json_string_value(value);
}

static void read_list(duet_int_list *out, const json_t *value) {
    const size_t count = json_array_size(value);
    if (!json_is_array(value) || count > DUET_LIST_SIZE) return;
    out->count = (int)count;
    for (size_t i = 0; i < count; i++) out->v[i] = json_integer_value(json_array_get(value, i));
}

static void read_value(const duet_param *row, void *field, json_t *value) {
    switch (row->type) {
    case DUET_PARAM_INT:
        if (!json_is_integer(value)) return;
        if (is_short(row))
            *(int *)field = (int)json_integer_value(value);
        else
            *(int64_t *)field = json_integer_value(value);
        return;
    case DUET_PARAM_SEED:
        *(uint64_t *)field = duet_json_u64_value(value);
        return;
    case DUET_PARAM_FLOAT:
        if (json_is_number(value)) *(double *)field = json_number_value(value);
        return;
    case DUET_PARAM_BOOL:
        if (json_is_boolean(value)) *(bool *)field = json_is_true(value);
        return;
    case DUET_PARAM_TEXT:
        read_text(row, field, value);
        return;
    case DUET_PARAM_INTS:
        read_list(field, value);
        return;
    case DUET_PARAM_JSON:
        *(json_t **)field = value;
        return;
    case DUET_PARAM_RECORD:
        duet_record_read(row->record, field, value);
        return;
    }
}

void duet_record_read(const duet_param_table *table, void *record, const json_t *object) {
    for (int i = 0; i < table->count; i++) {
        const duet_param *const row = &table->rows[i];
        json_t *const value = json_object_get(object, row->name);
        if (value != NULL) read_value(row, (uint8_t *)record + row->offset, value);
    }
}
