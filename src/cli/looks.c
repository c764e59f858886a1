/* SPDX-License-Identifier: MIT
 * cli/looks.c: see looks.h. */
#include "cli/looks.h"

#include <stdio.h>

static duet_status save_step(cli_state *cli, const duet_look *look, const cli_step *step,
                             const char *command, json_t *result) {
    static const char *const endings[] = {"png", "svg"};
    char path[CLI_PATH], name[64];
    duet_status status = DUET_OK;
    for (int i = 0; i < 2 && status == DUET_OK; i++) {
        snprintf(name, sizeof name, "%s.%s", command, endings[i]);
        snprintf(path, sizeof path, "%.4000s/%s", step->folder, name);
        json_object_set_new(result, i == 0 ? "picture" : "picture_svg", json_string(name));
        status = duet_look_write(look, path);
        if (status == DUET_OK) cli_say(cli, "%s %s\n", i == 0 ? "picture:" : "        ", path);
    }
    if (status == DUET_OK) status = cli_result_write(step, json_incref(result));
    if (status == DUET_OK) status = cli_step_done(cli, step);
    snprintf(path, sizeof path, "%.4000s/result.json", step->folder);
    if (status == DUET_OK) cli_json_file(cli, path);
    return status;
}

duet_status cli_look_keep(cli_state *cli, const duet_look *look, duet_model *model,
                          const char *command, const char *out) {
    cli_step step;
    json_t *const result = json_loads(duet_look_json(look), 0, NULL);
    duet_status status = *out ? duet_look_write(look, out) : DUET_OK;
    if (status == DUET_OK && *out) cli_say(cli, "wrote %s\n", out);
    if (status == DUET_OK && (!*out || duet_run_is(cli->args[0]))) {
        status = cli_step_new(&step, model, cli->args[0], command);
        if (status == DUET_OK) {
            status = save_step(cli, look, &step, command, result);
            if (status != DUET_OK) status = cli_step_drop(&step, status);
        }
    } else if (status == DUET_OK) {
        cli_json(cli, json_incref(result));
    }
    json_decref(result);
    return status;
}
