/* SPDX-License-Identifier: MIT
 * cli/show_store.c: the tensors of a file, for 'duet info' on files that are not models and for
 * --tensors. Names and texts come from the file, so control characters are not passed to the
 * terminal. */
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "cli/cli.h"

enum { FIRST = 20, MOST_PAIRS = 8, WIDE = 60 };

static const char *plain(char out[128], const char *text, int most) {
    snprintf(out, 128, "%.*s%s", most, text, strlen(text) > (size_t)most ? "…" : "");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = ' ';
    return out;
}

static json_t *shape_json(const duet_shape *shape) {
    json_t *list = json_array();
    for (int i = 0; i < shape->rank; i++)
        json_array_append_new(list, json_integer((json_int_t)shape->dim[i]));
    return list;
}

/* Prints at most `most` rows; all of them go into the JSON. */
static json_t *show_tensors(const cli_state *cli, const duet_store *store, int64_t most) {
    json_t *rows = json_array();
    int wide = 12;
    char name[128], shape[96];
    const int64_t count = duet_store_count(store);
    for (int64_t i = 0; i < count && i < most; i++) {
        const int length = (int)strlen(duet_store_at(store, i)->name);
        if (length > wide) wide = length < WIDE ? length : WIDE;
    }
    if (count > 0) cli_say(cli, "\n  %-*s type  shape\n", wide, "tensor");
    for (int64_t i = 0; i < count; i++) {
        const duet_store_entry *const e = duet_store_at(store, i);
        if (i < most)
            cli_say(cli, "  %-*s %-4s  %s\n", wide, plain(name, e->name, WIDE),
                    duet_dtype_name(e->dtype), duet_shape_text(&e->shape, shape));
        json_array_append_new(rows,
                              json_pack("{s:s,s:s,s:o}", "name", e->name, "type",
                                        duet_dtype_name(e->dtype), "shape", shape_json(&e->shape)));
    }
    if (count > most) cli_say(cli, "  … and %lld more (--tensors)\n", (long long)(count - most));
    return rows;
}

static json_t *show_pairs(const cli_state *cli, const duet_store *store) {
    json_t *object = json_object();
    char key[128], value[128];
    const duet_store_pair *pairs = NULL;
    const int64_t count = duet_store_pairs(store, &pairs);
    for (int64_t i = 0; i < count; i++) {
        if (i < MOST_PAIRS)
            cli_say(cli, "  %-11s %s\n", plain(key, pairs[i].key, 40),
                    plain(value, pairs[i].value, WIDE));
        json_object_set_new(object, pairs[i].key, json_string(pairs[i].value));
    }
    if (count > MOST_PAIRS)
        cli_say(cli, "  … and %lld more texts\n", (long long)(count - MOST_PAIRS));
    return object;
}

duet_status cli_store_tensors(const cli_state *cli, const char *path, json_t *out) {
    duet_store *store = NULL;
    const duet_status status = duet_store_open(&store, path);
    if (status != DUET_OK) return status;
    json_object_set_new(out, "tensors", show_tensors(cli, store, duet_store_count(store)));
    duet_store_close(store);
    return DUET_OK;
}

duet_status cli_store_show(cli_state *cli, const char *path, const char *why, bool all) {
    duet_store *store = NULL;
    char values[32], bytes[32];
    double count = 0, size = 0;
    const duet_status status = duet_store_open(&store, path);
    if (status != DUET_OK) return status;
    const int64_t tensors = duet_store_count(store);
    for (int64_t i = 0; i < tensors; i++) {
        const duet_store_entry *const e = duet_store_at(store, i);
        count += (double)duet_shape_count(&e->shape);
        size += (double)duet_shape_count(&e->shape) * (double)duet_dtype_size(e->dtype);
    }
    cli_human(values, count);
    cli_human(bytes, size);
    cli_say(cli, "%s: %s, %lld tensor%s, %s values, %sB\n  no model    %s\n", path,
            duet_store_format(store), (long long)tensors, tensors == 1 ? "" : "s", values, bytes,
            why);
    json_t *metadata = show_pairs(cli, store);
    json_t *rows = show_tensors(cli, store, all ? tensors : FIRST);
    cli_json(cli, json_pack("{s:o,s:s,s:s,s:o,s:o}", "path", cli_name(path), "format",
                            duet_store_format(store), "no_model", why, "metadata", metadata,
                            "tensors", rows));
    duet_store_close(store);
    return DUET_OK;
}
