/* SPDX-License-Identifier: MIT
 * cpu/map.h: y = f(a, b) element by element, b optional. Bound by memory: blocks of 16 Ki elements
 * in parallel, small tensors by one thread. */
#ifndef DUET_CPU_MAP_H
#define DUET_CPU_MAP_H

#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"

/* Numbers of the attributes that f needs. */
typedef struct map_values {
    float first, second;
} map_values;
static const map_values no_values = {0.0f, 0.0f};

#define BLOCK 16384

static inline int64_t count_of(const duet_run *run) {
    return duet_shape_count(&run->call->out[0].shape);
}

/* One block: y = f(a, b) by vectors; b may be NULL. */
typedef duet_vec (*binary)(duet_vec a, duet_vec b, map_values values);
typedef void (*block_map)(const duet_act *a, const duet_act *b, duet_act *y, int64_t count,
                          map_values values);

DUET_INLINE void map_block(const duet_act *a, const duet_act *b, duet_act *y, int64_t count,
                           map_values values, const binary f) {
    const duet_vec none = {0};
    int64_t e = 0;
    for (; e + DUET_LANES <= count; e += DUET_LANES) {
        act_store(y + e, f(act_load(a + e), b == NULL ? none : act_load(b + e), values));
    }
    if (e == count) return;
    const duet_vec right = b == NULL ? none : act_load_part(b + e, count - e);
    act_store_part(y + e, f(act_load_part(a + e, count - e), right, values), count - e);
}

/* A function per kind of block: through a pointer to f itself the parallel loop would call it for
 * every vector. */
#define BLOCK_MAP(name, f)                                                             \
    static void name(const duet_act *a, const duet_act *b, duet_act *y, int64_t count, \
                     map_values values) {                                              \
        map_block(a, b, y, count, values, f);                                          \
    }

static inline void map(const duet_run *run, const duet_act *a, const duet_act *b, map_values values,
                       block_map f) {
    const int64_t count = count_of(run);
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 2 * BLOCK)
    for (int64_t e = 0; e < count; e += BLOCK) {
        f(a + e, b == NULL ? NULL : b + e, y + e, count - e < BLOCK ? count - e : BLOCK, values);
    }
}

#endif
