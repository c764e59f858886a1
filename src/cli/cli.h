/* SPDX-License-Identifier: MIT
 * cli/cli.h: what commands share: parsed options, output, the context, run folders. Commands see
 * public headers only. */
#ifndef DUET_CLI_CLI_H
#define DUET_CLI_CLI_H

#include <duet.h>
#include <jansson.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130, CLI_PATH = 4096 };

typedef struct cli_common { /* options of every command */
    int64_t threads;
    bool exact, json, quiet, tuned;
    char precision[DUET_TEXT_SIZE], device[DUET_TEXT_SIZE];
} cli_common;

typedef struct cli_state {
    const struct cli_cmd *cmd;
    void *options;     /* the command's struct */
    void *extra;       /* options of the command's extra table */
    const char **args; /* positional arguments */
    int arg_count;
    cli_common common;
    duet_context *ctx;
    duet_tuning *tuning; /* read from the file of cli_tuning_path(); NULL = none */
    /* a line to print with the first progress report, when the task has really begun */
    char announce[CLI_PATH + 64];
    char model_flags[2048]; /* flags for the network of a file of another program */
    bool json_done;         /* the only JSON object has been printed */
    duet_bad_images *bad;   /* what --on-bad skip leaves out; NULL = stop */
} cli_state;

typedef struct cli_cmd {
    duet_entry info;     /* name, one line, options */
    const char *usage;   /* "MODEL --data DATA [options]" */
    const char *details; /* text below the usage in --help; examples */
    int min_args, max_args;
    const char *missing;           /* the message for too few arguments */
    const duet_param_table *extra; /* more options, declared in the library; may be NULL */
    const char *several; /* a text option that takes several words, kept with '\n' between them */
    bool opens; /* its first argument is a model: accepts the flags of other programs' networks */
    bool plans; /* runs networks: uses the kernels that 'duet bench --tune' has chosen */
    duet_status (*run)(cli_state *cli);
} cli_cmd;
DUET_FAMILY_OF(cmd, cli_cmd);

extern const duet_param_table cli_common_params;
const cli_cmd *cli_find(const char *name); /* NULL: unknown */

/* Parses argv[2..] into cli. *help is set by --help. */
duet_status cli_parse(cli_state *cli, int argc, char **argv, bool *help);
void cli_flag_text(char out[64], const char *name);           /* save_minutes -> save-minutes */
void cli_option_text(char out[160], const duet_param *param); /* "--minutes X" */
const char *cli_option_default(const duet_param *param); /* NULL where it is not worth showing */
void cli_print_help(const cli_cmd *cmd);
void cli_print_man(
    const cli_cmd *cmd);         /* as a manual page in roff; NULL: the page of the program */
void cli_print_completion(void); /* for bash */
void cli_print_overview(void);

/* A failure found by the command itself, with a message in the style of the library. */
duet_status cli_fail(duet_status status, const char *format, ...) DUET_PRINTF(2, 3);
/* An error in the command line: exit code 2. */
duet_status cli_wrong(const char *format, ...) DUET_PRINTF(1, 2);
/* The message set by cli_fail and cli_wrong, or the library's. */
const char *cli_message(void);
/* Prints one line on stderr and, with --json, an object on stdout; returns the exit code. */
int cli_report_failure(cli_state *cli, duet_status status);

/* Callbacks of the context: progress bar with rate and ETA on stderr, log lines, Ctrl-C. */
void cli_watch_signals(void);
bool cli_interrupted(void);
void cli_log(duet_log_level level, const char *message, void *user);
void cli_progress(const duet_progress *progress, void *user);
void cli_progress_end(void);

/* Normal output: nothing with --json or --quiet. */
void cli_say(const cli_state *cli, const char *format, ...) DUET_PRINTF(2, 3);
/* With --json prints the object on stdout. Takes ownership of it. */
void cli_json(cli_state *cli, json_t *object);
/* Prints a JSON file of a step on stdout with --json. */
void cli_json_file(cli_state *cli, const char *path);

/* tune.json in the cache folder: $DUET_CACHE, $XDG_CACHE_HOME/duet or ~/.cache/duet. False where
 * none of them is set. */
bool cli_tuning_path(char out[CLI_PATH]);
/* Gives the table of that file, if it exists, to the context. */
duet_status cli_tuning_load(cli_state *cli);
/* Writes the table there and makes the folder. */
duet_status cli_tuning_save(char path[CLI_PATH], const duet_tuning *tuning);

/* Prints the layout, splits and classes of a data set. */
duet_status cli_dataset_show(cli_state *cli, const char *path);
/* Compares it with the published set; fails where it is incomplete. decode: reads every image. */
duet_status cli_dataset_check(cli_state *cli, const char *path, bool decode);
/* Prints what is left out or noticed, a line each; returns it as a list for --json. */
json_t *cli_notes_show(const cli_state *cli, const char *title, const duet_dataset_note *notes,
                       int count);

/* Completes the path of --out for images of `format`: "auto" leaves it as it is; a file gets a name
 * where it names a folder, which is made if need be. Refused: another ending. */
duet_status cli_name_images(char out[CLI_PATH], const char *format, int64_t count, int64_t side);
/* How the terminal shows pictures: a member of the family `terminal` by what the environment says;
 * NULL where it shows none. */
const char *cli_terminal_kind(void);
/* Shows the first of these images on stdout, as many as it has room for; *lines (may be NULL):
 * those that they take. */
duet_status cli_terminal_show(const char *kind, const uint8_t *pixels, int64_t count, int64_t size,
                              int channels, int *lines);
/* Prints what a PNG, JPEG or GIF is, with the texts in it. */
duet_status cli_picture_show(cli_state *cli, const char *path);
/* The head of a model: of a run, or in the file itself; false where it has none. */
bool cli_head_find(char out[CLI_PATH], const char *model);
/* An evaluation on a split for the books of the run that `path` is of or in. card: of the head;
 * NULL = the model's own classifier. */
duet_status cli_books_add(const char *path, const char *command, const duet_model *model,
                          const duet_head_card *card, const duet_dataset *dataset, duet_split split,
                          const duet_evaluation *e);
/* A line on it for duet info; nothing where there is none. */
void cli_head_say(const cli_state *cli, const char *model);
/* Prints the tensors of a file that is not a model. why: the reason that it is not. all: every
 * tensor, else the first ones. */
duet_status cli_store_show(cli_state *cli, const char *path, const char *why, bool all);
/* Prints the tensors of a model's file and adds them to `out` as "tensors". */
duet_status cli_store_tensors(const cli_state *cli, const char *path, json_t *out);

/* Opens a model for a command; where the file is not a model, the message says what to load. */
duet_status cli_model_open(const cli_state *cli, duet_model **out, const char *path);
/* Opens the model of the first argument and a data set (--data, --on-bad), works, closes them. */
typedef duet_status (*cli_work)(cli_state *cli, duet_model *model, const duet_dataset *dataset);
duet_status cli_with_data(cli_state *cli, const char *data, const char *on_bad, cli_work work);
/* Numbers of a list like "0-63" or "0,5,9-12" of `flag`; free(*out). */
duet_status cli_numbers(const char *flag, const char *text, int64_t **out, int64_t *count);
/* Checks that the model has these taps and pools. Zero and an empty list stand for "not given". */
duet_status cli_check_setting(duet_model *model, const duet_int_list *taps,
                              const duet_int_list *pools);
duet_status cli_check_tap(duet_model *model, int64_t tap);
duet_status cli_check_head(const char *spec);   /* of the family `head` */
duet_status cli_check_heads(const char *specs); /* joined by '+' */
/* --on-bad of every command that reads a data set: a field `on_bad` and its row, and cli_on_bad()
 * before the set is opened. The record is cli->bad; main.c tells for all commands what it holds in
 * the end. */
#define CLI_ON_BAD_ROW(type)                     \
    DUET_TEXT(type, on_bad, "stop", "stop|skip", \
              "images that cannot be read: stop at the first, or leave them out and say so")
/* Rows of every command that trains heads on features, in the order of its help: fields `batch`,
 * `cache`, `cache_type`, `fresh` and `on_bad`. */
#define CLI_FEATURE_ROWS(type)                                                     \
    DUET_INT(type, batch, "0", 0, 4096, "images per pass; 0 = chosen"),            \
        DUET_TEXT(type, cache, "", NULL,                                           \
                  "folder in which features are kept; default: cache in the run"), \
        DUET_TEXT(type, cache_type, "f32", "f32|f16",                              \
                  "type in which they are kept; f16 takes half the room"),         \
        DUET_BOOLEAN(type, fresh, "false",                                         \
                     "forgets the features kept there and computes them again"),   \
        CLI_ON_BAD_ROW(type)
duet_status cli_on_bad(cli_state *cli, const char *on_bad);
int64_t cli_bad_count(const cli_state *cli);
void cli_bad_tell(const cli_state *cli); /* a warning where images were left out */
void cli_bad_say(int64_t count, const char *first);
/* "left_out" of a JSON object: images of each split, and why the first cannot be read. */
json_t *cli_bad_json(const cli_state *cli);
/* Adds to the message of a failure which option of the command helps; returns `status`. */
duet_status cli_advise(const cli_state *cli, duet_status status);
/* Checks before the work begins that --out can be written. endings: ".npz .safetensors"; with '/' a
 * folder is accepted too, which must be new or empty. Files are replaced. */
duet_status cli_check_out(const char *path, const char *endings);
/* The same for the file of another flag, "--walk"; no folder. */
duet_status cli_check_file(const char *flag, const char *path, const char *endings);

/* Where a command's results go. path: of the model; a run folder gives RUN/<command>-NNN, a file
 * gives a numbered run of its own. */
typedef struct cli_step {
    char run[CLI_PATH], folder[CLI_PATH];
    bool own_run; /* the run was made for this step */
} cli_step;
duet_status cli_step_new(cli_step *out, duet_model *model, const char *path, const char *command);
/* Writes result.json of the step; takes ownership. */
duet_status cli_result_write(const cli_step *step, json_t *result);
/* Rebuilds the report and prints where the results are. */
duet_status cli_step_done(const cli_state *cli, const cli_step *step);
/* Removes the files of a failed step, unless its result.json is there: then only the report, or
 * what else follows it, has failed. Returns `status`. */
duet_status cli_step_drop(const cli_step *step, duet_status status);

/* The folder of cached features: `given`, else RUN/cache. fresh: the features in it are removed. */
duet_status cli_cache(char out[CLI_PATH], const char *given, const char *run, bool fresh);
duet_dtype cli_dtype(const char *name); /* "f16", else f32 */
/* --setting of commands whose extra table is duet_setting_params: its text, else the flags of one
 * setting; none where nothing is given. */
#define CLI_SETTING_ROW(type)          \
    DUET_TEXT(type, setting, "", NULL, \
              "t=10,tap=9,pool=2 instead of the flags below; several are joined by '+'")
duet_status cli_settings(const cli_state *cli, const char *text, duet_settings *out);
enum { CLI_SETTINGS = 2048 };
/* "t 10, tap 9, pool 2"; "clean images" for t -1; several with '+' between them. Returns out. */
const char *cli_settings_text(const duet_settings *settings, char out[CLI_SETTINGS]);
/* Adds t, tap and pool to the object, or the list "settings" of several; returns the object. */
json_t *cli_number(double value); /* null where it is not finite */
json_t *cli_settings_json(json_t *object, const duet_settings *settings);
/* "600 of 900 feature rows were in the cache" */
void cli_say_cached(const cli_state *cli, const duet_features_work *work);

/* The share of damaged images among the generated ones (duet/metric.h), where real images are
 * known. */
typedef struct cli_damage {
    bool known;
    duet_damage metric;
    char data[DUET_TEXT_SIZE]; /* name of the data set */
} cli_damage;
/* data: the set of --data, which must open; where it is empty, the training data of the run `path`,
 * if available. */
duet_status cli_damage_open(cli_state *cli, cli_damage *out, duet_model *model, const char *path,
                            const char *data);
void cli_damage_add(cli_damage *damage, const uint8_t *pixels, int64_t count);
/* "12 of 200 (6 %) damaged: 8 too rough, 4 too flat"; nothing where nothing is known. */
void cli_damage_say(const cli_state *cli, const cli_damage *damage);
void cli_damage_json(const cli_damage *damage, json_t *result); /* sets "damaged" */
void cli_damage_free(cli_damage *damage);

/* "top-1 91.33 %, precision 0.71 ± 0.02": the values of any metrics, without a line end; NAME_se is
 * the standard error of NAME. */
void cli_metrics_say(const cli_state *cli, const duet_metric_result *result);
/* Sets a key for each value, null where it is not a number; "metrics", the values with what is said
 * about them; and "tables". */
void cli_metrics_json(const duet_metric_result *result, json_t *out);

bool cli_exists(const char *path);
duet_status cli_folder(const char *path); /* makes it, unless it is there */
/* with its contents; only for folders that this program has just made */
void cli_remove_folder(const char *path);
/* 2^63 and more become texts: JSON's integers here end below. */
json_t *cli_seed(uint64_t seed);
/* A path, a name or a message as JSON takes it: bytes that are no UTF-8 become \xNN. */
json_t *cli_name(const char *text);
void cli_human(char out[32], double value);      /* 606.9k, 1.19M */
void cli_duration(char out[32], double seconds); /* 1 h 05 min, 3 min 12 s, 4.2 s */

#endif
