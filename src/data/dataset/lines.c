/* SPDX-License-Identifier: MIT
 * data/dataset/lines.c: see lines.h. */
#include "data/dataset/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/kind.h"

enum { MOST_BYTES = 1 << 30 };
static const char blanks[] = " \t\r";

duet_status duet_list_text(char **out, const char *path) {
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    char *text = NULL;
    DUET_DO(duet_file_read(&bytes, path));
    if (bytes.size > MOST_BYTES)
        DUET_FAIL(DUET_UNSUPPORTED, "it has %lld bytes; the limit is %d", (long long)bytes.size,
                  MOST_BYTES);
    const duet_file_kind kind = duet_kind_of_bytes(bytes.data, bytes.size);
    if (kind.is == DUET_FILE_HTML || kind.is == DUET_FILE_LFS)
        DUET_FAIL(DUET_FORMAT, "it is not a list but %s", kind.words);
    if (bytes.size > 0 && memchr(bytes.data, '\0', (size_t)bytes.size) != NULL)
        DUET_FAIL(DUET_FORMAT, "it is no text%s%s", kind.words != NULL ? ", but " : "",
                  kind.words != NULL ? kind.words : "");
    DUET_DO(duet_alloc(&text, bytes.size + 2, 1));
    if (bytes.size > 0) memcpy(text, bytes.data, (size_t)bytes.size);
    *out = text;
    text = NULL;
done:
    duet_release(text);
    duet_bytes_free(&bytes);
    return status;
}

static int by_key(const void *a, const void *b, void *lines) {
    const duet_line *const line = ((const duet_lines *)lines)->line;
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    const int names = strcmp(line[x].key, line[y].key);
    return names != 0 ? names : x < y ? -1 : x > y;
}

static duet_status split_text(duet_lines *out, bool whole) {
    char *at = out->text;
    if (duet_starts_with(at, "\xEF\xBB\xBF")) at += 3;
    for (int64_t number = 1; *at != '\0'; number++) {
        char *const end = at + strcspn(at, "\n"), *last = end;
        const bool more = *end == '\n';
        while (last > at && strchr(blanks, last[-1]) != NULL) last--;
        *last = '\0';
        at += strspn(at, blanks);
        if (*at != '\0' && *at != '#') {
            DUET_TRY(duet_grow(&out->line, &out->capacity, out->count + 1, sizeof *out->line));
            char *rest = whole ? last : at + strcspn(at, blanks);
            duet_line *const line = &out->line[out->count++];
            *line = (duet_line){.key = at, .rest = rest, .number = number};
            if (*rest != '\0') {
                *rest++ = '\0';
                line->rest = rest + strspn(rest, blanks);
            }
        }
        at = end + more;
    }
    return DUET_OK;
}

static duet_status read_lines(duet_lines *out, const char *folder, const char *name, bool whole) {
    duet_status status = DUET_OK;
    duet_lines lines = {.name = name};
    char path[DUET_PATH_SIZE];
    DUET_DO(duet_path_join(path, folder, name));
    DUET_CONTEXT(duet_list_text(&lines.text, path), "list '%s'", name);
    DUET_DO(split_text(&lines, whole));
    if (lines.count == 0) DUET_FAIL(DUET_FORMAT, "the list '%s' is empty", name);
    DUET_DO(duet_alloc(&lines.sorted, lines.count, sizeof *lines.sorted));
    for (int64_t i = 0; i < lines.count; i++) lines.sorted[i] = i;
    qsort_r(lines.sorted, (size_t)lines.count, sizeof *lines.sorted, by_key, &lines);
    *out = lines;
    lines = (duet_lines){0};
done:
    duet_lines_free(&lines);
    return status;
}

duet_status duet_lines_read(duet_lines *out, const char *folder, const char *name) {
    return read_lines(out, folder, name, false);
}

duet_status duet_lines_read_whole(duet_lines *out, const char *folder, const char *name) {
    return read_lines(out, folder, name, true);
}

const duet_line *duet_lines_find(const duet_lines *lines, const char *key, int64_t hint) {
    if (hint >= 0 && hint < lines->count && strcmp(lines->line[hint].key, key) == 0)
        return &lines->line[hint];
    int64_t low = 0, high = lines->count;
    while (low < high) {
        const int64_t mid = (low + high) / 2;
        if (strcmp(lines->line[lines->sorted[mid]].key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == lines->count) return NULL;
    const duet_line *const line = &lines->line[lines->sorted[low]];
    return strcmp(line->key, key) == 0 ? line : NULL;
}

/* The next word; false where there is none of a number's length. */
static bool next_word(char word[32], const char **at) {
    const size_t size = strcspn(*at, blanks);
    if (size == 0 || size >= 32) return false;
    memcpy(word, *at, size);
    word[size] = '\0';
    *at += size;
    *at += strspn(*at, blanks);
    return true;
}

bool duet_line_whole(int64_t *out, const char *text) {
    char word[32];
    return next_word(word, &text) && duet_parse_i64(out, word);
}

bool duet_line_numbers(double *out, int count, const char *text) {
    char word[32];
    for (int i = 0; i < count; i++)
        if (!next_word(word, &text) || !duet_parse_f64(&out[i], word) || out[i] < -1e6 ||
            out[i] > 1e6)
            return false;
    return true;
}

void duet_lines_free(duet_lines *lines) {
    duet_release(lines->text);
    duet_release(lines->line);
    duet_release(lines->sorted);
    *lines = (duet_lines){0};
}
