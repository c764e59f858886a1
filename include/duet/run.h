/* SPDX-License-Identifier: MIT
 * duet/run.h: run folders (docs/run_folder.md), and pictures written as they come. */
#ifndef DUET_RUN_H
#define DUET_RUN_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes `parent`/NNNNN-name with the next free number; the path goes to out (4096 bytes). */
DUET_NODISCARD duet_status duet_run_new(char out[4096], const char *parent, const char *name);
/* Makes `run`/<command>-NNN. */
DUET_NODISCARD duet_status duet_run_step_new(char out[4096], const char *run, const char *command);
/* Whether it is a folder with a run.json. */
bool duet_run_is(const char *path);
/* Path of the newest file `prefix`NNNNNNNN`suffix` of the folder, DUET_NOT_FOUND when there is
 * none. */
DUET_NODISCARD duet_status duet_run_newest(char out[4096], const char *run, const char *prefix,
                                           const char *suffix);

/* A whole number of RUN/run.json, such as "steps"; 0 where there is none. */
int64_t duet_run_number(const char *run, const char *key);
/* Writes STEP/result.json; `json` is the text of an object. */
DUET_NODISCARD duet_status duet_result_write(const char *step, const char *json);

/* Where generated images come from. PNGs carry it in two text chunks: "parameters", a line to read,
 * and "duet", a JSON object (docs/format.md). Texts are borrowed; what is NULL or zero is left
 * out. */
typedef struct duet_image_origin {
    const char *model; /* its name */
    uint64_t model_hash;
    const char *sampler; /* spec */
    uint64_t seed;
    const char *const *class_names; /* [class_count] */
    int class_count;
} duet_image_origin;

typedef struct duet_image_sink_options {
    int64_t count, size; /* images in all; their side */
    int channels;        /* 1 or 3 */
    int64_t columns;     /* of a grid; 0 = chosen */
    bool labelled;       /* labels are written, too: arr_1, dataset.json */
    /* NULL: PNGs have the text `note` under the key "parameters", which may be NULL too */
    const duet_image_origin *origin;
    const char *note;
} duet_image_sink_options;

/* Writes images, u8 [size,size,channels] each, as they come, in the format of path's extension:
 * '….png' a grid, '….npz' arr_0 u8 NHWC and arr_1 i64 (guided-diffusion's sample file; grey is
 * repeated to 3 channels), '….zip' PNGs as EDM reads data sets, a folder (name ends in '/' or has
 * no ending) NNNNNN.png. Only a grid is held in memory. A file appears under its name when it is
 * complete, the PNGs of a folder one by one. */
typedef struct duet_image_sink duet_image_sink;
DUET_NODISCARD duet_status duet_image_sink_open(duet_image_sink **out, const char *path,
                                                const duet_image_sink_options *options);
/* labels [count]: classes, −1 or NULL = none; index [count]: numbers of the images, for the text in
 * PNGs, NULL = as they come. */
DUET_NODISCARD duet_status duet_image_sink_put(duet_image_sink *sink, const uint8_t *pixels,
                                               int64_t count, const int32_t *labels,
                                               const int64_t *index);
/* Images that stay where they are when the sink is aborted: those of a folder so far, else 0. */
int64_t duet_image_sink_kept(const duet_image_sink *sink);
/* Frees the sink, also on failure. */
DUET_NODISCARD duet_status duet_image_sink_commit(duet_image_sink *sink);
void duet_image_sink_abort(duet_image_sink *sink); /* leaves no half file; NULL is accepted */
/* Columns of a grid where none are given: as many as rows, at most 16. */
int64_t duet_image_grid_columns(int64_t count);
/* The same for images that are all there: pixels [count,size,size,channels]. */
DUET_NODISCARD duet_status duet_images_save(const uint8_t *pixels, int64_t count, int64_t size,
                                            int channels, int64_t columns, const char *path,
                                            const char *note);

/* A terminal's room for a picture: characters, and pixels of a character. */
typedef struct duet_terminal_room {
    int columns, rows, cell_width, cell_height;
} duet_terminal_room;
typedef void (*duet_show_write)(const char *text, int64_t size, void *user);
/* The text that makes a terminal show the first of `count` images, as many as there is room for.
 * terminal: a member of the family `terminal`: "kitty", "iterm", "sixel", "blocks". lines (may be
 * NULL): those of the terminal that the picture takes. */
DUET_NODISCARD duet_status duet_images_show(const char *terminal, const duet_terminal_room *room,
                                            const uint8_t *pixels, int64_t count, int64_t size,
                                            int channels, duet_show_write write, void *user,
                                            int *lines);

#ifdef __cplusplus
}
#endif
#endif
