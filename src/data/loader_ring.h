/* SPDX-License-Identifier: MIT
 * data/loader_ring.h: the state of a loader: a ring of batches between its workers and its
 * consumer, and what they share about the rows of the view. data/loader.c moves batches through the
 * ring, data/loader_rows.c fills them. */
#ifndef DUET_DATA_LOADER_RING_H
#define DUET_DATA_LOADER_RING_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"
#include "data/augment/augment.h"
#include "data/dataset/dataset.h"

/* What an image may lose when it is read. */
enum { LOADER_LOST_COLOUR, LOADER_LOST_ALPHA, LOADER_LOSSES };

/* Of a row: not read yet, being copied into the cache, in the cache, or known as bad. */
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
    int64_t bad;          /* how many of them */
    /* images of the first pass that lost something, and one of them */
    int64_t lost[LOADER_LOSSES], lost_row[LOADER_LOSSES];
} loader_slot;

struct duet_loader {
    duet_context *ctx;
    const duet_dataset *dataset;
    duet_split split;
    int64_t *view, *order; /* the view's rows; order of the epoch being claimed */
    int64_t count, epoch;  /* rows of the view; epoch of `order` */
    duet_loader_options options;
    duet_augment_chain chain;
    bool skip;
    int64_t row_bytes;
    uint8_t *cache;     /* [count] rows, or NULL */
    atomic_uchar *mark; /* [count] marks */
    loader_slot *slots;
    int64_t depth, claimed, delivered, next_position; /* batches; position of the next claim */
    loader_slot *held;                                /* the slot that the consumer has */
    pthread_t *threads;
    int started;
    bool stop, synced;
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    int64_t skipped;
    int64_t lost[LOADER_LOSSES]; /* of the first pass */
};

/* Fills the claimed slot: reads its rows, in order, and augments them. Called by a worker without
 * the lock. The status is in the slot. */
void duet_loader_fill(duet_loader *loader, loader_slot *slot);

#endif
