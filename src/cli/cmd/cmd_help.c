/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_help.c: duet help [COMMAND | FAMILY [MEMBER] | MEMBER]: everything is printed from
 * the tables of commands and families, as text, with --json for programs, as a manual page
 * (cli/man.c) or as shell completion (cli/completion.c). */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct help_options {
    bool man, completion;
} help_options;

static const duet_param params[] = {
    DUET_BOOLEAN(help_options, man, "false", "a manual page in roff, of the program or of COMMAND"),
    DUET_BOOLEAN(help_options, completion, "false",
                 "completion for bash: source <(duet help --completion)"),
};

/* ---- text ---- */

/* The names of a family's members, or their number where they do not fit into a line. */
static void members(char *out, size_t size, const duet_family *family, size_t most) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < family->count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                                 family->entries[i]->name);
    if (used > most) snprintf(out, size, "%d of them", family->count);
}

/* Families that no option chooses from. */
static bool is_inside(const duet_family *family) {
    static const char *const names[] = {"image", "terminal", "pass", "op", "section"};
    bool inside = false;
    for (int i = 0; i < DUET_COUNT(names); i++) inside |= strcmp(family->name, names[i]) == 0;
    return inside;
}

void cli_print_overview(void) {
    int families = 0;
    char names[512];
    const duet_family *const *family = duet_families(&families);
    printf("duet %s: one diffusion model, trained once without labels,\nthat both generates images "
           "and recognises them\n",
           DUET_VERSION);
    printf(
        "\nthe main job\n"
        "  duet train --data DATA --minutes 20   pre-train without labels; makes a run folder RUN\n"
        "  duet sample RUN                       images from it\n"
        "  duet sweep RUN --data DATA            accuracy over (t, tap, pool); remembers the best\n"
        "  duet probe RUN --data DATA            train a linear head, test once\n"
        "  duet classify RUN image.png           what is in the picture\n"
        "DATA is a path (folder of images, IDX, CIFAR, tar; 'duet data list'), or synth.\n");
    printf("\ncommands ('duet help COMMAND' shows the options)\n");
    for (int i = 0; i < duet_family_cmd.count; i++)
        printf("  %-10s %s\n", duet_family_cmd.entries[i]->name, duet_family_cmd.entries[i]->help);
    printf("\nwhat can be plugged in ('duet help FAMILY' shows members and parameters)\n");
    for (int i = 0; i < families; i++) {
        if (is_inside(family[i])) continue;
        members(names, sizeof names, family[i], 60);
        printf("  %-10s %s: %s\n", family[i]->name, family[i]->help, names);
    }
    printf("  inside:  ");
    for (int i = 0; i < families; i++)
        if (is_inside(family[i])) printf(" %s", family[i]->name);
    printf("\n");
    printf("A choice is written NAME:key=value,key=value, for example --sampler "
           "ddim:steps=25,eta=0.5\n");
}

static void print_member(const duet_entry *entry) {
    static const char *const kinds[] = {"N", "X", "true|false", "TEXT", "N/N/…", "N"};
    printf("\n  %s: %s\n", entry->name, entry->help);
    if (entry->aliases != NULL) printf("    also: %s\n", entry->aliases);
    for (int i = 0; i < entry->params.count; i++) {
        const duet_param *param = &entry->params.rows[i];
        char left[160];
        snprintf(left, sizeof left, "%s=%s", param->name,
                 param->choices != NULL ? param->choices : kinds[param->type]);
        printf("    %-36s %s", left, param->help);
        if (param->default_text != NULL && *param->default_text)
            printf(" (default %s)", param->default_text);
        printf("\n");
    }
}

static void print_family(const duet_family *family, const duet_entry *only) {
    bool parameters = false;
    printf("%s: %s\n", family->name, family->help);
    for (int i = 0; i < family->count; i++) {
        if (only != NULL && family->entries[i] != only) continue;
        print_member(family->entries[i]);
        parameters = parameters || family->entries[i]->params.count > 0;
    }
    if (parameters) printf("\nwritten NAME:key=value,key=value\n");
}

/* ---- JSON ---- */

static json_t *table_json(const duet_param_table *table) {
    static const char *const types[] = {
        [DUET_PARAM_INT] = "int",   [DUET_PARAM_FLOAT] = "float", [DUET_PARAM_BOOL] = "bool",
        [DUET_PARAM_TEXT] = "text", [DUET_PARAM_INTS] = "ints",   [DUET_PARAM_SEED] = "seed"};
    json_t *rows = json_array();
    for (int i = 0; table != NULL && i < table->count; i++) {
        const duet_param *p = &table->rows[i];
        json_array_append_new(
            rows, json_pack("{s:s,s:s,s:s,s:s}", "name", p->name, "type", types[p->type], "default",
                            p->default_text != NULL ? p->default_text : "", "help", p->help));
    }
    return rows;
}

static json_t *command_json(const cli_cmd *cmd) {
    json_t *options = table_json(&cmd->info.params), *more = table_json(cmd->extra),
           *common = table_json(&cli_common_params);
    json_array_extend(options, more);
    json_array_extend(options, common);
    json_decref(more);
    json_decref(common);
    return json_pack("{s:s,s:s,s:s,s:o}", "name", cmd->info.name, "help", cmd->info.help, "usage",
                     cmd->usage, "options", options);
}

static json_t *family_json(const duet_family *family, const duet_entry *only) {
    json_t *rows = json_array();
    for (int i = 0; i < family->count; i++) {
        const duet_entry *entry = family->entries[i];
        if (only == NULL || entry == only)
            json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:o}", "name", entry->name, "help",
                                                  entry->help, "aliases",
                                                  entry->aliases != NULL ? entry->aliases : "",
                                                  "parameters", table_json(&entry->params)));
    }
    return json_pack("{s:s,s:s,s:o}", "name", family->name, "help", family->help, "members", rows);
}

/* ---- which ---- */

typedef struct answer {
    cli_state *cli;
    json_t *commands, *families;
    int count;
} answer;

static void add_command(answer *a, const cli_cmd *cmd) {
    if (a->cli->common.json)
        json_array_append_new(a->commands, command_json(cmd));
    else
        cli_print_help(cmd);
    a->count++;
}

static void add_family(answer *a, const duet_family *family, const duet_entry *only) {
    if (a->cli->common.json)
        json_array_append_new(a->families, family_json(family, only));
    else {
        if (a->count) printf("\n");
        print_family(family, only);
    }
    a->count++;
}

static void find_word(answer *a, const char *word) {
    int count = 0;
    const duet_family *const *families = duet_families(&count);
    const cli_cmd *cmd = cli_find(word);
    if (cmd != NULL) add_command(a, cmd);
    for (int i = 0; i < count && !a->count; i++)
        if (strcmp(families[i]->name, word) == 0) add_family(a, families[i], NULL);
    const int before =
        a->count; /* a member's name may occur in several families: all of them are printed */
    for (int i = 0; i < count && !before; i++)
        if (duet_family_find(families[i], word) != NULL)
            add_family(a, families[i], duet_family_find(families[i], word));
}

static duet_status unknown(const char *word) {
    const char *names[512];
    int families = 0, n = 0;
    const duet_family *const *family = duet_families(&families);
    for (int i = 0; i < duet_family_cmd.count; i++) names[n++] = duet_family_cmd.entries[i]->name;
    for (int i = 0; i < families; i++) names[n++] = family[i]->name;
    for (int i = 0; i < families; i++)
        for (int k = 0; k < family[i]->count && n < DUET_COUNT(names); k++)
            names[n++] = family[i]->entries[k]->name;
    const char *nearest = duet_nearest(word, names, n);
    return nearest != NULL
               ? cli_wrong("nothing is called '%s'; did you mean '%s'?", word, nearest)
               : cli_wrong("nothing is called '%s'; 'duet help' lists commands and families", word);
}

static duet_status member_of(answer *a, const char *family_name, const char *name) {
    int count = 0;
    const duet_family *const *families = duet_families(&count);
    for (int i = 0; i < count; i++) {
        if (strcmp(families[i]->name, family_name) != 0) continue;
        const duet_entry *entry = duet_family_find(families[i], name);
        if (entry == NULL && duet_family_parse(families[i], &entry, NULL, 0, name) != DUET_OK)
            return cli_wrong("%s", duet_error_message());
        add_family(a, families[i], entry);
        return DUET_OK;
    }
    return cli_wrong("no family '%s'; 'duet help' lists them", family_name);
}

static void everything(answer *a) {
    int count = 0;
    for (int i = 0; i < duet_family_cmd.count; i++)
        add_command(a, duet_cmd_of(duet_family_cmd.entries[i]));
    const duet_family *const *families = duet_families(&count);
    for (int i = 0; i < count; i++) add_family(a, families[i], NULL);
}

/* Output for programs: a manual page or the completion. */
static duet_status page(const cli_state *cli, const help_options *o) {
    const cli_cmd *cmd = cli->arg_count == 1 ? cli_find(cli->args[0]) : NULL;
    if (cli->arg_count > 1 || (cli->arg_count == 1 && (cmd == NULL || o->completion)))
        return cli_wrong("%s", o->completion ? "--completion covers all commands; give no COMMAND"
                                             : "--man takes one COMMAND or none; 'duet help' "
                                               "lists the commands");
    if (o->completion)
        cli_print_completion();
    else
        cli_print_man(cmd);
    return DUET_OK;
}

static duet_status run(cli_state *cli) {
    const help_options *o = cli->options;
    if (o->man || o->completion) return page(cli, o);
    answer a = {.cli = cli, .commands = json_array(), .families = json_array()};
    duet_status status = DUET_OK;
    if (cli->arg_count == 2)
        status = member_of(&a, cli->args[0], cli->args[1]);
    else if (cli->arg_count == 1)
        find_word(&a, cli->args[0]);
    else if (cli->common.json)
        everything(&a);
    else
        cli_print_overview();
    if (status == DUET_OK && cli->arg_count == 1 && a.count == 0) status = unknown(cli->args[0]);
    if (status == DUET_OK)
        cli_json(cli, json_pack("{s:O,s:O}", "commands", a.commands, "families", a.families));
    json_decref(a.commands);
    json_decref(a.families);
    return status;
}

const cli_cmd duet_cmd_help = {
    .info = {.name = "help",
             .help = "this page, a command's options, a family's members, a member's parameters",
             .params = DUET_TABLE(params, help_options)},
    .usage = "[COMMAND | FAMILY [MEMBER]] [--man | --completion]",
    .max_args = 2,
    .run = run,
};
