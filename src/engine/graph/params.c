/* SPDX-License-Identifier: MIT
 * engine/graph/params.c: the parameter block: all tensors of a model in one allocation, each
 * 64-byte aligned, so that optimisers, EMA and checkpoints run over one array. Gaps are zero and
 * stay zero. Lent tensors stay where they are. */
#include "engine/graph/plan.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"

enum { ALIGN = 16 }; /* floats */

duet_status duet_params_describe(duet_params **out, const duet_graph *graph) {
    duet_status status = DUET_OK;
    duet_params *params = NULL;
    DUET_TRY(duet_graph_status(graph));
    DUET_DO(duet_alloc(&params, 1, sizeof *params));
    DUET_DO(duet_arena_new(&params->arena));
    params->slots = duet_arena_alloc(params->arena, graph->param_count + 1, sizeof *params->slots);
    DUET_DO(duet_arena_status(params->arena));
    for (int64_t i = 0; i < graph->param_count; i++) {
        const duet_param_value *from = &graph->params[i];
        const duet_shape *shape = &graph->values[from->value].arg.shape;
        const int64_t count = duet_shape_count(shape);
        params->slots[i] = (duet_param_slot){.name = duet_arena_text(params->arena, from->name),
                                             .role = from->role,
                                             .init = from->init,
                                             .shape = *shape,
                                             .dtype = DUET_F32,
                                             .count = count};
    }
    params->count = graph->param_count;
    params->version = 1;
    DUET_DO(duet_arena_status(params->arena));
    *out = params;
    params = NULL;
done:
    duet_params_free(params);
    return status;
}

void duet_params_lend(duet_params *params, int64_t slot, duet_dtype dtype, const void *content) {
    params->slots[slot].dtype = dtype;
    params->slots[slot].lent = content;
}

duet_status duet_params_alloc(duet_params *params) {
    params->size = 0;
    for (int64_t i = 0; i < params->count; i++) {
        duet_param_slot *slot = &params->slots[i];
        if (slot->lent != NULL) continue;
        slot->offset = params->size;
        params->size += (slot->count + ALIGN - 1) / ALIGN * ALIGN;
    }
    return duet_alloc(&params->block, params->size, sizeof *params->block);
}

const void *duet_params_data(const duet_params *params, const duet_param_slot *slot) {
    return slot->lent != NULL ? slot->lent : params->block + slot->offset;
}

duet_status duet_params_new(duet_params **out, const duet_graph *graph) {
    duet_params *params = NULL;
    DUET_TRY(duet_params_describe(&params, graph));
    const duet_status status = duet_params_alloc(params);
    if (status != DUET_OK) {
        duet_params_free(params);
        return status;
    }
    *out = params;
    return DUET_OK;
}

void duet_params_free(duet_params *params) {
    if (params == NULL) return;
    duet_release(params->block);
    duet_arena_free(params->arena);
    duet_release(params);
}

const duet_param_slot *duet_params_slot(const duet_params *params, const char *name) {
    for (int64_t i = 0; i < params->count; i++)
        if (strcmp(params->slots[i].name, name) == 0) return &params->slots[i];
    return NULL;
}

void duet_params_touch(duet_params *params) {
    params->version++;
}

static void fill(float *x, int64_t count, float value) {
    for (int64_t i = 0; i < count; i++) x[i] = value;
}

static void uniform(float *x, int64_t count, duet_rng rng, double bound) {
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)((2.0 * duet_rng_uniform(rng, (uint64_t)i) - 1.0) * bound);
}

void duet_params_init(duet_params *params, uint64_t seed, bool random_reader) {
    for (int64_t i = 0; i < params->count; i++) {
        const duet_param_slot *slot = &params->slots[i];
        float *x = params->block + slot->offset;
        const duet_rng rng = duet_rng_make(seed, slot->name, 0);
        if (random_reader && slot->init.random_scale > 0) {
            uniform(x, slot->count, rng, slot->init.random_scale);
            continue;
        }
        switch (slot->init.kind) {
        case DUET_INIT_ZERO:
            fill(x, slot->count, 0.0f);
            break;
        case DUET_INIT_ONE:
            fill(x, slot->count, 1.0f);
            break;
        case DUET_INIT_UNIFORM:
            uniform(x, slot->count, rng, slot->init.scale);
            break;
        case DUET_INIT_NORMAL:
            duet_rng_normal(rng, 0, x, slot->count);
            for (int64_t j = 0; j < slot->count; j++) x[j] *= (float)slot->init.scale;
            break;
        }
    }
    duet_params_touch(params);
}
