/* SPDX-License-Identifier: MIT
 * Draws two images and writes all states as doubles [2,S,S,C], for
 * tests/oracle/compare_guided_sampling.py: the start, then x after each step.
 *   trace_generator MODEL OUT SAMPLER LABEL [guide=FILE scale=W] [small=FILE] [FLAGS]
 * small: f32 [2,s,s,C], the pictures that a network enlarges. FLAGS: of files of other programs, as
 * --image_size 64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/edit.h>
#include <duet/sample.h>

#include "base/mem.h"
#include "noise/noise.h"

enum { ROWS = 2, SEED = 7 };

typedef struct trace {
    FILE *out;
    int64_t count; /* values of a state */
} trace;

static duet_status watch(const duet_generator_step *step, void *user) {
    const trace *const t = user;
    const bool whole =
        fwrite(step->x, sizeof *step->x, (size_t)t->count, t->out) == (size_t)t->count;
    return whole ? DUET_OK : DUET_IO;
}

static duet_status write_start(const trace *t) {
    float *z = NULL;
    duet_status status = duet_alloc(&z, t->count / ROWS, sizeof *z);
    for (int64_t r = 0; r < ROWS && status == DUET_OK; r++) {
        duet_image_noise(z, SEED, r, t->count / ROWS);
        for (int64_t i = 0; i < t->count / ROWS; i++)
            fwrite((double[]){(double)z[i]}, sizeof(double), 1, t->out);
    }
    duet_release(z);
    return status;
}

static duet_status draw(duet_context *ctx, duet_model *model, trace *t,
                        const duet_sample_options *how, uint8_t *pixels) {
    duet_sample_options o = *how;
    o.watch = watch;
    o.watcher = t;
    return duet_sample(ctx, model, &o, pixels);
}

/* Enlarges the pictures of the file. */
static duet_status enlarge(duet_context *ctx, duet_model *model, trace *t,
                           const duet_sample_options *how, const char *small, uint8_t *pixels) {
    duet_edit_options o = {.strength = 1,
                           .answers = 1,
                           .label = how->label,
                           .seed = SEED,
                           .watch = watch,
                           .watcher = t};
    duet_edit *edit = NULL;
    float *measured = NULL;
    int64_t side = 0, colours = 0;
    FILE *file = NULL;
    snprintf(o.sampler, sizeof o.sampler, "%s", how->sampler);
    duet_status status = duet_edit_open(ctx, &edit, model, &o);
    if (status == DUET_OK) {
        duet_edit_measured(edit, &side, &colours);
        status = duet_alloc(&measured, ROWS * side * side * colours, sizeof *measured);
    }
    if (status == DUET_OK && (file = fopen(small, "rb")) == NULL) status = DUET_NOT_FOUND;
    const size_t count = (size_t)(ROWS * side * side * colours);
    if (status == DUET_OK && fread(measured, sizeof *measured, count, file) != count)
        status = DUET_FORMAT;
    if (status == DUET_OK) status = duet_edit_run(edit, measured, 0, ROWS, pixels);
    if (file != NULL) fclose(file);
    duet_release(measured);
    duet_edit_close(edit);
    return status;
}

static duet_status run(int count, char **arg) {
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_sample_options how = {.count = ROWS, .seed = SEED, .label = strtol(arg[4], NULL, 10)};
    char flags[4096] = "";
    const char *small = NULL;
    uint8_t *pixels = NULL;
    trace t = {.out = fopen(arg[2], "wb")};
    if (t.out == NULL) return DUET_IO;
    snprintf(how.sampler, sizeof how.sampler, "%s", arg[3]);
    for (int i = 5; i < count; i++) {
        const size_t used = strlen(flags);
        if (strncmp(arg[i], "guide=", 6) == 0)
            snprintf(how.guidance.from, sizeof how.guidance.from, "%s", arg[i] + 6);
        else if (strncmp(arg[i], "scale=", 6) == 0)
            how.guidance.scale = strtod(arg[i] + 6, NULL);
        else if (strncmp(arg[i], "small=", 6) == 0)
            small = arg[i] + 6;
        else
            snprintf(flags + used, sizeof flags - used, "%s%s", used > 0 ? " " : "", arg[i]);
    }
    duet_status status = duet_context_new(&ctx, &(duet_context_options){.threads = 2});
    if (status == DUET_OK) status = duet_model_open_as(ctx, &model, arg[1], flags);
    if (status == DUET_OK) {
        const duet_preprocess *const p = &duet_model_card(model)->preprocess;
        t.count = ROWS * p->size * p->size * p->channels;
        status = duet_alloc(&pixels, t.count, 1);
    }
    if (status == DUET_OK) status = write_start(&t);
    if (status == DUET_OK)
        status = small != NULL ? enlarge(ctx, model, &t, &how, small, pixels)
                               : draw(ctx, model, &t, &how, pixels);
    duet_release(pixels);
    duet_model_close(model);
    duet_context_free(ctx);
    return fclose(t.out) == 0 ? status : DUET_IO;
}

int main(int count, char **arg) {
    if (count < 5) return 2;
    if (run(count, arg) == DUET_OK) return 0;
    fprintf(stderr, "%s\n", duet_error_message());
    return 1;
}
