/* SPDX-License-Identifier: MIT
 * Files of tensors of every format, which is found from the content: opened, and each tensor read.
 */
#include <stdlib.h>

#include <duet/store.h>

#include "fuzz/target.h"

enum { MOST_READ = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    duet_store *store = NULL;
    static float room[MOST_READ];
    if (duet_store_open(&store, fuzz_file(data, size)) != DUET_OK) return 0;
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        if (duet_shape_count(&entry->shape) <= MOST_READ)
            (void)!duet_store_read(store, entry->name, DUET_F32, room);
        (void)duet_store_data(store, entry->name);
    }
    (void)duet_store_metadata(store, "duet.card");
    duet_store_close(store);
    return 0;
}
