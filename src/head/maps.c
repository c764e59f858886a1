/* SPDX-License-Identifier: MIT
 * head/maps.c: head/maps.h. */
#include "head/maps.h"

#include "base/json.h"

enum { MOST_SIDE = 4096, MOST_CHANNELS = 1 << 24 };

static int64_t size_of(const duet_feature_map *map) {
    return map->side * map->side * map->channels;
}

duet_feature_maps duet_maps_of(const duet_feature_maps *maps, int64_t dim) {
    int64_t total = 0;
    for (int i = 0; i < maps->count; i++) total += size_of(&maps->v[i]);
    if (maps->count > 0 && total == dim) return *maps;
    return (duet_feature_maps){.count = 1, .v = {{.t = -1, .tap = 0, .side = 1, .channels = dim}}};
}

bool duet_maps_equal(const duet_feature_maps *a, const duet_feature_maps *b) {
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++)
        same = a->v[i].t == b->v[i].t && a->v[i].tap == b->v[i].tap &&
               a->v[i].side == b->v[i].side && a->v[i].channels == b->v[i].channels;
    return same;
}

duet_value duet_maps_take(duet_graph *graph, const duet_feature_maps *maps, int i, duet_value x) {
    const duet_feature_map *const map = &maps->v[i];
    int64_t begin = 0;
    for (int k = 0; k < i; k++) begin += size_of(&maps->v[k]);
    if (maps->count > 1) x = duet_slice(graph, x, begin, size_of(map));
    return duet_reshape(graph, x, 4,
                        (int64_t[]){duet_dim(graph, x, 0), map->side, map->side, map->channels});
}

json_t *duet_maps_json(const duet_feature_maps *maps) {
    json_t *list = json_array();
    for (int i = 0; i < maps->count; i++) {
        const duet_feature_map *const m = &maps->v[i];
        json_array_append_new(list, json_pack("[I,I,I,I]", (json_int_t)m->t, (json_int_t)m->tap,
                                              (json_int_t)m->side, (json_int_t)m->channels));
    }
    return list;
}

duet_feature_maps duet_maps_read(const json_t *list, int64_t dim) {
    const duet_feature_maps none = {.count = 0};
    duet_feature_maps maps = {.count = 0};
    const size_t count = json_array_size(list);
    for (size_t i = 0; i < count && count <= DUET_MOST_SETTINGS; i++) {
        json_int_t t, tap, side, channels;
        if (json_unpack(json_array_get(list, i), "[I,I,I,I]", &t, &tap, &side, &channels) != 0 ||
            side < 1 || side > MOST_SIDE || channels < 1 || channels > MOST_CHANNELS)
            return duet_maps_of(&none, dim);
        maps.v[maps.count++] = (duet_feature_map){t, tap, side, channels};
    }
    return duet_maps_of(&maps, dim);
}
