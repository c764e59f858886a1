/* SPDX-License-Identifier: MIT
 * run/image_note.c: see image_note.h. The line has the form that other programs read from the key
 * "parameters": what is seen, then "Name: value, …", where a value with ',', ':' or '"' stands in
 * quotation marks as in JSON. */
#include "run/image_note.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static const char *name_of_class(const duet_image_origin *origin, int32_t label) {
    return label >= 0 && label < origin->class_count && origin->class_names != NULL
               ? origin->class_names[label]
               : NULL;
}

/* "3-7, 9": runs of consecutive numbers. */
static void put_ranges(duet_str *out, const duet_image_shown *shown) {
    for (int64_t i = 0, last = 0; i < shown->count; i = last + 1) {
        for (last = i; last + 1 < shown->count && shown->index[last + 1] == shown->index[last] + 1;)
            last++;
        duet_str_format(out, "%s%lld", i > 0 ? ", " : "", (long long)shown->index[i]);
        if (last > i) duet_str_format(out, "-%lld", (long long)shown->index[last]);
    }
}

static void put_value(duet_str *out, const char *name, const char *value) {
    duet_str_format(out, "%s: ", name);
    if (strpbrk(value, ",:\"\\\n") == NULL) {
        duet_str_add(out, value);
    } else {
        duet_str_add(out, "\"");
        for (const char *c = value; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\') duet_str_add(out, "\\");
            if (*c == '\n')
                duet_str_add(out, "\\n");
            else
                duet_str_bytes(out, c, 1);
        }
        duet_str_add(out, "\"");
    }
    duet_str_add(out, ", ");
}

static void put_numbers(duet_str *out, const char *name, const duet_image_shown *shown) {
    duet_str ranges = {0};
    put_ranges(&ranges, shown);
    out->failed = out->failed || ranges.failed;
    put_value(out, name, ranges.text != NULL ? ranges.text : "");
    duet_str_free(&ranges);
}

static void put_line(duet_str *out, const duet_image_origin *origin,
                     const duet_image_shown *shown) {
    const bool single = shown->columns == 0;
    const int32_t label = single && shown->labels != NULL ? shown->labels[0] : -1;
    const char *const class = name_of_class(origin, label);
    duet_str_add(out, single ? "sample " : "samples ");
    put_ranges(out, shown);
    if (origin->model != NULL) duet_str_format(out, " of %s", origin->model);
    if (label >= 0) duet_str_format(out, ", class %d", label);
    if (class != NULL) duet_str_format(out, " (%s)", class);
    duet_str_add(out, "\n");
    if (origin->sampler != NULL) put_value(out, "Sampler", origin->sampler);
    if (origin->sampler != NULL)
        duet_str_format(out, "Seed: %llu, ", (unsigned long long)origin->seed);
    put_numbers(out, single ? "Sample" : "Samples", shown);
    duet_str_format(out, "Size: %lldx%lld, ", (long long)shown->size, (long long)shown->size);
    if (origin->model != NULL) put_value(out, "Model", origin->model);
    if (origin->model_hash != 0)
        duet_str_format(out, "Model hash: %016llx, ", (unsigned long long)origin->model_hash);
    if (label >= 0) duet_str_format(out, "Class: %d, ", label);
    duet_str_add(out, "Version: duet " DUET_VERSION);
}

static json_t *ranges_json(const duet_image_shown *shown) {
    json_t *const list = json_array();
    for (int64_t i = 0, last = 0; i < shown->count; i = last + 1) {
        for (last = i; last + 1 < shown->count && shown->index[last + 1] == shown->index[last] + 1;)
            last++;
        json_array_append_new(
            list, json_pack("[I,I]", (json_int_t)shown->index[i], (json_int_t)shown->index[last]));
    }
    return list;
}

static void put_single(json_t *out, const duet_image_origin *origin,
                       const duet_image_shown *shown) {
    const int32_t label = shown->labels != NULL ? shown->labels[0] : -1;
    const char *const class = name_of_class(origin, label);
    json_object_set_new(out, "sample", json_integer((json_int_t)shown->index[0]));
    if (label >= 0) json_object_set_new(out, "label", json_integer(label));
    if (class != NULL) json_object_set_new(out, "class", duet_json_name(class));
}

static void put_grid(json_t *out, const duet_image_shown *shown) {
    json_t *const labels = json_array();
    bool any = false;
    for (int64_t i = 0; i < shown->count && shown->labels != NULL; i++) {
        json_array_append_new(labels, json_integer(shown->labels[i]));
        any = any || shown->labels[i] >= 0;
    }
    json_object_set_new(out, "count", json_integer((json_int_t)shown->count));
    json_object_set_new(out, "columns", json_integer((json_int_t)shown->columns));
    json_object_set_new(out, "samples", ranges_json(shown));
    if (any) json_object_set(out, "labels", labels);
    json_decref(labels);
}

static json_t *note_json(const duet_image_origin *origin, const duet_image_shown *shown) {
    json_t *const out = json_pack("{s:s,s:s,s:I}", "program", "duet", "version", DUET_VERSION,
                                  "size", (json_int_t)shown->size);
    if (origin->model != NULL) json_object_set_new(out, "model", duet_json_name(origin->model));
    if (origin->model_hash != 0)
        json_object_set_new(out, "model_hash",
                            json_sprintf("%016llx", (unsigned long long)origin->model_hash));
    if (origin->sampler != NULL) {
        json_object_set_new(out, "sampler", json_string(origin->sampler));
        json_object_set_new(out, "seed", duet_json_u64(origin->seed));
    }
    if (shown->columns > 0)
        put_grid(out, shown);
    else
        put_single(out, origin, shown);
    return out;
}

duet_status duet_image_note_make(duet_image_note *out, const duet_image_origin *origin,
                                 const duet_image_shown *shown) {
    duet_status status = DUET_OK;
    duet_str line = {0};
    char *json = NULL;
    json_t *const object = note_json(origin, shown);
    put_line(&line, origin, shown);
    DUET_DO(duet_str_status(&line));
    DUET_DO(duet_json_text(&json, object, false));
    *out = (duet_image_note){
        .line = line.text, .json = json, .texts = {{"parameters", line.text}, {"duet", json}}};
    line.text = NULL;
done:
    json_decref(object);
    duet_str_free(&line);
    return status;
}

void duet_image_note_free(duet_image_note *note) {
    duet_release(note->line);
    duet_release(note->json);
    *note = (duet_image_note){0};
}
