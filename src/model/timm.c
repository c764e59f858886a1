/* SPDX-License-Identifier: MIT
 * model/timm.c: see timm.h. */
#include "model/timm.h"

#include "model/arch/arch.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "io/json_file.h"

enum { MOST_BYTES = 1 << 20 };

static bool three(double out[3], const json_t *list) {
    for (size_t i = 0; i < 3; i++) {
        const json_t *const value = json_array_get(list, i);
        if (!json_is_number(value)) return false;
        out[i] = json_number_value(value);
    }
    return json_array_size(list) == 3;
}

static duet_status take(duet_guess *guess, const duet_arch *arch, const json_t *root) {
    const json_t *const inner = json_object_get(root, "pretrained_cfg"),
                        *const from = json_is_object(inner) ? inner : root,
                        *const size = json_object_get(from, "input_size"),
                        *const side = json_array_get(size, 1);
    double mean[3], std[3];
    char flag[64];
    if (three(mean, json_object_get(from, "mean")) && three(std, json_object_get(from, "std")) &&
        std[0] > 0 && std[1] > 0 && std[2] > 0) {
        memcpy(guess->mean, mean, sizeof mean);
        memcpy(guess->std, std, sizeof std);
        duet_foreign_said(guess, "mean");
    }
    if (!json_is_integer(side) || duet_params_find(&arch->info.params, "image_size") == NULL)
        return DUET_OK;
    snprintf(flag, sizeof flag, "--image_size %lld", (long long)json_integer_value(side));
    return duet_foreign_flags(arch, guess, flag);
}

duet_status duet_timm_read(duet_guess *guess, const duet_arch *arch) {
    char path[DUET_PATH_SIZE];
    json_t *root = NULL;
    if (!duet_starts_with(guess->place->program, "timm") || duet_arch_takes_noise(arch) ||
        !duet_path_in(path, guess->place->folder, "config.json"))
        return DUET_OK;
    DUET_TRY(duet_json_read(&root, path, MOST_BYTES));
    const duet_status status = take(guess, arch, root);
    json_decref(root);
    return status;
}
