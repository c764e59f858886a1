/* SPDX-License-Identifier: MIT
 * io/json_file.c: see json_file.h. */
#include "io/json_file.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "io/store/store.h"

/* Replaces the numbers of Python that JSON lacks by texts of the same length. */
static void mend_numbers(char *text, int64_t size) {
    static const struct {
        const char *number, *instead;
    } words[] = {{"-Infinity", "\"-Infin\""}, {"Infinity", "\"Infini\""}, {"NaN", "\"N\""}};
    bool inside = false; /* a text */
    for (int64_t i = 0; i < size; i++) {
        if (text[i] == '"') inside = !inside;
        if (inside && text[i] == '\\') i++;
        for (int k = 0; k < DUET_COUNT(words) && !inside; k++) {
            const size_t length = strlen(words[k].number), other = strlen(words[k].instead);
            if ((int64_t)length > size - i || memcmp(text + i, words[k].number, length) != 0)
                continue;
            memset(text + i, ' ', length);
            memcpy(text + i, words[k].instead, other);
            i += (int64_t)length - 1;
            break;
        }
    }
}

static duet_status refuse(const char *path, const duet_bytes *bytes, const json_error_t *where) {
    char other[128];
    bool advises = false;
    size_t at = 0;
    while (at < (size_t)bytes->size && strchr(" \t\r\n\xEF\xBB\xBF", bytes->data[at]) != NULL &&
           bytes->data[at] != '\0')
        at++;
    if (at == (size_t)bytes->size || bytes->data[at] != '{')
        return duet_fail(DUET_FORMAT, "'%s' is no JSON object: it is %s", path,
                         duet_store_describe(bytes->data, (size_t)bytes->size, other, &advises));
    return duet_fail(DUET_FORMAT, "'%s' is no valid JSON: %s (line %d)", path, where->text,
                     where->line);
}

duet_status duet_json_read(json_t **out, const char *path, int64_t most) {
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    json_error_t where = {0};
    json_t *root = NULL;
    DUET_DO(duet_file_read(&bytes, path));
    if (bytes.size > most)
        DUET_FAIL(DUET_FORMAT, "'%s' has %lld bytes; the limit is %lld", path,
                  (long long)bytes.size, (long long)most);
    const bool mark = bytes.size >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0;
    char *const text = (char *)bytes.data + (mark ? 3 : 0);
    const int64_t size = bytes.size - (mark ? 3 : 0);
    mend_numbers(text, size);
    root = json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root)) DUET_DO(refuse(path, &bytes, &where));
    *out = root;
    root = NULL;
done:
    json_decref(root);
    duet_bytes_free(&bytes);
    return status;
}
