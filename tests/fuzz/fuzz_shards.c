/* SPDX-License-Identifier: MIT
 * Lists of shards: the input is the list, and beside it lies one file of tensors, "100". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <duet/store.h>

#include "fuzz/target.h"

enum { SHARD = 100 };

/* safetensors: "a" and "b", two numbers each. The input is a file in memory, whose folder holds the
 * open files by their numbers. */
static void put_shard(void) {
    static const char header[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]}}";
    static const float values[4] = {1, 2, 3, 4};
    const uint64_t size = sizeof header - 1;
    const int file = memfd_create("shard", 0);
    if (file < 0 || dup2(file, SHARD) != SHARD || close(file) != 0 ||
        write(SHARD, &size, sizeof size) != (ssize_t)sizeof size ||
        write(SHARD, header, size) != (ssize_t)size ||
        write(SHARD, values, sizeof values) != (ssize_t)sizeof values)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    duet_store *store = NULL;
    float room[4];
    if (!ready) put_shard();
    ready = true;
    if (duet_store_open(&store, fuzz_file(data, size)) != DUET_OK) return 0;
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        if (duet_shape_count(&entry->shape) <= 4)
            (void)!duet_store_read(store, entry->name, DUET_F32, room);
        (void)duet_store_data(store, entry->name);
    }
    duet_store_close(store);
    return 0;
}
