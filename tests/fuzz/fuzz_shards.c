/* SPDX-License-Identifier: MIT
 * Lists of shards: the input is the list, and beside it lies one file of tensors, "100". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <duet/store.h>

#include "fuzz/target.h"

static char folder[] = "/dev/shm/fuzz-shards-XXXXXX", list[64], shard[64];

static void remove_all(void) {
    (void)remove(list);
    (void)remove(shard);
    (void)remove(folder);
}

static void put(const char *path, const void *bytes, size_t size) {
    FILE *const file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

/* safetensors: "a" and "b", two numbers each. */
static void put_shard(void) {
    static const char header[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]}}";
    uint8_t bytes[8 + sizeof header - 1 + 16] = {0};
    const uint64_t size = sizeof header - 1;
    if (mkdtemp(folder) == NULL) abort();
    snprintf(list, sizeof list, "%s/list", folder);
    snprintf(shard, sizeof shard, "%s/100", folder);
    memcpy(bytes, &size, sizeof size);
    memcpy(bytes + 8, header, size);
    put(shard, bytes, sizeof bytes);
    (void)atexit(remove_all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    duet_store *store = NULL;
    float room[4];
    if (!ready) put_shard();
    ready = true;
    put(list, data, size);
    if (duet_store_open(&store, list) != DUET_OK) return 0;
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        if (duet_shape_count(&entry->shape) <= 4)
            (void)!duet_store_read(store, entry->name, DUET_F32, room);
        (void)duet_store_data(store, entry->name);
    }
    duet_store_close(store);
    return 0;
}
