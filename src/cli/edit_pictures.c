/* SPDX-License-Identifier: MIT
 * cli/edit_pictures.c: pictures and masks of 'duet edit'. */
#include "cli/edit_pictures.h"

#include <stdlib.h>
#include <string.h>

#include "cli/spread.h"

static duet_status no_memory(void) {
    return cli_fail(DUET_NO_MEMORY, "not enough memory for the pictures");
}

duet_status cli_picture_check(const cli_pictures *p, const char *path, const duet_preprocess *how) {
    duet_image_size is;
    if (p->o->convert) return DUET_OK;
    const duet_status status = duet_image_measure(path, &is);
    if (status != DUET_OK) return status;
    const int64_t w = is.width, h = is.height, side = how->size;
    const bool padded = w <= side && h <= side && 5 * w > 4 * side && 5 * h > 4 * side;
    if (!padded)
        return cli_fail(DUET_SHAPE,
                        "'%s' has %lld x %lld pixels, and %lld x %lld are needed; --convert scales "
                        "it%s",
                        path, (long long)w, (long long)h, (long long)side, (long long)side,
                        side != p->how.size && p->o->outpaint == 0
                            ? ", --degrade puts whole pictures through --operator"
                            : "");
    if (is.channels == how->channels) return DUET_OK;
    return cli_fail(
        DUET_SHAPE, "'%s' is %s, and one %s is needed; %s", path,
        is.channels == 1 ? "grey" : "in colour", is.channels == 1 ? "in colour" : "in grey",
        is.channels == 1 ? "--operator grey gives it colours, --convert takes it as it is"
                         : "--convert takes its grey");
}

/* A picture that lies in a border of unknown pixels. */
static duet_status border(cli_pictures *p) {
    const int64_t size = p->how.size, wide = p->o->outpaint;
    if (2 * wide >= size)
        return cli_fail(DUET_ARG, "--outpaint %lld leaves nothing of %lld pixels; less than %lld",
                        (long long)wide, (long long)size, (long long)(size + 1) / 2);
    for (int64_t i = 0; i < size * size; i++) {
        const int64_t y = i / size, x = i % size;
        p->mask[i] = y < wide || x < wide || y >= size - wide || x >= size - wide;
    }
    return DUET_OK;
}

static duet_status same_size(const char *mask, const char *picture) {
    duet_image_size a, b;
    duet_status status = duet_image_measure(mask, &a);
    if (status == DUET_OK) status = duet_image_measure(picture, &b);
    if (status != DUET_OK || (a.width == b.width && a.height == b.height)) return status;
    return cli_fail(DUET_SHAPE,
                    "the mask '%s' has %lld x %lld pixels, the picture '%s' %lld x "
                    "%lld; they must be alike",
                    mask, (long long)a.width, (long long)a.height, picture, (long long)b.width,
                    (long long)b.height);
}

duet_status cli_pictures_mask(const cli_state *cli, cli_pictures *p) {
    const cli_edit_options *o = p->o;
    const char *const picture = cli->arg_count > 1 ? cli->args[1] : NULL;
    duet_image_size is = {.transparent = false};
    duet_status status = DUET_OK;
    if (!*o->mask && o->outpaint == 0 && picture != NULL && !*o->chain && o->vary <= 0)
        status = duet_image_measure(picture, &is);
    const bool alpha = is.transparent;
    if (status != DUET_OK || (!*o->mask && o->outpaint == 0 && !alpha)) return status;
    p->mask = calloc((size_t)(p->how.size * p->how.size), 1);
    if (p->mask == NULL) return no_memory();
    if (o->outpaint > 0) return border(p);
    for (int i = 1; *o->mask && i < cli->arg_count && status == DUET_OK; i++)
        status = same_size(o->mask, cli->args[i]);
    if (status != DUET_OK) return status;
    return duet_mask_load(alpha ? picture : o->mask, &p->how, alpha, p->mask);
}

/* ---- reading ---- */

/* What --outpaint leaves of the side is the picture's. */
static duet_status read_inside(const cli_pictures *p, const char *path, uint8_t *out) {
    const int64_t size = p->how.size, wide = p->o->outpaint, inner = size - 2 * wide,
                  c = p->how.channels;
    duet_preprocess how = p->how;
    how.size = inner;
    duet_status status = cli_picture_check(p, path, &how);
    uint8_t *const small = malloc((size_t)(inner * inner * c));
    if (status == DUET_OK && small == NULL) status = no_memory();
    if (status == DUET_OK) status = duet_image_load(path, &how, small);
    memset(out, 127, (size_t)p->dim);
    for (int64_t y = 0; y < inner && status == DUET_OK; y++)
        memcpy(out + ((y + wide) * size + wide) * c, small + y * inner * c, (size_t)(inner * c));
    free(small);
    return status;
}

static duet_status read_rows(cli_state *cli, cli_pictures *p) {
    duet_dataset *set = NULL;
    cli_spread some = {.count = 0};
    duet_status status = duet_dataset_open(cli->ctx, &set, p->o->data);
    if (status == DUET_OK) status = cli_spread_read(cli, &some, set, "", p->count, &p->how);
    if (status == DUET_OK) {
        p->count = some.count;
        p->whole = some.pixels;
        some.pixels = NULL;
    }
    cli_spread_free(&some);
    duet_dataset_close(set);
    return status;
}

static duet_status read_whole(cli_state *cli, cli_pictures *p) {
    duet_status status = DUET_OK;
    if (*p->o->data) return read_rows(cli, p);
    p->whole = malloc((size_t)(p->count * p->dim));
    if (p->whole == NULL) return no_memory();
    for (int64_t i = 0; i < p->count && status == DUET_OK; i++) {
        const char *const path = cli->args[1 + i];
        uint8_t *const to = p->whole + i * p->dim;
        if (p->o->outpaint > 0) {
            status = read_inside(p, path, to);
            continue;
        }
        status = cli_picture_check(p, path, &p->how);
        if (status == DUET_OK) status = duet_image_load(path, &p->how, to);
    }
    return status;
}

/* Pictures that are measurements themselves. */
static duet_status read_measured(const cli_state *cli, cli_pictures *p, int64_t side,
                                 int64_t colours) {
    duet_preprocess how = p->how;
    duet_status status = DUET_OK;
    how.size = side;
    how.channels = (int)colours;
    uint8_t *const bytes = malloc((size_t)p->known);
    if (bytes == NULL) return no_memory();
    for (int64_t i = 0; i < p->count && status == DUET_OK; i++) {
        const char *const path = cli->args[1 + i];
        status = cli_picture_check(p, path, &how);
        if (status == DUET_OK) status = duet_image_load(path, &how, bytes);
        if (status == DUET_OK) duet_pixels_to_float(p->measured + i * p->known, bytes, p->known);
    }
    free(bytes);
    return status;
}

duet_status cli_pictures_read(cli_state *cli, cli_pictures *p, duet_edit *edit) {
    const cli_edit_options *o = p->o;
    int64_t side, colours;
    duet_edit_measured(edit, &side, &colours);
    p->known = side * side * colours;
    p->count = *o->data ? o->pictures : cli->arg_count - 1;
    p->truth = o->degrade || *o->data || p->rebuilds;
    const bool whole = p->truth || (!*o->chain && side == p->how.size);
    p->measured = malloc((size_t)(p->count * p->known) * sizeof(float));
    p->shown = malloc((size_t)(p->count * p->dim));
    p->plain = malloc((size_t)(p->count * p->dim));
    if (p->measured == NULL || p->shown == NULL || p->plain == NULL) return no_memory();
    duet_status status = whole ? read_whole(cli, p) : read_measured(cli, p, side, colours);
    if (status != DUET_OK) return status;
    if (whole) duet_edit_degrade(edit, p->whole, 0, p->count, p->measured);
    duet_edit_show(edit, p->measured, p->count, p->shown);
    return duet_edit_plain(edit, p->measured, p->count, p->plain);
}

void cli_pictures_free(cli_pictures *p) {
    free(p->mask);
    free(p->whole);
    free(p->measured);
    free(p->shown);
    free(p->plain);
    free(p->result);
    duet_walk_free(p->walk);
}
