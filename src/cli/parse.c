/* SPDX-License-Identifier: MIT
 * cli/parse.c: flags from parameter tables: --key value, --key=value, bare --flag for booleans, '-' and '_' alike,
 * unknown flags with the nearest match; help printed from the same tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const duet_param common_rows[] = {
    DUET_INT(cli_common, threads, "0", 0, 4096, "threads; 0 = all processors"),
    DUET_BOOLEAN(cli_common, exact, "false", "same bits for any number of threads and any batch size"),
    DUET_BOOLEAN(cli_common, json, "false", "one JSON object on stdout"),
    DUET_BOOLEAN(cli_common, quiet, "false", "no progress, no summary"),
};
const duet_param_table cli_common_params = DUET_TABLE(common_rows, cli_common);

static void flag_text(char out[64], const char *name) {
    size_t i = 0;
    for (; name[i] && i < 63; i++) out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}

static bool unknown_flag(const cli_cmd *cmd, const char *key) {
    const char *names[128];
    int count = 0;
    for (int i = 0; i < cmd->info.params.count && count < 60; i++) names[count++] = cmd->info.params.rows[i].name;
    for (int i = 0; cmd->extra && i < cmd->extra->count && count < 120; i++) names[count++] = cmd->extra->rows[i].name;
    for (int i = 0; i < cli_common_params.count; i++) names[count++] = cli_common_params.rows[i].name;
    const char *nearest = duet_nearest(key, names, count);
    char text[64];
    fprintf(stderr, "duet %s: no flag '--%s'", cmd->info.name, key);
    if (nearest) {
        flag_text(text, nearest);
        fprintf(stderr, "; did you mean '--%s'?\n", text);
    } else {
        fprintf(stderr, "; 'duet %s --help' lists them\n", cmd->info.name);
    }
    return false;
}

static bool is_value(const char *text) { return text[0] != '-' || text[1] == '\0' || (text[1] >= '0' && text[1] <= '9') || text[1] == '.'; }

/* Is the next word this flag's value? A boolean takes one only if it is spelled as one. */
static bool takes_next(const duet_param *param, const char *next) {
    static const char *const words[] = {"true", "false", "True", "False", "yes", "no", "1", "0"};
    if (!next || !is_value(next)) return false;
    if (param->type != DUET_PARAM_BOOL) return true;
    for (int i = 0; i < DUET_COUNT(words); i++)
        if (strcmp(next, words[i]) == 0) return true;
    return false;
}

static bool parse_flag(cli_state *cli, int argc, char **argv, int *at) {
    char key[128];
    const char *body = argv[*at] + 2, *equals = strchr(body, '=');
    const size_t length = equals ? (size_t)(equals - body) : strlen(body);
    if (length >= sizeof key) return unknown_flag(cli->cmd, body);
    memcpy(key, body, length);
    key[length] = '\0';
    const duet_param_table *table = &cli->cmd->info.params;
    void *options = cli->options;
    const duet_param *param = duet_params_find(table, key);
    if (!param && cli->cmd->extra) {
        table = cli->cmd->extra;
        options = cli->extra;
        param = duet_params_find(table, key);
    }
    if (!param) {
        table = &cli_common_params;
        options = &cli->common;
        param = duet_params_find(table, key);
    }
    if (!param) return unknown_flag(cli->cmd, key);
    const char *value = equals ? equals + 1 : NULL;
    if (!value && *at + 1 < argc && takes_next(param, argv[*at + 1])) value = argv[++*at];
    if (!value && param->type == DUET_PARAM_BOOL) value = "true";
    if (!value) {
        fprintf(stderr, "duet %s: flag '--%s' needs a value: %s\n", cli->cmd->info.name, key, param->help);
        return false;
    }
    char where[64];
    snprintf(where, sizeof where, "duet %.40s", cli->cmd->info.name);
    if (duet_params_set(table, options, where, key, value) == DUET_OK) return true;
    fprintf(stderr, "duet %s: %s\n", cli->cmd->info.name, duet_error_message());
    return false;
}

bool cli_parse(cli_state *cli, int argc, char **argv, bool *help) {
    memset(cli->options, 0, cli->cmd->info.params.options_size);
    duet_params_default(&cli->cmd->info.params, cli->options);
    if (cli->cmd->extra) {
        memset(cli->extra, 0, cli->cmd->extra->options_size);
        duet_params_default(cli->cmd->extra, cli->extra);
    }
    duet_params_default(&cli_common_params, &cli->common);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *help = true;
            return true;
        }
        if (argv[i][0] == '-' && argv[i][1] == '-' && argv[i][2]) {
            if (!parse_flag(cli, argc, argv, &i)) return false;
        } else if (argv[i][0] == '-' && argv[i][1] && !is_value(argv[i])) {
            fprintf(stderr, "duet %s: no flag '%s'; flags start with '--' ('duet %s --help')\n", cli->cmd->info.name, argv[i], cli->cmd->info.name);
            return false;
        } else if (cli->arg_count < cli->cmd->max_args) {
            cli->args[cli->arg_count++] = argv[i];
        } else {
            fprintf(stderr, "duet %s: unexpected argument '%s'; usage: duet %s %s\n", cli->cmd->info.name, argv[i], cli->cmd->info.name, cli->cmd->usage);
            return false;
        }
    }
    if (cli->arg_count >= cli->cmd->min_args) return true;
    fprintf(stderr, "duet %s: %s; usage: duet %s %s\n", cli->cmd->info.name, cli->cmd->missing, cli->cmd->info.name, cli->cmd->usage);
    return false;
}

static void print_rows(const duet_param_table *table) {
    static const char *const kinds[] = {"N", "X", "", "TEXT", "N,N,…"};
    for (int i = 0; i < table->count; i++) {
        const duet_param *param = &table->rows[i];
        char flag[64], left[160];
        flag_text(flag, param->name);
        snprintf(left, sizeof left, "--%s %s", flag, param->choices ? param->choices : kinds[param->type]);
        printf("  %-30s %s", left, param->help);
        if (param->default_text && *param->default_text && param->type != DUET_PARAM_BOOL) printf(" (default %s)", param->default_text);
        printf("\n");
    }
}

void cli_print_help(const cli_cmd *cmd) {
    printf("duet %s: %s\n\nusage: duet %s %s\n", cmd->info.name, cmd->info.help, cmd->info.name, cmd->usage);
    if (cmd->details) printf("\n%s\n", cmd->details);
    if (cmd->info.params.count > 0) printf("\noptions\n");
    print_rows(&cmd->info.params);
    if (cmd->extra) print_rows(cmd->extra);
    printf("\nfor every command\n");
    print_rows(&cli_common_params);
}

void cli_print_overview(void) {
    int count = 0;
    const cli_cmd *const *list = cli_commands(&count);
    printf("duet %s: one diffusion model, trained once without labels, that both generates images and recognises them\n\n", DUET_VERSION);
    for (int i = 0; i < count; i++) printf("  %-10s %s\n", list[i]->info.name, list[i]->info.help);
    printf("\n'duet COMMAND --help' shows its options. The main job:\n"
           "  duet train --data DATA --minutes 20     pre-train without labels; makes a run folder\n"
           "  duet sample RUN                         images from it\n"
           "  duet sweep RUN --data DATA              accuracy over (t, b, pool); remembers the best\n"
           "  duet probe RUN --data DATA              train a linear head, test once\n"
           "  duet classify RUN image.png             what is in the picture\n");
}
