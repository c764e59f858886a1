/* SPDX-License-Identifier: MIT
 * cli/man.c: manual pages in roff (macros man, section 1), from the tables that --help prints:
 * duet(1), and duet-COMMAND(1) for each command. Output is ASCII; other characters are written as
 * roff's \[uXXXX], so that no tool has to guess the encoding. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* The code point of the UTF-8 sequence at *at, which is moved behind it. */
static unsigned next_point(const char **at) {
    const unsigned char *c = (const unsigned char *)*at;
    const int more = c[0] >= 0xF0 ? 3 : c[0] >= 0xE0 ? 2 : c[0] >= 0xC0 ? 1 : 0;
    unsigned point = more == 0 ? c[0] : c[0] & (0x3Fu >> more);
    int i = 1;
    for (; i <= more && (c[i] & 0xC0) == 0x80; i++) point = point << 6 | (c[i] & 0x3Fu);
    *at += i;
    return point;
}

/* Escapes text for roff: at the start of a line '.' and ''' would be requests, and '-' would be a
 * hyphen. */
static void put(const char *text) {
    bool start = true;
    while (*text) {
        const unsigned point = next_point(&text);
        if (start && (point == '.' || point == '\'')) printf("\\&");
        if (point == '\\')
            printf("\\e");
        else if (point == '-')
            printf("\\-");
        else if (point == 0x2026)
            printf("...");
        else if (point > 126)
            printf("\\[u%04X]", point);
        else
            putchar((int)point);
        start = point == '\n';
    }
}

static void put_line(const char *text) {
    put(text);
    putchar('\n');
}

static void put_rows(const duet_param_table *table) {
    for (int i = 0; table != NULL && i < table->count; i++) {
        const duet_param *param = &table->rows[i];
        char left[160];
        cli_option_text(left, param);
        printf(".TP\n.B ");
        put_line(left);
        put(param->help);
        const char *shown = cli_option_default(param);
        if (shown != NULL) {
            printf(" (default ");
            put(shown);
            putchar(')');
        }
        putchar('\n');
    }
}

/* Text of --help: indented lines are examples and stay as they are, the others are filled. */
static void put_details(const char *text) {
    bool example = false;
    while (*text) {
        char line[1024];
        const size_t size = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, text);
        text += size + (text[size] == '\n' ? 1 : 0);
        if ((line[0] == ' ') != example) printf(example ? ".fi\n" : ".PP\n.nf\n");
        example = line[0] == ' ';
        if (line[0] == '\0')
            printf(".PP\n");
        else
            put_line(line);
    }
    if (example) printf(".fi\n");
}

static void put_head(const char *name, const char *help) {
    printf(".\\\" Written by 'duet help --man'.\n.TH \"");
    for (const char *c = name; *c; c++) putchar(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    printf("\" \"1\" \"\" \"duet %s\" \"duet\"\n.SH NAME\n", DUET_VERSION);
    put(name);
    printf(" \\- ");
    put_line(help);
}

static void put_ending(bool pages) {
    printf(".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\nfailed; one line on stderr says why\n"
           ".TP\n.B 2\nthe command line is wrong\n.TP\n.B 130\ninterrupted, after saving\n"
           ".SH SEE ALSO\n");
    if (!pages) {
        printf(".BR duet (1)\n");
        return;
    }
    for (int i = 0; i < duet_family_cmd.count; i++)
        printf(".BR duet\\-%s (1)%s\n", duet_family_cmd.entries[i]->name,
               i + 1 < duet_family_cmd.count ? "," : "");
}

static void put_overview(void) {
    int count = 0;
    put_head("duet", "one diffusion model that both generates images and recognises them");
    printf(".SH SYNOPSIS\n.B duet\n.I COMMAND\n[\\fIarguments\\fR] [\\fIoptions\\fR]\n"
           ".SH COMMANDS\n");
    for (int i = 0; i < duet_family_cmd.count; i++) {
        printf(".TP\n.B %s\n", duet_family_cmd.entries[i]->name);
        put_line(duet_family_cmd.entries[i]->help);
    }
    const duet_family *const *family = duet_families(&count);
    printf(".SH CHOICES\nA choice is written NAME:key=value,key=value.\n"
           ".BI \"duet help \" FAMILY\nshows the members and parameters of a family.\n");
    for (int i = 0; i < count; i++) {
        printf(".TP\n.B %s\n", family[i]->name);
        put(family[i]->help);
        for (int k = 0; k < family[i]->count; k++) {
            printf(k ? ", " : ": ");
            put(family[i]->entries[k]->name);
        }
        putchar('\n');
    }
    printf(".SH OPTIONS OF EVERY COMMAND\n");
    put_rows(&cli_common_params);
    put_ending(true);
}

void cli_print_man(const cli_cmd *cmd) {
    char name[64];
    if (cmd == NULL) {
        put_overview();
        return;
    }
    snprintf(name, sizeof name, "duet-%s", cmd->info.name);
    put_head(name, cmd->info.help);
    printf(".SH SYNOPSIS\n.B duet %s\n", cmd->info.name);
    put_line(cmd->usage);
    if (cmd->details != NULL) {
        printf(".SH DESCRIPTION\n");
        put_details(cmd->details);
    }
    printf(".SH OPTIONS\n");
    put_rows(&cmd->info.params);
    put_rows(cmd->extra);
    printf(".SS For every command\n");
    put_rows(&cli_common_params);
    put_ending(false);
}
