/* SPDX-License-Identifier: MIT
 * cli/previews.c: see previews.h. Shown is what the model takes the images of the running pass to
 * be. */
#include "cli/previews.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_ROWS = 64 };

static duet_status take_pixels(cli_previews *p, const duet_generator_step *step, int64_t rows) {
    const int64_t dim = p->size * p->size * p->channels;
    if (rows > p->room) {
        free(p->pixels);
        p->pixels = malloc((size_t)(rows * dim));
        p->room = p->pixels != NULL ? rows : 0;
    }
    if (p->pixels == NULL) return cli_fail(DUET_NO_MEMORY, "not enough memory for the preview");
    duet_float_to_pixels(p->pixels, step->x0, rows * dim);
    return DUET_OK;
}

static duet_status write_file(const cli_previews *p, const duet_generator_step *step,
                              int64_t rows) {
    char note[96];
    snprintf(note, sizeof note, "preview: samples from number %lld, after step %lld of %lld",
             (long long)step->index[0], (long long)step->done, (long long)step->total);
    return duet_images_save(p->pixels, rows, p->size, p->channels, duet_image_grid_columns(rows),
                            p->file, note);
}

void cli_previews_clear(cli_previews *previews) {
    if (previews->lines == 0) return;
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr); /* the progress bar */
    printf("\033[%dA\r\033[J", previews->lines);
    (void)fflush(stdout);
    previews->lines = 0;
}

duet_status cli_previews_take(cli_previews *previews, const duet_generator_step *step) {
    cli_previews *const p = previews;
    const bool redraws = p->terminal != NULL && p->redraws, due = step->done % p->every == 0;
    const int64_t rows = step->rows < MOST_ROWS ? step->rows : MOST_ROWS;
    if ((!*p->file && !redraws) || step->x0 == NULL || (!due && step->done != step->total))
        return DUET_OK;
    duet_status status = take_pixels(p, step, rows);
    if (status == DUET_OK && *p->file) status = write_file(p, step, rows);
    if (status != DUET_OK || !redraws) return status;
    cli_previews_clear(p);
    return cli_terminal_show(p->terminal, p->pixels, rows, p->size, p->channels, &p->lines);
}

void cli_previews_free(cli_previews *previews) {
    free(previews->pixels);
    previews->pixels = NULL;
}
