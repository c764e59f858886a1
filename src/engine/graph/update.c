/* SPDX-License-Identifier: MIT
 * engine/graph/update.c: the updates of a graph, and the norm of a gradient. */
#include "engine/graph/graph.h"

#include <math.h>
#include <string.h>

static void *keep(duet_graph *graph, const void *from, int64_t count, size_t size) {
    void *copy = duet_arena_alloc(graph->arena, count + 1, size);
    if (copy != NULL && count > 0) memcpy(copy, from, (size_t)count * size);
    return copy;
}

void duet_graph_tail(duet_graph *graph, duet_value loss, int64_t parts) {
    graph->tail.loss = loss;
    graph->tail.parts = parts;
    graph->tail.numbers = DUET_UPDATE_FIRST;
}

void duet_graph_update(duet_graph *graph, const duet_rule *rule, const void *options, double clip,
                       const char *kind, const duet_operand *operands, int64_t count) {
    duet_tail *tail = &graph->tail;
    if (graph->status != DUET_OK) return;
    const duet_update update = {
        .rule = rule,
        .options = options != NULL ? keep(graph, options, 1, rule->info.params.options_size) : NULL,
        .clip = clip,
        .at = tail->numbers,
        .kind = kind,
        .operands = keep(graph, operands, count, sizeof *operands),
        .count = count,
    };
    tail->numbers += rule->coefficients;
    duet_status status = duet_arena_status(graph->arena);
    if (status == DUET_OK)
        status = duet_grow(&tail->updates, &tail->capacity, tail->count + 1, sizeof *tail->updates);
    if (status != DUET_OK) {
        duet_graph_fail(graph, status, "no memory for the update '%s'", rule->info.name);
        return;
    }
    tail->updates[tail->count++] = update;
}

void duet_graph_close_tail(duet_graph *graph) {
    duet_input(graph, DUET_UPDATE_INPUT, DUET_F32, 1, &graph->tail.numbers);
}

duet_update_tensor duet_update_tensor_of(const duet_shape *shape, int64_t tile, bool inner) {
    const int64_t count = duet_shape_count(shape), rows = shape->rank > 0 ? shape->dim[0] : 1;
    return (duet_update_tensor){.tile = tile,
                                .tile_count = (count + DUET_UPDATE_TILE - 1) / DUET_UPDATE_TILE,
                                .rows = rows,
                                .columns = rows > 0 ? count / rows : 0,
                                .inner = inner};
}

double duet_update_norm(const float *grad, const duet_update_tile *tiles, int64_t count,
                        double *sums, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < count; k++) {
        const float *g = grad + tiles[k].grad;
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < tiles[k].count; i++) sum += (double)g[i] * (double)g[i];
        sums[k] = sum;
    }
    double total = 0.0;
    for (int64_t k = 0; k < count; k++) total += sums[k];
    return sqrt(total);
}
