/* SPDX-License-Identifier: MIT
 * cli/spread.c: see spread.h. */
#include "cli/spread.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 };

static duet_status choose_split(const char *split, const duet_dataset_info *info, duet_split *out) {
    *out = info->count[DUET_TEST] > 0  ? DUET_TEST
           : info->count[DUET_VAL] > 0 ? DUET_VAL
                                       : DUET_TRAIN;
    const duet_status status = *split ? duet_split_parse(out, split) : DUET_OK;
    if (status != DUET_OK || info->count[*out] > 0) return status;
    return cli_fail(DUET_ARG, "data set '%s' has no images in its split '%s'; name another one",
                    info->name, duet_split_name(*out));
}

/* Row i of the view becomes what was row i count / wanted. */
static void thin(duet_view *view, int64_t wanted) {
    const int64_t count = view->count;
    if (wanted >= count) return;
    for (int64_t i = 0; i < wanted; i++) view->index[i] = view->index[i * count / wanted];
    view->count = wanted;
}

static duet_status read_all(cli_spread *out, duet_loader *loader, int64_t size) {
    duet_batch batch;
    for (;;) {
        const duet_status status = duet_loader_next(loader, &batch);
        if (status != DUET_OK) return status;
        if (batch.count == 0) break; /* its pixels and rows are NULL */
        memcpy(out->pixels + out->count * size, batch.pixels, (size_t)(batch.count * size));
        memcpy(out->row + out->count, batch.index, (size_t)batch.count * sizeof *out->row);
        out->count += batch.count;
    }
    if (out->count > 0) return DUET_OK;
    return cli_fail(DUET_FORMAT, "none of the images can be read");
}

duet_status cli_spread_read(cli_state *cli, cli_spread *out, const duet_dataset *dataset,
                            const char *split, int64_t wanted, const duet_preprocess *how) {
    const int64_t size = how->size * how->size * how->channels;
    const duet_loader_options options = {.preprocess = *how, .batch = BATCH, .bad = cli->bad};
    duet_view view = {.count = 0};
    duet_loader *loader = NULL;
    *out = (cli_spread){.count = 0};
    duet_status status = choose_split(split, duet_dataset_describe(dataset), &out->split);
    if (status == DUET_OK) status = duet_view_all(&view, dataset, out->split);
    if (status == DUET_OK) {
        thin(&view, wanted);
        out->row = malloc((size_t)view.count * sizeof *out->row);
        out->pixels = malloc((size_t)(view.count * size));
        if (out->row == NULL || out->pixels == NULL)
            status = cli_fail(DUET_NO_MEMORY, "not enough memory for %lld images",
                              (long long)view.count);
    }
    if (status == DUET_OK) status = duet_loader_open(cli->ctx, &loader, dataset, &view, &options);
    if (status == DUET_OK) status = read_all(out, loader, size);
    duet_loader_close(loader);
    duet_view_free(&view);
    return status;
}

void cli_spread_free(cli_spread *spread) {
    free(spread->row);
    free(spread->pixels);
}
