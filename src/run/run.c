/* SPDX-License-Identifier: MIT
 * run/run.c: numbered folders. A run is PARENT/NNNNN-name, a step of it RUN/<command>-NNN;
 * numbers only grow, and the folder is made with mkdir's own exclusivity, so that two programs
 * started at once never share one. */
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "run/run_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_SIZE = 200, MAX_TRIES = 1000 };

/* Reads the digits at text; *end is what follows. -1 when there is no digit or too many for 18
 * places. */
static int64_t read_number(const char *text, const char **end) {
    int64_t value = 0;
    int digits = 0;
    while (text[digits] >= '0' && text[digits] <= '9') {
        if (digits == 18) return -1;
        value = value * 10 + (text[digits++] - '0');
    }
    *end = text + digits;
    return digits > 0 ? value : -1;
}

/* Letters, digits, '.', '_' and '-' stay; the rest becomes '-', so that a name is one folder in
 * every file system. */
static void clean_name(char out[NAME_SIZE], const char *name) {
    size_t size = 0;
    for (const char *c = name; *c != 0 && size < NAME_SIZE - 1; c++) {
        const bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        out[size++] = letter || *c == '.' || *c == '_' || *c == '-' ? *c : '-';
    }
    out[size] = 0;
}

/* Makes `parent`/`name`; *made is false when it was there already. */
static duet_status make_new(char out[DUET_PATH_SIZE], const char *parent, const char *name,
                            bool *made) {
    DUET_TRY(duet_path_join(out, parent, name));
    *made = mkdir(out, 0777) == 0;
    if (!*made && errno != EEXIST)
        return duet_fail(DUET_IO, "cannot make the folder '%s': %s", out, strerror(errno));
    return DUET_OK;
}

/* The highest number of "NNNNN-…" (prefix NULL) or "prefixNNN" in the folder; 0 when there is none.
 */
static duet_status highest(int64_t *out, const char *folder, const char *prefix) {
    duet_listing listing = {0};
    DUET_TRY(duet_folder_list(&listing, folder));
    *out = 0;
    for (int64_t i = 0; i < listing.count; i++) {
        const char *text = listing.name[i], *end = "";
        if (prefix != NULL && !duet_starts_with(text, prefix)) continue;
        const int64_t number = read_number(prefix != NULL ? text + strlen(prefix) : text, &end);
        if (number > *out && *end == (prefix != NULL ? 0 : '-')) *out = number;
    }
    duet_listing_free(&listing);
    return DUET_OK;
}

duet_status duet_run_new(char out[4096], const char *parent, const char *name) {
    char clean[NAME_SIZE], folder[NAME_SIZE + 32], path[DUET_PATH_SIZE] = "";
    int64_t number = 0;
    bool made = false;
    clean_name(clean, name != NULL && *name != 0 ? name : "run");
    DUET_TRY(duet_folder_make(parent));
    for (int attempt = 0; !made; attempt++) {
        if (attempt == MAX_TRIES) return duet_fail(DUET_IO, "no free run number in '%s'", parent);
        DUET_TRY(highest(&number, parent, NULL));
        snprintf(folder, sizeof folder, "%05lld-%s", (long long)number + 1, clean);
        DUET_TRY(make_new(path, parent, folder, &made));
    }
    memcpy(out, path, sizeof path);
    return DUET_OK;
}

duet_status duet_run_step_new(char out[4096], const char *run, const char *command) {
    char clean[NAME_SIZE], prefix[NAME_SIZE + 1], folder[NAME_SIZE + 32], path[DUET_PATH_SIZE] = "";
    int64_t number = 0;
    bool made = false;
    if (!duet_path_is_folder(run)) return duet_fail(DUET_NOT_FOUND, "no run folder '%s'", run);
    clean_name(clean, command);
    snprintf(prefix, sizeof prefix, "%s-", clean);
    for (int attempt = 0; !made; attempt++) {
        if (attempt == MAX_TRIES)
            return duet_fail(DUET_IO, "no free number for '%s' in '%s'", clean, run);
        DUET_TRY(highest(&number, run, prefix));
        snprintf(folder, sizeof folder, "%s%03lld", prefix, (long long)number + 1);
        DUET_TRY(make_new(path, run, folder, &made));
    }
    memcpy(out, path, sizeof path);
    return DUET_OK;
}

bool duet_run_is(const char *path) {
    char file[DUET_PATH_SIZE];
    if (path == NULL || !duet_path_is_folder(path)) return false;
    if (duet_path_join(file, path, DUET_RUN_FILE) != DUET_OK) return false;
    return duet_path_exists(file) && !duet_path_is_folder(file);
}

duet_status duet_run_newest(char out[4096], const char *run, const char *prefix,
                            const char *suffix) {
    duet_listing listing = {0};
    char path[DUET_PATH_SIZE] = "", best_path[DUET_PATH_SIZE] = "";
    int64_t best = -1;
    duet_status status = DUET_OK;
    DUET_DO(duet_folder_list(&listing, run));
    for (int64_t i = 0; i < listing.count; i++) {
        const char *end = "";
        if (!duet_starts_with(listing.name[i], prefix)) continue;
        const int64_t number = read_number(listing.name[i] + strlen(prefix), &end);
        if (number <= best || strcmp(end, suffix) != 0) continue;
        DUET_DO(duet_path_join(path, run, listing.name[i]));
        if (duet_path_is_folder(path)) continue;
        memcpy(best_path, path, sizeof path);
        best = number;
    }
    if (best < 0) DUET_FAIL(DUET_NOT_FOUND, "no file '%s…%s' in '%s'", prefix, suffix, run);
    memcpy(out, best_path, sizeof best_path);
done:
    duet_listing_free(&listing);
    return status;
}
