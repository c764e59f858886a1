/* SPDX-License-Identifier: MIT
 * cli/parse.c: flags from parameter tables: --key value, --key=value, bare --flag for booleans, '-'
 * and '_' alike, unknown flags with the nearest match; help printed from the same tables. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const duet_param common_rows[] = {
    DUET_INT(cli_common, threads, "0", 0, 4096,
             "threads; 0 = all processors of the affinity mask, within the CPU quota"),
    DUET_BOOLEAN(cli_common, exact, "false",
                 "same bits for any number of threads and any batch size"),
    DUET_TEXT(cli_common, precision, "f32", "f32|bf16",
              "storage of activations; bf16: half the memory, and AMX where there is one"),
    DUET_TEXT(cli_common, device, "cpu", "cpu|ref",
              "where networks run; ref: the obvious code, slow, to check against"),
    DUET_BOOLEAN(cli_common, tuned, "true",
                 "kernels as 'duet bench --tune' measured them, if it did"),
    DUET_BOOLEAN(cli_common, json, "false", "one JSON object on stdout"),
    DUET_BOOLEAN(cli_common, quiet, "false", "no progress, no summary"),
};
const duet_param_table cli_common_params = DUET_TABLE(common_rows, cli_common);

void cli_flag_text(char out[64], const char *name) {
    size_t i = 0;
    for (; name[i] && i < 63; i++) out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}

static duet_status unknown_flag(const cli_cmd *cmd, const char *key) {
    const char *names[128];
    int count = 0;
    for (int i = 0; i < cmd->info.params.count && count < 60; i++)
        names[count++] = cmd->info.params.rows[i].name;
    for (int i = 0; cmd->extra != NULL && i < cmd->extra->count && count < 120; i++)
        names[count++] = cmd->extra->rows[i].name;
    for (int i = 0; i < cli_common_params.count; i++)
        names[count++] = cli_common_params.rows[i].name;
    const char *nearest = duet_nearest(key, names, count);
    char text[64];
    if (nearest == NULL)
        return cli_wrong("no flag '--%s'; 'duet %s --help' lists them", key, cmd->info.name);
    cli_flag_text(text, nearest);
    return cli_wrong("no flag '--%s'; did you mean '--%s'?", key, text);
}

static bool is_value(const char *text) {
    return text[0] != '-' || text[1] == '\0' || (text[1] >= '0' && text[1] <= '9') ||
           text[1] == '.';
}

/* Whether the next word is the value of this flag. A boolean flag takes it only if it is spelled as
 * a boolean. */
static bool takes_next(const duet_param *param, const char *next) {
    static const char *const words[] = {"true", "false", "True", "False", "yes", "no", "1", "0"};
    if (next == NULL || !is_value(next)) return false;
    if (param->type != DUET_PARAM_BOOL) return true;
    for (int i = 0; i < DUET_COUNT(words); i++)
        if (strcmp(next, words[i]) == 0) return true;
    return false;
}

/* The row of a flag, with the table and the options to which it belongs: those of the command, of
 * its extra table, or the common ones. */
static const duet_param *find_flag(cli_state *cli, const char *key, const duet_param_table **table,
                                   void **options) {
    const struct {
        const duet_param_table *table;
        void *options;
    } places[] = {{&cli->cmd->info.params, cli->options},
                  {cli->cmd->extra, cli->extra},
                  {&cli_common_params, &cli->common}};
    for (int i = 0; i < DUET_COUNT(places); i++) {
        *table = places[i].table;
        *options = places[i].options;
        const duet_param *param =
            places[i].table != NULL ? duet_params_find(places[i].table, key) : NULL;
        if (param != NULL) return param;
    }
    return NULL;
}

/* A flag of guided-diffusion's scripts, recognised by its name: kept until the model is opened. */
static bool take_model_flag(cli_state *cli, const char *key, const char *value, int argc,
                            char **argv, int *at) {
    char name[128];
    size_t i = 0;
    for (; key[i]; i++) name[i] = key[i] == '-' ? '_' : key[i];
    name[i] = '\0';
    if (!cli->cmd->opens || !duet_model_flag(name)) return false;
    if (value == NULL && *at + 1 < argc && is_value(argv[*at + 1])) value = argv[++*at];
    const size_t used = strlen(cli->model_flags);
    snprintf(cli->model_flags + used, sizeof cli->model_flags - used, "--%s %s ", name,
             value != NULL ? value : "");
    return true;
}

/* The words up to the next flag, for the option that takes several. */
static const char *more_words(const cli_state *cli, const duet_param *param, const char *value,
                              int argc, char **argv, int *at, char out[CLI_PATH]) {
    if (cli->cmd->several == NULL || strcmp(param->name, cli->cmd->several) != 0) return value;
    size_t used = (size_t)snprintf(out, CLI_PATH, "%s", value);
    while (*at + 1 < argc && is_value(argv[*at + 1]) && used < CLI_PATH)
        used += (size_t)snprintf(out + used, CLI_PATH - used, "\n%s", argv[++*at]);
    return used < CLI_PATH ? out : NULL;
}

static duet_status parse_flag(cli_state *cli, int argc, char **argv, int *at) {
    char key[128];
    const char *body = argv[*at] + 2, *equals = strchr(body, '=');
    const size_t length = equals != NULL ? (size_t)(equals - body) : strlen(body);
    if (length >= sizeof key) return unknown_flag(cli->cmd, body);
    memcpy(key, body, length);
    key[length] = '\0';
    const duet_param_table *table = NULL;
    void *options = NULL;
    const duet_param *param = find_flag(cli, key, &table, &options);
    if (param == NULL && equals == NULL &&
        (strncmp(key, "no-", 3) == 0 || strncmp(key, "no_", 3) == 0)) {
        param = find_flag(cli, key + 3, &table, &options);
        if (param != NULL && param->type == DUET_PARAM_BOOL)
            return duet_params_set(table, options, NULL, key + 3, "false");
        param = NULL;
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (param == NULL && take_model_flag(cli, key, value, argc, argv, at)) return DUET_OK;
    if (param == NULL) return unknown_flag(cli->cmd, key);
    if (value == NULL && *at + 1 < argc && takes_next(param, argv[*at + 1])) value = argv[++*at];
    if (value == NULL && param->type == DUET_PARAM_BOOL) value = "true";
    if (value == NULL) return cli_wrong("flag '--%s' needs a value: %s", key, param->help);
    char words[CLI_PATH];
    value = more_words(cli, param, value, argc, argv, at, words);
    if (value == NULL) return cli_wrong("the words of '--%s' are too long together", key);
    return duet_params_set(table, options, NULL, key, value) == DUET_OK
               ? DUET_OK
               : cli_wrong("%s", duet_error_message());
}

static duet_status parse_word(cli_state *cli, int argc, char **argv, int *at) {
    const char *word = argv[*at], *name = cli->cmd->info.name;
    if (word[0] == '-' && word[1] == '-' && word[2]) return parse_flag(cli, argc, argv, at);
    if (word[0] == '-' && word[1] && !is_value(word))
        return cli_wrong("no flag '%s'; flags start with '--' ('duet %s --help')", word, name);
    if (!word[0])
        return cli_wrong("an argument is empty; usage: duet %s %s", name, cli->cmd->usage);
    if (cli->arg_count >= cli->cmd->max_args)
        return cli_wrong("unexpected argument '%s'; usage: duet %s %s", word, name,
                         cli->cmd->usage);
    cli->args[cli->arg_count++] = word;
    return DUET_OK;
}

duet_status cli_parse(cli_state *cli, int argc, char **argv, bool *help) {
    duet_params_default(&cli->cmd->info.params, cli->options);
    if (cli->cmd->extra != NULL) duet_params_default(cli->cmd->extra, cli->extra);
    duet_params_default(&cli_common_params, &cli->common);
    for (int i = 2; i < argc && !*help; i++)
        *help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    for (int i = 2; i < argc && !*help; i++) {
        const duet_status status = parse_word(cli, argc, argv, &i);
        if (status != DUET_OK) return status;
    }
    if (*help || cli->arg_count >= cli->cmd->min_args) return DUET_OK;
    return cli_wrong("%s%s usage: duet %s %s", cli->cmd->missing,
                     strchr(cli->cmd->missing, '?') != NULL ? "" : ";", cli->cmd->info.name,
                     cli->cmd->usage);
}

static bool is_on(const duet_param *param) {
    return param->type == DUET_PARAM_BOOL && param->default_text != NULL &&
           strcmp(param->default_text, "true") == 0;
}

void cli_option_text(char out[160], const duet_param *param) {
    static const char *const kinds[] = {"N", "X", "", "TEXT", "N,N,...", "N"};
    char flag[64];
    cli_flag_text(flag, param->name);
    if (is_on(param))
        snprintf(out, 160, "--%s, --no-%s", flag, flag);
    else
        snprintf(out, 160, "--%s%s%s", flag, param->type == DUET_PARAM_BOOL ? "" : " ",
                 param->choices != NULL ? param->choices : kinds[param->type]);
}

const char *cli_option_default(const duet_param *param) {
    const char *text = param->type != DUET_PARAM_BOOL ? param->default_text
                       : is_on(param)                 ? "yes"
                                                      : NULL;
    const bool worth = text != NULL && *text && strstr(param->help, "default") == NULL;
    return worth ? text : NULL;
}

static void print_rows(const duet_param_table *table) {
    for (int i = 0; i < table->count; i++) {
        const duet_param *param = &table->rows[i];
        char left[160];
        cli_option_text(left, param);
        printf("  %-30s %s", left, param->help);
        const char *shown = cli_option_default(param);
        if (shown != NULL) printf(" (default %s)", shown);
        printf("\n");
    }
}

void cli_print_help(const cli_cmd *cmd) {
    printf("duet %s: %s\n\nusage: duet %s %s\n", cmd->info.name, cmd->info.help, cmd->info.name,
           cmd->usage);
    if (cmd->details != NULL) printf("\n%s\n", cmd->details);
    if (cmd->info.params.count > 0) printf("\noptions\n");
    print_rows(&cmd->info.params);
    if (cmd->extra != NULL) print_rows(cmd->extra);
    printf("\nfor every command\n");
    print_rows(&cli_common_params);
}
