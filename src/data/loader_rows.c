/* SPDX-License-Identifier: MIT
 * data/loader_rows.c: the rows of a batch: read or taken from the cache, augmented; an image that
 * cannot be read stops the loader, is replaced by the next good row of the view (on_bad = "skip"),
 * or is left out (with a record of bad images). */
#include <string.h>

#include "base/rng.h"
#include "data/bad_images.h"
#include "data/loader_ring.h"
#include "data/preprocess.h"

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

/* Counts in the first pass only, in which each row of the view occurs once. */
static void note_losses(const duet_loader *loader, loader_slot *slot, int64_t position, int64_t row,
                        unsigned lost) {
    static const unsigned bits[LOADER_LOSSES] = {DUET_IMAGE_LOST_COLOUR, DUET_IMAGE_LOST_ALPHA};
    if (position - loader->options.start >= loader->count) return;
    for (int k = 0; k < LOADER_LOSSES; k++) {
        if ((lost & bits[k]) == 0) continue;
        if (slot->lost[k]++ == 0) slot->lost_row[k] = row;
    }
}

/* The views of a row whose image stands in its place of view 0. Those of a row draw from seeds of
 * their own; view 0 from the loader's. */
static void augment_views(const duet_loader *loader, const loader_slot *slot, uint8_t *out,
                          int64_t position) {
    const duet_preprocess *how = &loader->options.preprocess;
    for (int v = loader->options.views - 1; v >= 0; v--) {
        uint8_t *const view = out + v * loader->options.batch * loader->row_bytes;
        const uint64_t seed =
            v == 0 ? loader->options.seed
                   : duet_rng_u64(duet_rng_make(loader->options.seed, "view", (uint64_t)v), 0);
        if (v > 0) memcpy(view, out, (size_t)loader->row_bytes);
        duet_augment_chain_apply(&loader->chain, seed, (uint64_t)position, view, slot->scratch,
                                 how->size, how->channels);
    }
}

/* Reads row i of the slot behind the *filled ones before it; a bad image is left out. */
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
    augment_views(loader, slot, out, slot->position + i);
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
            augment_views(loader, slot, out, slot->position + i);
            return DUET_OK;
        }
        if (known_bad) continue;
        if (!loader->skip || duet_error_cause() != DUET_CAUSE_BAD_IMAGE) return status;
        unsigned char expected = MARK_NEW;
        if (atomic_compare_exchange_strong(&loader->mark[k], &expected,
                                           MARK_BAD)) { /* this worker was the first to find it */
            duet_str_format(&slot->notes, "%s\n", duet_error_message());
            slot->bad++;
        }
    }
    return duet_fail(DUET_FORMAT, "data set '%s': none of the %lld images of split %s can be read",
                     loader->dataset->info.name, (long long)loader->count,
                     duet_split_name(loader->split));
}

void duet_loader_fill(duet_loader *loader, loader_slot *slot) {
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
