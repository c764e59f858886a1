/* SPDX-License-Identifier: MIT
 * cli/cli.h: what commands share: parsed options, output, the context, run folders. Commands see public headers only. */
#ifndef DUET_CLI_CLI_H
#define DUET_CLI_CLI_H

#include <duet.h>
#include <jansson.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130, CLI_PATH = 4096 };

typedef struct cli_common { /* options of every command */
    int64_t threads;
    bool exact, json, quiet;
} cli_common;

typedef struct cli_state {
    const struct cli_cmd *cmd;
    void *options;       /* the command's struct */
    void *extra;         /* of the command's extra table */
    const char **args;   /* positional arguments */
    int arg_count;
    cli_common common;
    duet_context *ctx;
} cli_state;

typedef struct cli_cmd {
    duet_entry info;     /* name, one line, options */
    const char *usage;   /* "MODEL --data DATA [options]" */
    const char *details; /* text below the usage in --help; examples */
    int min_args, max_args;
    const char *missing; /* what to say when there are too few arguments */
    const duet_param_table *extra; /* more options, declared in the library; may be NULL */
    duet_status (*run)(cli_state *cli);
} cli_cmd;

extern const duet_param_table cli_common_params;
const cli_cmd *const *cli_commands(int *count);
const cli_cmd *cli_find(const char *name); /* NULL: unknown */

/* Parses argv[2..] into cli; prints what is wrong and returns false. *help is set by --help. */
bool cli_parse(cli_state *cli, int argc, char **argv, bool *help);
void cli_print_help(const cli_cmd *cmd);
void cli_print_overview(void);
/* "duet: …" on stderr; returns the exit code for the status. */
int cli_report_failure(duet_status status);

/* A failure found by the command itself; for messages of the library's style. */
duet_status cli_fail(duet_status status, const char *format, ...) DUET_PRINTF(2, 3);
/* The message set by cli_fail, or the library's. */
const char *cli_message(void);

/* Callbacks of the context: progress bar with rate and ETA on stderr, log lines, Ctrl-C. */
void cli_watch_signals(void);
bool cli_interrupted(void);
void cli_log(duet_log_level level, const char *message, void *user);
void cli_progress(const duet_progress *progress, void *user);
void cli_progress_end(void);

/* Normal output: nothing with --json or --quiet. */
void cli_say(const cli_state *cli, const char *format, ...) DUET_PRINTF(2, 3);
/* With --json prints the object on stdout; takes it over. */
void cli_json(const cli_state *cli, json_t *object);
/* Prints a JSON file of a step on stdout with --json. */
void cli_json_file(const cli_state *cli, const char *path);

/* Where a command's results go. model: a run folder gives RUN/<command>-NNN; a file gives a numbered run of its own. */
typedef struct cli_step {
    char run[CLI_PATH], folder[CLI_PATH];
} cli_step;
duet_status cli_step_new(cli_step *out, const char *model, const char *command);
/* Rebuilds the report and says where everything is. */
duet_status cli_step_done(const cli_state *cli, const cli_step *step);

bool cli_exists(const char *path);
duet_status cli_write_json(const char *path, json_t *object); /* takes the object over; atomic */
void cli_human(char out[32], double value); /* 606.9k, 1.19M */
void cli_duration(char out[32], double seconds); /* 1 h 05 min, 3 min 12 s, 4.2 s */

#endif
