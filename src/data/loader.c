/* SPDX-License-Identifier: MIT
 * data/loader.c: batches by worker threads over a bounded ring. A worker claims the next batch
 * number, lists its rows under the lock (they depend on seed and position alone) and fills the
 * ring's slot outside of it; the consumer takes the slots in order. So neither the number of
 * workers nor their timing changes what is delivered. Position p of a shuffled pass is row
 * order_e[p mod n] of the view, order_e = permutation(seed, "order", e = p / n). With shuffle,
 * preprocessed images are cached if the whole view fits into CACHE_LIMIT bytes, since they are
 * needed again in the next epoch. Callbacks are called by the consumer only. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/context.h"
#include "base/error.h"
#include "base/rng.h"
#include "data/loader_ring.h"
#include "data/preprocess.h"

#define CACHE_LIMIT  ((int64_t)1 << 30)
#define MOST_WORKERS 64
#define MOST_VIEWS   8
#define SLOTS_AHEAD  2 /* more slots than workers */

/* ---- workers ---- */

/* Lists the rows of the next batch, under the lock. False where the pass is over. */
static bool plan_batch(duet_loader *loader, loader_slot *slot) {
    const int64_t n = loader->count, left = n - loader->next_position;
    slot->position = loader->next_position;
    slot->count = loader->options.batch;
    if (!loader->options.shuffle) {
        if (left <= 0) return false;
        if (slot->count > left) slot->count = left;
    }
    for (int64_t i = 0; i < slot->count; i++) {
        const int64_t position = slot->position + i, epoch = position / n;
        if (loader->options.shuffle && epoch != loader->epoch) {
            duet_rng_permutation(duet_rng_make(loader->options.seed, "order", (uint64_t)epoch),
                                 loader->order, n);
            loader->epoch = epoch;
        }
        slot->row[i] = loader->options.shuffle ? loader->order[position % n] : position;
    }
    loader->next_position += slot->count;
    slot->state = SLOT_FILLING;
    return true;
}

static void *work(void *user) {
    duet_loader *loader = user;
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop) {
        loader_slot *slot = &loader->slots[loader->claimed % loader->depth];
        if (slot->state != SLOT_FREE) {
            pthread_cond_wait(&loader->freed, &loader->lock);
            continue;
        }
        if (!plan_batch(loader, slot)) break;
        loader->claimed++;
        pthread_mutex_unlock(&loader->lock);
        duet_loader_fill(loader, slot);
        pthread_mutex_lock(&loader->lock);
        slot->state = SLOT_READY;
        pthread_cond_broadcast(&loader->filled);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- the consumer ---- */

/* Waits for the slot; wakes up ten times per second to check for cancellation. */
static duet_status wait_for(duet_loader *loader, const loader_slot *slot) {
    duet_status status = DUET_OK;
    pthread_mutex_lock(&loader->lock);
    while (slot->state != SLOT_READY && status == DUET_OK) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        if (pthread_cond_timedwait(&loader->filled, &loader->lock, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&loader->lock);
            status = duet_check_cancelled(loader->ctx);
            pthread_mutex_lock(&loader->lock);
        }
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
}

static void give_back(duet_loader *loader) {
    if (loader->held == NULL) return;
    pthread_mutex_lock(&loader->lock);
    loader->held->state = SLOT_FREE;
    loader->held = NULL;
    pthread_cond_broadcast(&loader->freed);
    pthread_mutex_unlock(&loader->lock);
}

/* The first image of each kind is logged by name, and their number when the loader is closed. */
static void log_losses(duet_loader *loader, const loader_slot *slot) {
    static const char *const words[LOADER_LOSSES] = {
        "is in colour and is read as grey",
        "has transparent pixels, which are composed over white"};
    for (int k = 0; k < LOADER_LOSSES; k++) {
        char name[512];
        const bool first = loader->lost[k] == 0;
        loader->lost[k] += slot->lost[k];
        if (!first || slot->lost[k] == 0) continue;
        duet_dataset_row_name(loader->dataset, loader->split, slot->lost_row[k], name, sizeof name);
        duet_log(
            loader->ctx, DUET_LOG_WARNING, "data set '%s': '%s' %s%s", loader->dataset->info.name,
            name, words[k],
            k == LOADER_LOST_COLOUR && loader->dataset->info.channels == 1
                ? ", as the set was taken for grey by the images looked at; to train in colour "
                  "give the network three channels (--arch NAME:in_channels=3)"
                : "");
    }
}

static void sum_up_losses(const duet_loader *loader) {
    static const char *const words[LOADER_LOSSES] = {
        "images in colour were read as grey", "images with transparent pixels were composed over "
                                              "white"};
    for (int k = 0; k < LOADER_LOSSES; k++)
        if (loader->lost[k] > 1)
            duet_log(loader->ctx, DUET_LOG_WARNING, "data set '%s': %lld %s",
                     loader->dataset->info.name, (long long)loader->lost[k], words[k]);
}

static void log_notes(duet_loader *loader, const loader_slot *slot) {
    log_losses(loader, slot);
    loader->skipped += slot->bad;
    for (const char *line = slot->notes.text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        duet_log(loader->ctx, DUET_LOG_WARNING, "left out: %.*s", (int)(end - line), line);
        line = end + 1;
    }
}

/* The next slot of the ring; NULL when the pass is over. */
static duet_status take_slot(duet_loader *loader, loader_slot **out) {
    DUET_TRY(duet_check_cancelled(loader->ctx));
    give_back(loader);
    const int64_t position = loader->options.start + loader->delivered * loader->options.batch;
    *out = NULL;
    if (!loader->options.shuffle && position >= loader->count) return DUET_OK;
    loader_slot *slot = &loader->slots[loader->delivered % loader->depth];
    DUET_TRY(wait_for(loader, slot));
    if (slot->status != DUET_OK) { /* stays: the loader keeps failing */
        duet_failure_put(&slot->failure);
        return slot->status;
    }
    log_notes(loader, slot);
    loader->held = slot;
    loader->delivered++;
    *out = slot;
    return DUET_OK;
}

duet_status duet_loader_next(duet_loader *loader, duet_batch *out) {
    loader_slot *slot = NULL;
    do DUET_TRY(take_slot(loader, &slot));
    while (slot != NULL && slot->count == 0); /* all rows of the batch were left out */
    if (slot == NULL) {
        *out = (duet_batch){.position = loader->count};
        return DUET_OK;
    }
    *out = (duet_batch){.count = slot->count,
                        .pixels = slot->pixels,
                        .views = loader->options.views,
                        .view_size = loader->options.batch * loader->row_bytes,
                        .labels = slot->labels,
                        .index = slot->index,
                        .position = slot->position};
    return DUET_OK;
}

int64_t duet_loader_skipped(const duet_loader *loader) {
    return loader->skipped;
}

/* ---- opening and closing ---- */

static duet_status check_options(const duet_loader_options *o, const duet_view *view,
                                 const duet_dataset *dataset) {
    DUET_TRY(duet_preprocess_check(&o->preprocess));
    if (o->batch < 1 || o->batch > 1 << 20)
        return duet_fail(DUET_ARG, "batch size %lld is outside 1..%d", (long long)o->batch,
                         1 << 20);
    if (o->start < 0) return duet_fail(DUET_ARG, "start row %lld is negative", (long long)o->start);
    if (o->views < 0 || o->views > MOST_VIEWS)
        return duet_fail(DUET_ARG, "%d views of a row are outside 0..%d", o->views, MOST_VIEWS);
    if (o->workers < 0 || o->workers > MOST_WORKERS)
        return duet_fail(DUET_ARG, "%d workers are outside 0..%d", o->workers, MOST_WORKERS);
    if (o->on_bad[0] != '\0' && strcmp(o->on_bad, "stop") != 0 && strcmp(o->on_bad, "skip") != 0) {
        return duet_fail(DUET_ARG, "unknown on_bad '%.7s'; it is stop or skip", o->on_bad);
    }
    if (o->bad != NULL && o->shuffle)
        return duet_fail(DUET_ARG,
                         "rows can be left out of a pass in order only, not of a shuffled one");
    if (view->count == 0 && o->shuffle) {
        return duet_fail(DUET_ARG, "split %s of '%s' has no rows", duet_split_name(view->split),
                         dataset->info.name);
    }
    for (int64_t i = 0; i < view->count; i++) {
        if (view->index[i] < 0 || view->index[i] >= dataset->info.count[view->split]) {
            return duet_fail(DUET_ARG, "row %lld is outside split %s of '%s'",
                             (long long)view->index[i], duet_split_name(view->split),
                             dataset->info.name);
        }
    }
    return DUET_OK;
}

static duet_status make_slots(duet_loader *loader) {
    const int64_t batch = loader->options.batch;
    DUET_TRY(duet_alloc(&loader->slots, loader->depth, sizeof *loader->slots));
    for (int64_t i = 0; i < loader->depth; i++) {
        loader_slot *slot = &loader->slots[i];
        DUET_TRY(
            duet_alloc(&slot->pixels, loader->options.views * batch, (size_t)loader->row_bytes));
        DUET_TRY(duet_alloc(&slot->scratch, loader->row_bytes, 1));
        DUET_TRY(duet_alloc(&slot->labels, batch, sizeof *slot->labels));
        DUET_TRY(duet_alloc(&slot->index, batch, sizeof *slot->index));
        DUET_TRY(duet_alloc(&slot->row, batch, sizeof *slot->row));
    }
    return DUET_OK;
}

static duet_status start_workers(duet_loader *loader) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return duet_fail(DUET_NO_MEMORY, "out of memory for the loader's threads");
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->filled, &attributes);
    pthread_cond_init(&loader->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    loader->synced = true;
    const int workers = loader->options.workers > 0 ? loader->options.workers : 1;
    for (int i = 0; i < workers; i++) {
        if (pthread_create(&loader->threads[i], NULL, work, loader) != 0) {
            return duet_fail(DUET_NO_MEMORY, "the system started only %d of %d loader threads", i,
                             workers);
        }
        loader->started++;
    }
    return DUET_OK;
}

duet_status duet_loader_open(duet_context *ctx, duet_loader **out, const duet_dataset *dataset,
                             const duet_view *view, const duet_loader_options *options) {
    duet_status status = DUET_OK;
    duet_loader *loader = NULL;
    DUET_TRY(check_options(options, view, dataset));
    DUET_DO(duet_alloc(&loader, 1, sizeof *loader));
    loader->ctx = ctx;
    loader->dataset = dataset;
    loader->split = view->split;
    loader->count = view->count;
    loader->epoch = -1;
    loader->options = *options;
    if (loader->options.views < 1) loader->options.views = 1;
    loader->skip = strcmp(options->on_bad, "skip") == 0;
    loader->next_position = options->start;
    loader->row_bytes = duet_preprocess_bytes(&options->preprocess);
    const int workers = options->workers > 0 ? options->workers : 1;
    loader->depth = workers + SLOTS_AHEAD;
    DUET_DO(duet_augment_chain_parse(&loader->chain, options->augment));
    DUET_DO(duet_alloc(&loader->view, view->count, sizeof *loader->view));
    if (view->count > 0)
        memcpy(loader->view, view->index, (size_t)view->count * sizeof *loader->view);
    DUET_DO(duet_alloc(&loader->order, options->shuffle ? view->count : 0, sizeof *loader->order));
    DUET_DO(duet_alloc(&loader->mark, view->count, sizeof *loader->mark));
    if (options->shuffle && view->count <= CACHE_LIMIT / loader->row_bytes) {
        DUET_DO(duet_alloc(&loader->cache, view->count, (size_t)loader->row_bytes));
    }
    DUET_DO(make_slots(loader));
    DUET_DO(duet_alloc(&loader->threads, workers, sizeof *loader->threads));
    DUET_DO(start_workers(loader));
    *out = loader;
    loader = NULL;
done:
    duet_loader_close(loader);
    return status;
}

void duet_loader_close(duet_loader *loader) {
    if (loader == NULL) return;
    sum_up_losses(loader);
    if (loader->synced) {
        pthread_mutex_lock(&loader->lock);
        loader->stop = true;
        pthread_cond_broadcast(&loader->freed);
        pthread_mutex_unlock(&loader->lock);
        for (int i = 0; i < loader->started; i++) pthread_join(loader->threads[i], NULL);
        pthread_cond_destroy(&loader->filled);
        pthread_cond_destroy(&loader->freed);
        pthread_mutex_destroy(&loader->lock);
    }
    for (int64_t i = 0; i < loader->depth && loader->slots != NULL; i++) {
        loader_slot *slot = &loader->slots[i];
        duet_release(slot->pixels);
        duet_release(slot->scratch);
        duet_release(slot->labels);
        duet_release(slot->index);
        duet_release(slot->row);
        duet_str_free(&slot->notes);
    }
    duet_release(loader->slots);
    duet_release(loader->threads);
    duet_release(loader->cache);
    duet_release(loader->mark);
    duet_release(loader->order);
    duet_release(loader->view);
    duet_release(loader);
}
