/* SPDX-License-Identifier: MIT
 * data/bad_images.c: rows whose image cannot be read, sorted by split and index, with the message
 * of each. */
#include "data/bad_images.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

typedef struct bad_row {
    int64_t index;
    char *reason;
    duet_split split;
} bad_row;

struct duet_bad_images {
    pthread_mutex_t lock;
    bad_row *rows;
    int64_t count, capacity;
};

duet_status duet_bad_images_new(duet_bad_images **out) {
    duet_bad_images *bad = NULL;
    DUET_TRY(duet_alloc(&bad, 1, sizeof *bad));
    if (pthread_mutex_init(&bad->lock, NULL) != 0) {
        duet_release(bad);
        return duet_fail(DUET_NO_MEMORY, "out of memory for a lock");
    }
    *out = bad;
    return DUET_OK;
}

void duet_bad_images_free(duet_bad_images *bad) {
    if (bad == NULL) return;
    for (int64_t i = 0; i < bad->count; i++) duet_release(bad->rows[i].reason);
    duet_release(bad->rows);
    pthread_mutex_destroy(&bad->lock);
    duet_release(bad);
}

/* The position at which the row is, or would be inserted. The caller holds the lock. */
static int64_t place_of(const duet_bad_images *bad, duet_split split, int64_t index) {
    int64_t low = 0, high = bad->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const bad_row *row = &bad->rows[middle];
        if (row->split < split || (row->split == split && row->index < index))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const duet_bad_images *bad, int64_t place, duet_split split, int64_t index) {
    return place < bad->count && bad->rows[place].split == split && bad->rows[place].index == index;
}

static duet_status insert(duet_bad_images *bad, int64_t place, duet_split split, int64_t index) {
    const char *message = duet_error_message();
    const size_t size = strlen(message) + 1;
    char *reason = NULL;
    DUET_TRY(duet_alloc(&reason, (int64_t)size, 1));
    memcpy(reason, message, size);
    const duet_status status =
        duet_grow(&bad->rows, &bad->capacity, bad->count + 1, sizeof *bad->rows);
    if (status != DUET_OK) {
        duet_release(reason);
        return status;
    }
    memmove(&bad->rows[place + 1], &bad->rows[place],
            (size_t)(bad->count - place) * sizeof *bad->rows);
    bad->rows[place] = (bad_row){.split = split, .index = index, .reason = reason};
    bad->count++;
    return DUET_OK;
}

duet_status duet_bad_images_add(duet_bad_images *bad, duet_split split, int64_t index) {
    pthread_mutex_lock(&bad->lock);
    const int64_t place = place_of(bad, split, index);
    const duet_status status =
        stands_at(bad, place, split, index) ? DUET_OK : insert(bad, place, split, index);
    pthread_mutex_unlock(&bad->lock);
    return status;
}

duet_status duet_bad_images_take(duet_bad_images *bad, duet_split split, int64_t index,
                                 duet_status status) {
    if (status == DUET_OK || bad == NULL || duet_error_cause() != DUET_CAUSE_BAD_IMAGE)
        return status;
    return duet_bad_images_add(bad, split, index);
}

const char *duet_bad_images_reason(duet_bad_images *bad, duet_split split, int64_t index) {
    if (bad == NULL) return NULL;
    pthread_mutex_lock(&bad->lock);
    const int64_t place = place_of(bad, split, index);
    const char *reason = stands_at(bad, place, split, index) ? bad->rows[place].reason : NULL;
    pthread_mutex_unlock(&bad->lock);
    return reason;
}

int64_t duet_bad_images_count(duet_bad_images *bad, duet_split split) {
    if (bad == NULL) return 0;
    pthread_mutex_lock(&bad->lock);
    const int64_t count = place_of(bad, split, INT64_MAX) - place_of(bad, split, -1);
    pthread_mutex_unlock(&bad->lock);
    return count;
}

const char *duet_bad_images_first(duet_bad_images *bad) {
    if (bad == NULL) return "";
    pthread_mutex_lock(&bad->lock);
    const char *reason = bad->count > 0 ? bad->rows[0].reason : "";
    pthread_mutex_unlock(&bad->lock);
    return reason;
}

duet_status duet_bad_images_without(duet_view *out, duet_bad_images *bad, const duet_view *in) {
    duet_view view = {.split = in->split};
    DUET_TRY(duet_alloc(&view.index, in->count, sizeof *view.index));
    for (int64_t i = 0; i < in->count; i++)
        if (duet_bad_images_reason(bad, in->split, in->index[i]) == NULL)
            view.index[view.count++] = in->index[i];
    *out = view;
    return DUET_OK;
}
