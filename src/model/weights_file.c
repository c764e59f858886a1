/* SPDX-License-Identifier: MIT
 * model/weights_file.c: see weights_file.h. */
#include "model/weights_file.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <duet/registry.h>

#include "base/str.h"
#include "io/json_file.h"

enum { MOST_CONFIG = 1 << 20 };

/* Whole files are preferred to parts, safetensors to pickles, full precision to half. */
static const char *const names[] = {"diffusion_pytorch_model.safetensors",
                                    "diffusion_pytorch_model.safetensors.index.json",
                                    "diffusion_pytorch_model.bin",
                                    "diffusion_pytorch_model.bin.index.json",
                                    "model.safetensors",
                                    "model.safetensors.index.json",
                                    "pytorch_model.bin",
                                    "pytorch_model.bin.index.json",
                                    "diffusion_pytorch_model.fp16.safetensors",
                                    "diffusion_pytorch_model.safetensors.index.fp16.json",
                                    "diffusion_pytorch_model.fp16.bin",
                                    "model.fp16.safetensors"};

static void folder_of(char out[DUET_PATH_SIZE], const char *path) {
    const char *const base = duet_path_base(path);
    snprintf(out, DUET_PATH_SIZE, "%.*s", base == path ? 1 : (int)(base - path),
             base == path ? "." : path);
}

static bool find_weights(char out[DUET_PATH_SIZE], const char *folder) {
    for (int i = 0; i < DUET_COUNT(names); i++)
        if (duet_path_in(out, folder, names[i])) return true;
    return false;
}

static bool is_usual(const char *name) {
    for (int i = 0; i < DUET_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* The list of a file that is part K of N: "x-00001-of-00003.safetensors" gives
 * "x.safetensors.index.json". */
static bool is_part(char list[DUET_PATH_SIZE], const char *path, int *part, int *parts) {
    const size_t form = strlen("-00001-of-00003");
    const char *const dot = strrchr(path, '.');
    int length = 0;
    if (dot == NULL || (size_t)(dot - path) <= form) return false;
    const char *const at = dot - form;
    if (sscanf(at, "-%5d-of-%5d%n", part, parts, &length) != 2 || length != (int)form) return false;
    return snprintf(list, DUET_PATH_SIZE, "%.*s%s.index.json", (int)(at - path), path, dot) <
           DUET_PATH_SIZE;
}

/* The program of a config.json: diffusers' has _class_name, timm's architecture, transformers' a
 * list of architectures. Damaged ones count as diffusers', whose reader then names the damage. */
static bool is_diffusers(const char *folder, char program[64]) {
    char path[DUET_PATH_SIZE];
    json_t *root = NULL;
    program[0] = '\0';
    if (!duet_path_in(path, folder, "config.json")) return false;
    if (duet_json_read(&root, path, MOST_CONFIG) != DUET_OK) {
        duet_error_clear();
        return true;
    }
    const char *const timm = json_string_value(json_object_get(root, "architecture")),
                      *const kind = json_string_value(json_object_get(root, "model_type")),
                      *const first = json_string_value(
                          json_array_get(json_object_get(root, "architectures"), 0));
    const bool theirs = json_object_get(root, "_class_name") != NULL;
    if (!theirs && timm != NULL)
        snprintf(program, 64, "timm's '%.40s'", timm);
    else if (!theirs && (first != NULL || kind != NULL))
        snprintf(program, 64, "transformers' '%.40s'", first != NULL ? first : kind);
    else if (!theirs)
        snprintf(program, 64, "an unknown program (no _class_name)");
    json_decref(root);
    return theirs;
}

/* The network of a pipeline: the averaged one where there are both, unless the other is wanted. */
static bool in_pipeline(duet_place *out, const char *folder, const char *weights) {
    static const char *const parts[] = {"unet_ema", "unet"};
    char path[DUET_PATH_SIZE], inner[2][DUET_PATH_SIZE];
    bool has[2];
    for (int i = 0; i < 2; i++)
        has[i] =
            duet_path_in(inner[i], folder, parts[i]) && duet_path_in(path, inner[i], "config.json");
    const bool raw = has[1] && (!has[0] || strcmp(weights, "unet") == 0);
    if (!has[0] && !has[1]) return false;
    if (has[0] && has[1]) snprintf(out->sets, sizeof out->sets, "'unet', 'unet_ema'");
    out->averaged = !raw;
    return duet_copy_text(out->network, sizeof out->network, inner[raw]);
}

static duet_status find_file(duet_place *out, const char *path) {
    char list[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    int part = 0, parts = 0;
    (void)duet_copy_text(out->file, sizeof out->file, path);
    if (is_part(list, path, &part, &parts) && parts > 1) {
        if (!duet_path_exists(list))
            return duet_fail(DUET_NOT_FOUND,
                             "'%s' is part %d of %d, and the list of the parts, '%s', is missing",
                             path, part, parts, duet_path_base(list));
        (void)duet_copy_text(out->file, sizeof out->file, list);
    }
    folder_of(folder, path);
    (void)duet_copy_text(out->folder, sizeof out->folder, folder);
    if (is_diffusers(folder, out->program))
        (void)duet_copy_text(out->network, sizeof out->network, folder);
    if (!is_usual(duet_path_base(out->file)))
        out->program[0] = '\0'; /* it lies beside it by chance */
    return DUET_OK;
}

duet_status duet_place_find(duet_place *out, const char *path, const char *weights) {
    char inside[DUET_PATH_SIZE];
    *out = (duet_place){.file = ""};
    if (!duet_path_is_folder(path)) return find_file(out, path);
    (void)duet_copy_text(out->folder, sizeof out->folder, path);
    (void)duet_copy_text(out->network, sizeof out->network, path);
    const bool config = duet_path_in(inside, path, "config.json");
    const bool theirs = config ? is_diffusers(path, out->program) : in_pipeline(out, path, weights);
    if (find_weights(out->file, out->network)) {
        if (!theirs) out->network[0] = '\0';
        return DUET_OK;
    }
    if (!config && !theirs)
        return duet_fail(DUET_NOT_FOUND, "'%s' has no config.json and no %s", path, names[4]);
    return duet_fail(DUET_NOT_FOUND, "'%s' has a config.json%s%s but no %s (or .bin)", out->network,
                     out->program[0] ? " of " : "", out->program, theirs ? names[0] : names[4]);
}
