/* SPDX-License-Identifier: MIT
 * cli/setting_flags.c: settings on the command line, in the output and in JSON. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

duet_status cli_settings(const cli_state *cli, const char *text, duet_settings *out) {
    const duet_setting *flags = cli->extra;
    duet_setting none;
    *out = (duet_settings){.count = 0};
    duet_params_default(&duet_setting_params, &none);
    const bool given = !duet_setting_equal(flags, &none);
    if (*text && given)
        return cli_wrong("--setting says all of a setting: --t, --sigma, --tap, --pool, --draws, "
                         "--flip and --channels do not go with it");
    if (flags->sigma > 0 && flags->t != DUET_LEVEL_UNSET)
        return cli_wrong("--t and --sigma exclude each other; give one of them");
    if (*text) return duet_settings_parse(out, text);
    if (given) *out = (duet_settings){.count = 1, .v = {*flags}};
    return DUET_OK;
}

static int print_one(const duet_setting *s, char *out, size_t size) {
    char level[32] = "clean images", draws[32] = "", channels[48] = "";
    if (s->t >= 0) snprintf(level, sizeof level, "t %lld", (long long)s->t);
    if (s->draws > 1) snprintf(draws, sizeof draws, ", %lld draws", (long long)s->draws);
    if (s->channels > 0)
        snprintf(channels, sizeof channels, ", first %lld channels", (long long)s->channels);
    return snprintf(out, size, "%s, tap %lld, pool %lld%s%s%s", level, (long long)s->tap,
                    (long long)s->pool, channels, draws, s->flip ? ", mirrored too" : "");
}

const char *cli_settings_text(const duet_settings *settings, char out[CLI_SETTINGS]) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < settings->count && used + 4 < CLI_SETTINGS; i++) {
        if (i > 0) used += (size_t)snprintf(out + used, CLI_SETTINGS - used, " + ");
        used += (size_t)print_one(&settings->v[i], out + used, CLI_SETTINGS - used);
    }
    return out;
}

json_t *cli_settings_json(json_t *object, const duet_settings *settings) {
    char text[4 * DUET_SETTINGS_SIZE];
    duet_settings_print_json(settings, text, sizeof text);
    json_t *keys = json_loads(text, 0, NULL);
    json_object_update(object, keys);
    json_decref(keys);
    return object;
}
