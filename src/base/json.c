/* SPDX-License-Identifier: MIT
 * base/json.c: numbers of 64 bits without a sign, and names, in JSON. */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

json_t *duet_json_u64(uint64_t value) {
    char text[24];
    if (value <= INT64_MAX) return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

uint64_t duet_json_u64_value(const json_t *value) {
    uint64_t size = 0;
    bool negative = false;
    if (json_is_string(value) &&
        duet_parse_whole(&size, &negative, json_string_value(value)) == DUET_WHOLE && !negative)
        return size;
    return (uint64_t)json_integer_value(value);
}

json_t *duet_json_name(const char *text) {
    char shown[4 * DUET_PATH_SIZE];
    duet_text_shown(shown, sizeof shown, text);
    return json_string(shown);
}

json_t *duet_json_names(const char *const *texts, int count) {
    json_t *const list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, duet_json_name(texts[i]));
    return list;
}

duet_status duet_json_text(char **out, const json_t *root, bool indent) {
    const size_t flags = indent ? JSON_INDENT(1) : JSON_COMPACT,
                 size = root != NULL ? json_dumpb(root, NULL, 0, flags) : 0;
    char *text = NULL;
    if (size == 0) return duet_fail(DUET_FORMAT, "a name or a setting is not UTF-8");
    DUET_TRY(duet_alloc(&text, (int64_t)size + 2,
                        1)); /* zeroed: room for the end of a line and of the text */
    if (json_dumpb(root, text, size, flags) != size) {
        duet_release(text);
        return duet_fail(DUET_FORMAT, "JSON came out in two sizes");
    }
    if (indent) text[size] = '\n';
    *out = text;
    return DUET_OK;
}
