/* SPDX-License-Identifier: MIT
 * cli/shipped.c: the models that come with the program, to begin a training with: --init auto. They
 * lie in $DUET_MODELS, or in share/duet/models of where the program is installed, or in models/ of
 * the sources that it was built from. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/training.h"

enum { MOST_SIDE = 64 }; /* of what is trained where no side is asked for */

/* The folder of the running program; false where the system does not tell. */
static bool program_folder(char out[CLI_PATH]) {
    const ssize_t size = readlink("/proc/self/exe", out, CLI_PATH - 1);
    if (size <= 0) return false;
    out[size] = '\0';
    char *const slash = strrchr(out, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    return true;
}

static bool find_folder(char out[CLI_PATH]) {
    static const char *const beside[] = {"/../share/duet/models", "/../../models"};
    const char *const given = getenv("DUET_MODELS");
    char program[CLI_PATH];
    if (given != NULL && *given != '\0') {
        snprintf(out, CLI_PATH, "%s", given);
        return cli_exists(out);
    }
    for (int i = 0; program_folder(program) && i < DUET_COUNT(beside); i++) {
        snprintf(out, CLI_PATH, "%.3000s%s", program, beside[i]);
        if (cli_exists(out)) return true;
    }
    return false;
}

/* Does the model take such images? Those of the set may be larger, not smaller. wanted: the side
 * that is asked for; 0 = any. */
static bool fits(duet_model *model, const duet_dataset_info *info, int64_t wanted) {
    const duet_preprocess *const how = &duet_model_card(model)->preprocess;
    const int64_t side = info->height < info->width ? info->height : info->width;
    if (duet_model_recogniser(model) || how->channels != info->channels) return false;
    if (wanted > 0) return how->size == wanted;
    return side == 0 || (side <= MOST_SIDE ? how->size == side : how->size <= side);
}

/* Of a classifier: the classes of the set, by their names. */
static bool knows(duet_model *model, const duet_dataset_info *info) {
    const duet_card *const card = duet_model_card(model);
    if (!duet_model_recogniser(model) || duet_model_logits(model) != info->class_count ||
        card->class_count != info->class_count || card->preprocess.channels != info->channels)
        return false;
    for (int k = 0; k < info->class_count; k++)
        if (strcmp(card->class_names[k], info->class_names[k]) != 0) return false;
    return true;
}

duet_model *cli_shipped_judge(cli_state *cli, const duet_dataset *dataset) {
    char folder[CLI_PATH] = "", judges[CLI_PATH];
    const duet_dataset_info *const info = duet_dataset_describe(dataset);
    duet_model *found = NULL;
    if (!find_folder(folder)) return NULL;
    snprintf(judges, sizeof judges, "%.4000s/judges", folder);
    DIR *const list = opendir(judges);
    for (const struct dirent *e = list != NULL ? readdir(list) : NULL; e != NULL && found == NULL;
         e = readdir(list)) {
        char one[2 * CLI_PATH];
        const char *const dot = strrchr(e->d_name, '.');
        if (dot == NULL || strcmp(dot, ".safetensors") != 0) continue;
        snprintf(one, sizeof one, "%s/%s", judges, e->d_name);
        if (duet_model_open(cli->ctx, &found, one) == DUET_OK && knows(found, info)) break;
        duet_model_close(found);
        found = NULL;
    }
    if (list != NULL) closedir(list);
    return found;
}

/* The largest that fits; NULL = none. */
static duet_model *look_in(cli_state *cli, const char *folder, const duet_dataset_info *info,
                           int64_t wanted, char path[CLI_PATH]) {
    duet_model *best = NULL;
    DIR *const list = opendir(folder);
    if (list == NULL) return NULL;
    for (const struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        char one[CLI_PATH];
        duet_model *model = NULL;
        const char *const dot = strrchr(e->d_name, '.');
        if (dot == NULL || strcmp(dot, ".safetensors") != 0) continue;
        snprintf(one, sizeof one, "%.3000s/%.1000s", folder, e->d_name);
        if (duet_model_open(cli->ctx, &model, one) != DUET_OK) continue; /* a head, perhaps */
        const bool better = fits(model, info, wanted) &&
                            (best == NULL || duet_model_card(model)->preprocess.size >
                                                 duet_model_card(best)->preprocess.size);
        if (better) {
            duet_model *const held = best;
            best = model;
            model = held;
            snprintf(path, CLI_PATH, "%s", one);
        }
        duet_model_close(model);
    }
    closedir(list);
    return best;
}

duet_model *cli_shipped_model(cli_state *cli, const duet_dataset *dataset, int64_t size) {
    char folder[CLI_PATH] = "", path[CLI_PATH] = "";
    const duet_dataset_info *const info = duet_dataset_describe(dataset);
    const char *const colour = info->channels == 1 ? "grey" : "coloured";
    duet_model *const model = find_folder(folder) ? look_in(cli, folder, info, size, path) : NULL;
    if (model != NULL)
        cli_say(cli,
                "begins with '%s', which knows %s images of %lld pixels; --init none begins anew\n",
                path, colour, (long long)duet_model_card(model)->preprocess.size);
    else
        cli_say(cli, "no model that comes with duet takes %s images of this size: begins anew\n",
                colour);
    return model;
}
