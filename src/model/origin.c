/* SPDX-License-Identifier: MIT
 * model/origin.c: see origin.h. The texts are shown on terminals and written into cards, so they
 * are converted to one line of UTF-8 without control characters. Sources: the front matter of
 * huggingface.co's model cards; ModelSpec 1.0 (keys modelspec.…). */
#include "model/origin.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "model/card.h"

enum { MOST_README = 1 << 16, MOST_VALUE = 60, MOST_SAID = 6 };

/* Appends "; text" if it is valid text and there is room. */
static void append(char out[DUET_TEXT_SIZE], const char *before, const char *text) {
    char line[DUET_TEXT_SIZE];
    const size_t used = strlen(out);
    if (text == NULL || *text == '\0' || !duet_card_takes(text)) return;
    if (!duet_copy_text(line, sizeof line, text)) return;
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = ' ';
    if (used + strlen(before) + strlen(line) + 3 < DUET_TEXT_SIZE)
        snprintf(out + used, DUET_TEXT_SIZE - used, "%s%s%s", used > 0 ? "; " : "", before, line);
}

/* Lines "key: value" between the two "---" that a README begins with. */
static void read_front_matter(duet_card *card, const char *text) {
    static const struct {
        const char *key, *before;
        bool licence;
    } keys[] = {
        {"license: ", "", true}, {"base_model: ", "from ", false}, {"datasets: ", "data ", false}};
    if (!duet_starts_with(text, "---\n")) return;
    for (const char *line = text + 4; *line != '\0' && !duet_starts_with(line, "---");
         line += strcspn(line, "\n"), line += *line == '\n') {
        for (int i = 0; i < DUET_COUNT(keys); i++) {
            char value[MOST_VALUE + 1];
            if (!duet_starts_with(line, keys[i].key)) continue;
            const char *const at = line + strlen(keys[i].key);
            const size_t length = strcspn(at, "\r\n");
            snprintf(value, sizeof value, "%.*s", length < MOST_VALUE ? (int)length : MOST_VALUE,
                     at);
            append(keys[i].licence ? card->licence : card->origin, keys[i].before, value);
        }
    }
}

static void read_readme(duet_card *card, const char *folder) {
    char path[DUET_PATH_SIZE], text[MOST_README];
    if (duet_path_join(path, folder, "README.md") != DUET_OK) return;
    FILE *const file = fopen(path, "rb");
    if (file == NULL) return;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    read_front_matter(card, text);
}

static void read_config(duet_card *card, const char *folder) {
    static const struct {
        const char *key, *before;
    } keys[] = {{"_name_or_path", ""}, {"_diffusers_version", "diffusers "}};
    static const char *const places[] = {"config.json", "unet/config.json", "unet_ema/config.json"};
    for (int p = 0; p < DUET_COUNT(places); p++) {
        char path[DUET_PATH_SIZE];
        json_t *const root = duet_path_in(path, folder, places[p])
                                 ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL)
                                 : NULL;
        for (int k = 0; k < DUET_COUNT(keys); k++)
            append(card->origin, keys[k].before,
                   json_string_value(json_object_get(root, keys[k].key)));
        json_decref(root);
        if (root != NULL) return;
    }
}

static void read_modelspec(duet_card *card, const duet_store *store) {
    static const char *const licences[] = {"modelspec.license", "license", "licence"};
    static const struct {
        const char *key, *before;
    } keys[] = {{"modelspec.title", ""}, {"modelspec.author", "by "}, {"modelspec.date", ""}};
    for (int i = 0; i < DUET_COUNT(licences) && card->licence[0] == '\0'; i++)
        append(card->licence, "", duet_store_metadata(store, licences[i]));
    for (int i = 0; i < DUET_COUNT(keys); i++)
        append(card->origin, keys[i].before, duet_store_metadata(store, keys[i].key));
}

/* Numbers and texts stored beside the tensors by the training program ("epoch 30; best_prec1
 * 91.78"). */
static void read_said(duet_card *card, const duet_store *store) {
    int said = 0;
    for (int64_t i = 0; i < store->pair_count && said < MOST_SAID; i++) {
        const char *const key = store->pairs[i].key, *const value = store->pairs[i].value;
        char before[MOST_VALUE + 2], number[32];
        double real = 0.0;
        if (strchr(key, '.') != NULL || isdigit((unsigned char)key[0]) ||
            strstr(key, "licen") != NULL || strcmp(key, "format") == 0 ||
            strlen(key) > MOST_VALUE || strlen(value) > MOST_VALUE || !duet_card_takes(key))
            continue;
        const bool is_real = strchr(value, '.') != NULL && duet_parse_f64(&real, value);
        duet_format(number, sizeof number, "%.6g", real);
        snprintf(before, sizeof before, "%s ", key);
        append(card->says, before, is_real ? number : value);
        said++;
    }
}

void duet_origin_read(duet_card *card, const duet_store *store, const char *path) {
    char folder[DUET_PATH_SIZE];
    const bool is_folder = duet_path_is_folder(path);
    if (!duet_copy_text(folder, sizeof folder, path)) return;
    if (!is_folder) {
        char *const slash = strrchr(folder, '/');
        if (slash != NULL)
            *slash = '\0';
        else
            (void)duet_copy_text(folder, sizeof folder, ".");
    }
    read_modelspec(card, store);
    read_said(card, store);
    if (is_folder) read_config(card, folder);
    if (card->licence[0] == '\0') read_readme(card, folder[0] ? folder : "/");
}
