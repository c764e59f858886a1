/* SPDX-License-Identifier: MIT
 * data/source.c: sources of images, and the two that read them: rows of a view, and all pictures of
 * a path in any layout, split after split, as one sequence. The source of a generator is in
 * diffusion/sample.c. */
#include "data/source.h"

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"

struct duet_source {
    const duet_source_kind *kind;
    void *state;
    duet_source_info info;
};

duet_status duet_source_new(duet_source **out, const duet_source_kind *kind, void *state,
                            const duet_source_info *info) {
    duet_source *source = NULL;
    const duet_status status = duet_alloc(&source, 1, sizeof *source);
    if (status != DUET_OK) {
        kind->close(state);
        return status;
    }
    *source = (duet_source){.kind = kind, .state = state, .info = *info};
    *out = source;
    return DUET_OK;
}

const duet_source_info *duet_source_describe(const duet_source *source) {
    return &source->info;
}

duet_status duet_source_next(duet_source *source, duet_batch *out) {
    return source->kind->next(source->state, out);
}

void duet_source_close(duet_source *source) {
    if (source == NULL) return;
    source->kind->close(source->state);
    duet_release(source);
}

/* ---- rows of a view ---- */

static duet_status next_row(void *state, duet_batch *out) {
    return duet_loader_next(state, out);
}

static void close_loader(void *state) {
    duet_loader_close(state);
}

duet_status duet_source_open_view(duet_context *ctx, duet_source **out, const duet_dataset *dataset,
                                  const duet_view *view, const duet_loader_options *options) {
    static const duet_source_kind kind = {.next = next_row, .close = close_loader};
    duet_loader *loader = NULL;
    DUET_TRY(duet_loader_open(ctx, &loader, dataset, view, options));
    const duet_source_info info = {.size = options->preprocess.size,
                                   .channels = options->preprocess.channels,
                                   .count = options->shuffle ? -1 : view->count};
    return duet_source_new(out, &kind, loader, &info);
}

/* ---- pictures of a path ---- */

typedef struct pictures {
    duet_context *ctx;
    duet_dataset *dataset;
    duet_loader *loader; /* of the split that is read */
    duet_loader_options options;
    int split;        /* the next one */
    int64_t *index;   /* [batch] numbers over all splits */
    int64_t position; /* images given */
} pictures;

static duet_status open_split(pictures *p) {
    duet_view view = {0};
    DUET_TRY(duet_view_all(&view, p->dataset, (duet_split)p->split++));
    const duet_status status = duet_loader_open(p->ctx, &p->loader, p->dataset, &view, &p->options);
    duet_view_free(&view);
    return status;
}

static duet_status next_picture(void *state, duet_batch *out) {
    pictures *p = state;
    for (*out = (duet_batch){0}; out->count == 0;) {
        if (p->loader == NULL) {
            if (p->split == DUET_SPLIT_COUNT) return DUET_OK;
            DUET_TRY(open_split(p));
        }
        DUET_TRY(duet_loader_next(p->loader, out));
        if (out->count > 0) break;
        duet_loader_close(p->loader);
        p->loader = NULL;
    }
    out->position = p->position;
    for (int64_t i = 0; i < out->count; i++) p->index[i] = p->position++;
    out->index = p->index;
    return DUET_OK;
}

static void close_pictures(void *state) {
    pictures *p = state;
    if (p == NULL) return;
    duet_loader_close(p->loader);
    duet_dataset_close(p->dataset);
    duet_release(p->index);
    duet_release(p);
}

duet_status duet_source_open_path(duet_context *ctx, duet_source **out, const char *path,
                                  const duet_loader_options *options) {
    static const duet_source_kind kind = {.next = next_picture, .close = close_pictures};
    duet_status status = DUET_OK;
    pictures *p = NULL;
    if (options->shuffle || options->start != 0)
        return duet_fail(DUET_ARG, "pictures of a path are read in order, from the first one");
    DUET_DO(duet_alloc(&p, 1, sizeof *p));
    p->ctx = ctx;
    p->options = *options;
    DUET_DO(duet_dataset_open(ctx, &p->dataset, path));
    const duet_dataset_info *set = duet_dataset_describe(p->dataset);
    duet_preprocess *how = &p->options.preprocess;
    if (how->size == 0) how->size = set->height < set->width ? set->height : set->width;
    if (how->channels == 0) how->channels = set->channels;
    DUET_DO(open_split(p));
    DUET_DO(duet_alloc(&p->index, options->batch, sizeof *p->index));
    const duet_source_info info = {.size = how->size,
                                   .channels = how->channels,
                                   .count = set->count[DUET_TRAIN] + set->count[DUET_VAL] +
                                            set->count[DUET_TEST]};
    status = duet_source_new(out, &kind, p, &info);
    p = NULL;
done:
    close_pictures(p);
    return status;
}
