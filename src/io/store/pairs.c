/* SPDX-License-Identifier: MIT
 * io/store/pairs.c: see pairs.h. */
#include "io/store/pairs.h"

#include <string.h>

#include "base/error.h"

/* Makes room for `more` pairs after the present ones. */
static duet_status make_room(duet_store *store, int64_t more) {
    duet_store_pair *const pairs =
        duet_arena_alloc(store->arena, store->pair_count + more + 1, sizeof *pairs);
    DUET_TRY(duet_arena_status(store->arena));
    if (store->pair_count > 0)
        memcpy(pairs, store->pairs, (size_t)store->pair_count * sizeof *pairs);
    store->pairs = pairs;
    return DUET_OK;
}

static duet_status put(duet_store *store, const char *key, const char *value) {
    store->pairs[store->pair_count] = (duet_store_pair){
        .key = duet_arena_text(store->arena, key), .value = duet_arena_text(store->arena, value)};
    DUET_TRY(duet_arena_status(store->arena));
    store->pair_count++;
    return DUET_OK;
}

duet_status duet_pairs_add(duet_store *store, const char *key, const char *value) {
    DUET_TRY(make_room(store, 1));
    return put(store, key, value);
}

duet_status duet_pairs_read(duet_store *store, const json_t *object) {
    DUET_TRY(make_room(store, (int64_t)json_object_size(object)));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (!json_is_string(value))
            return duet_fail(DUET_FORMAT, "metadata key '%s' is not a text", key);
        DUET_TRY(put(store, key, json_string_value(value)));
    }
    return DUET_OK;
}

duet_status duet_pairs_json(json_t **out, const duet_store_pair *pairs, int64_t count) {
    duet_status status = DUET_OK;
    json_t *object = json_object();
    if (object == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory in jansson");
    for (int64_t i = 0; i < count; i++) {
        if (json_object_get(object, pairs[i].key) != NULL)
            DUET_FAIL(DUET_ARG, "metadata key '%s' is given twice", pairs[i].key);
        if (json_object_set_new(object, pairs[i].key, json_string(pairs[i].value)) != 0)
            DUET_FAIL(DUET_ARG, "metadata '%s' is not valid UTF-8", pairs[i].key);
    }
    *out = object;
    object = NULL;
done:
    json_decref(object);
    return status;
}
