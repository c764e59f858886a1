/* SPDX-License-Identifier: MIT
 * data/loader.c: batches by worker threads over a bounded ring. A worker claims the next batch
 * number, lists its rows under the lock (they depend on seed and position alone) and fills the
 * ring's slot outside of it; the consumer takes the slots in order. So neither the number of
 * workers nor their timing changes what is delivered. Position p of a shuffled pass is row
 * order_e[p mod n] of the view, order_e = permutation(seed, "order", e = p / n). With shuffle, and
 * when the whole view fits, preprocessed images are kept, since they come again. Callbacks are
 * called by the consumer only. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/context.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/augment/augment.h"
#include "data/bad_images.h"
#include "data/dataset/dataset.h"
#include "data/preprocess.h"

#define CACHE_LIMIT  ((int64_t)1 << 30)
#define MOST_WORKERS 64
#define SLOTS_AHEAD  2 /* more slots than workers */

enum { COLOUR, ALPHA, LOSSES };

enum { MARK_NEW, MARK_FILLING, MARK_KEPT, MARK_BAD };

typedef struct loader_slot {
    uint8_t *pixels, *scratch;
    int32_t *labels;
    int64_t *index, *row; /* row in the split, row of the view */
    int64_t position, count;
    enum { SLOT_FREE, SLOT_FILLING, SLOT_READY } state;
    duet_status status;
    duet_failure failure; /* why, when status is not OK */
    duet_str notes;       /* corrupt images found, a line each */
    int64_t bad;
    int64_t lost[LOSSES], lost_row[LOSSES]; /* images that lost something, and one of them */
} loader_slot;

struct duet_loader {
    duet_context *ctx;
    const duet_dataset *dataset;
    duet_split split;
    int64_t *view, *order; /* the view's rows; order of the epoch being claimed */
    int64_t count, epoch;
    duet_loader_options options;
    duet_augment_chain chain;
    bool skip;
    int64_t row_bytes;
    uint8_t *cache;     /* count rows, or NULL */
    atomic_uchar *mark; /* count marks */
    loader_slot *slots;
    int64_t depth, claimed, delivered, next_position; /* batches; position of the next claim */
    loader_slot *held;                                /* the slot the consumer looks at */
    pthread_t *threads;
    int started;
    bool stop, synced;
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    int64_t skipped;
    int64_t lost[LOSSES]; /* of the first pass */
};

/* ---- one row ---- */

/* Reads row k of the view; a row known as bad fails without a message. */
static duet_status load_row(duet_loader *loader, int64_t k, uint8_t *out, bool *known_bad,
                            unsigned *lost) {
    const size_t bytes = (size_t)loader->row_bytes;
    const unsigned char mark = atomic_load_explicit(&loader->mark[k], memory_order_acquire);
    *known_bad = mark == MARK_BAD;
    if (*known_bad) return DUET_FORMAT;
    if (mark == MARK_KEPT) {
        memcpy(out, loader->cache + k * loader->row_bytes, bytes);
        return DUET_OK;
    }
    DUET_TRY(duet_dataset_read_all(loader->dataset, loader->split, loader->view[k],
                                   &loader->options.preprocess, out, lost));
    unsigned char expected = MARK_NEW;
    if (loader->cache != NULL &&
        atomic_compare_exchange_strong(&loader->mark[k], &expected, MARK_FILLING)) {
        memcpy(loader->cache + k * loader->row_bytes, out, bytes);
        atomic_store_explicit(&loader->mark[k], MARK_KEPT, memory_order_release);
    }
    return DUET_OK;
}

/* Each row of the view comes once in the first pass. */
static void note_losses(const duet_loader *loader, loader_slot *slot, int64_t position, int64_t row,
                        unsigned lost) {
    static const unsigned bits[LOSSES] = {DUET_IMAGE_LOST_COLOUR, DUET_IMAGE_LOST_ALPHA};
    if (position - loader->options.start >= loader->count) return;
    for (int k = 0; k < LOSSES; k++) {
        if ((lost & bits[k]) == 0) continue;
        if (slot->lost[k]++ == 0) slot->lost_row[k] = row;
    }
}

/* Row i of the slot, or nothing where its image is bad; `filled` rows stand before it. */
static duet_status fill_good_row(duet_loader *loader, loader_slot *slot, int64_t i,
                                 int64_t *filled) {
    const int64_t k = slot->row[i], index = loader->view[k];
    uint8_t *out = slot->pixels + *filled * loader->row_bytes;
    bool known_bad = false;
    unsigned lost = 0;
    if (duet_bad_images_reason(loader->options.bad, loader->split, index) != NULL) return DUET_OK;
    const duet_status status = load_row(loader, k, out, &known_bad, &lost);
    if (status != DUET_OK)
        return duet_bad_images_take(loader->options.bad, loader->split, index, status);
    if (lost != 0) note_losses(loader, slot, slot->position + i, index, lost);
    slot->index[*filled] = index;
    slot->labels[*filled] = duet_dataset_label(loader->dataset, loader->split, index);
    duet_augment_chain_apply(&loader->chain, loader->options.seed, (uint64_t)(slot->position + i),
                             out, slot->scratch, loader->options.preprocess.size,
                             loader->options.preprocess.channels);
    ++*filled;
    return DUET_OK;
}

/* Fills row i of the slot; with skip, row k+1, k+2, … of the view stand in for a bad one. */
static duet_status fill_row(duet_loader *loader, loader_slot *slot, int64_t i) {
    uint8_t *out = slot->pixels + i * loader->row_bytes;
    int64_t k = slot->row[i];
    for (int64_t tries = 0; tries < loader->count; tries++, k = (k + 1) % loader->count) {
        bool known_bad = false;
        unsigned lost = 0;
        const duet_status status = load_row(loader, k, out, &known_bad, &lost);
        if (status == DUET_OK) {
            if (lost != 0) note_losses(loader, slot, slot->position + i, loader->view[k], lost);
            slot->index[i] = loader->view[k];
            slot->labels[i] = duet_dataset_label(loader->dataset, loader->split, loader->view[k]);
            duet_augment_chain_apply(&loader->chain, loader->options.seed,
                                     (uint64_t)(slot->position + i), out, slot->scratch,
                                     loader->options.preprocess.size,
                                     loader->options.preprocess.channels);
            return DUET_OK;
        }
        if (known_bad) continue;
        if (!loader->skip || duet_error_cause() != DUET_CAUSE_BAD_IMAGE) return status;
        unsigned char expected = MARK_NEW;
        if (atomic_compare_exchange_strong(&loader->mark[k], &expected,
                                           MARK_BAD)) { /* found first by this worker */
            duet_str_format(&slot->notes, "%s\n", duet_error_message());
            slot->bad++;
        }
    }
    return duet_fail(DUET_FORMAT, "data set '%s': none of the %lld images of split %s can be read",
                     loader->dataset->info.name, (long long)loader->count,
                     duet_split_name(loader->split));
}

/* ---- workers ---- */

/* Under the lock: which rows the next batch has. False when the pass is over. */
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

static void fill_slot(duet_loader *loader, loader_slot *slot) {
    slot->status = DUET_OK;
    slot->bad = 0;
    memset(slot->lost, 0, sizeof slot->lost);
    duet_str_free(&slot->notes);
    int64_t filled = 0;
    for (int64_t i = 0; i < slot->count; i++) {
        slot->status = loader->options.bad != NULL ? fill_good_row(loader, slot, i, &filled)
                                                   : fill_row(loader, slot, i);
        if (slot->status == DUET_OK) continue;
        duet_failure_take(&slot->failure);
        return;
    }
    if (loader->options.bad != NULL) slot->count = filled;
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
        fill_slot(loader, slot);
        pthread_mutex_lock(&loader->lock);
        slot->state = SLOT_READY;
        pthread_cond_broadcast(&loader->filled);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- the consumer ---- */

/* Waits for the slot; wakes up ten times per second to ask whether to go on. */
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

/* The first of a kind is told with its name; all of them when the loader is closed. */
static void log_losses(duet_loader *loader, const loader_slot *slot) {
    static const char *const words[LOSSES] = {
        "is in colour and is read as grey",
        "has transparent pixels, which are composed over white"};
    for (int k = 0; k < LOSSES; k++) {
        char name[512];
        const bool first = loader->lost[k] == 0;
        loader->lost[k] += slot->lost[k];
        if (!first || slot->lost[k] == 0) continue;
        duet_dataset_row_name(loader->dataset, loader->split, slot->lost_row[k], name, sizeof name);
        duet_log(
            loader->ctx, DUET_LOG_WARNING, "data set '%s': '%s' %s%s", loader->dataset->info.name,
            name, words[k],
            k == COLOUR && loader->dataset->info.channels == 1
                ? ", as the set was taken for grey by the images looked at; to train in colour "
                  "give the network three channels (--arch NAME:in_channels=3)"
                : "");
    }
}

static void sum_up_losses(const duet_loader *loader) {
    static const char *const words[LOSSES] = {"images in colour were read as grey",
                                              "images with transparent pixels were composed over "
                                              "white"};
    for (int k = 0; k < LOSSES; k++)
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
    while (slot != NULL && slot->count == 0); /* all of its rows are left out */
    if (slot == NULL) {
        *out = (duet_batch){.position = loader->count};
        return DUET_OK;
    }
    *out = (duet_batch){.count = slot->count,
                        .pixels = slot->pixels,
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
        return duet_fail(DUET_ARG, "batch of %lld is outside 1..%d", (long long)o->batch, 1 << 20);
    if (o->start < 0) return duet_fail(DUET_ARG, "start at row %lld", (long long)o->start);
    if (o->workers < 0 || o->workers > MOST_WORKERS)
        return duet_fail(DUET_ARG, "%d workers; at most %d", o->workers, MOST_WORKERS);
    if (o->on_bad[0] != '\0' && strcmp(o->on_bad, "stop") != 0 && strcmp(o->on_bad, "skip") != 0) {
        return duet_fail(DUET_ARG, "no way '%.7s' to treat corrupt images; there are stop and skip",
                         o->on_bad);
    }
    if (o->bad != NULL && o->shuffle)
        return duet_fail(DUET_ARG,
                         "rows are left out of a pass in order only, not of a shuffled one");
    if (view->count == 0 && o->shuffle) {
        return duet_fail(DUET_ARG, "no rows in split %s of '%s'", duet_split_name(view->split),
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
        DUET_TRY(duet_alloc(&slot->pixels, batch, (size_t)loader->row_bytes));
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
            return duet_fail(DUET_NO_MEMORY, "the system gave %d of %d loader threads", i, workers);
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
