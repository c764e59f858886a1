/* SPDX-License-Identifier: MIT
 * data/file_list.c: image files given one by one, see file_list.h. */
#include "data/file_list.h"

#include <stdio.h>

#include "base/error.h"
#include "data/dataset/dataset.h"

typedef struct list_state {
    const char *const *paths;
} list_state;

static duet_status list_read(const duet_dataset *dataset, duet_split split, int64_t index,
                             int channels, duet_image *out) {
    const list_state *state = dataset->state;
    (void)split;
    return duet_image_read(out, state->paths[index], channels);
}

static void list_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                          size_t size) {
    const list_state *state = dataset->state;
    (void)split;
    snprintf(out, size, "%s", state->paths[index]);
}

/* A layout without a path, which is not a member of the family. */
static const duet_dataset_layout layout = {
    .info = {.name = "files", .help = "image files", .params = DUET_TABLE_EMPTY},
    .read = list_read,
    .row_name = list_row_name,
};

duet_status duet_file_list_open(duet_dataset **out, const char *const *paths, int64_t count) {
    duet_status status = DUET_OK;
    duet_dataset *dataset = NULL;
    DUET_DO(duet_alloc(&dataset, 1, sizeof *dataset));
    dataset->layout = &layout;
    DUET_DO(duet_arena_new(&dataset->arena));
    list_state *state = duet_arena_alloc(dataset->arena, 1, sizeof *state);
    DUET_DO(duet_arena_status(dataset->arena));
    state->paths = paths;
    dataset->state = state;
    dataset->info.name = dataset->info.path = "";
    dataset->info.layout = layout.info.name;
    dataset->info.count[DUET_TEST] = count;
    *out = dataset;
    dataset = NULL;
done:
    duet_dataset_close(dataset);
    return status;
}
