/* SPDX-License-Identifier: MIT
 * engine/graph/slots.c: parts, slots and their memory. The slots' own tensors lie in few blocks,
 * each tensor 64-byte aligned; the gaps between them are zero and stay zero. Lent tensors stay
 * where they are. */
#include "engine/graph/slots.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"

enum { ALIGN = 16 }; /* floats */

duet_status duet_slots_empty(duet_slots **out) {
    duet_status status = DUET_OK;
    duet_slots *slots = NULL;
    DUET_DO(duet_alloc(&slots, 1, sizeof *slots));
    DUET_DO(duet_arena_new(&slots->arena));
    *out = slots;
    slots = NULL;
done:
    duet_slots_free(slots);
    return status;
}

void duet_slots_free(duet_slots *slots) {
    if (slots == NULL) return;
    if (slots->mirror != NULL) slots->mirror->free(slots->mirror);
    for (int64_t i = 0; i < slots->block_count; i++) duet_release(slots->blocks[i]);
    duet_release(slots->blocks);
    duet_release(slots->list);
    duet_release(slots->parts);
    duet_arena_free(slots->arena);
    duet_release(slots);
}

/* ---- finding ---- */

static int find_part(const duet_slots *slots, const char *prefix) {
    for (int i = 0; i < (int)slots->part_count; i++)
        if (strcmp(slots->parts[i].prefix, prefix) == 0) return i;
    return -1;
}

int64_t duet_slots_find(const duet_slots *slots, const char *prefix, const char *name) {
    const int part = find_part(slots, prefix);
    for (int64_t i = 0; i < slots->count && part >= 0; i++) {
        const duet_slot *slot = &slots->list[i];
        if (slot->part == part && slot->of < 0 && strcmp(slot->name, name) == 0) return i;
    }
    return -1;
}

int64_t duet_slots_beside(const duet_slots *slots, int64_t of, const char *kind) {
    for (int64_t i = of + 1; i < slots->count; i++)
        if (slots->list[i].of == of && strcmp(slots->list[i].kind, kind) == 0) return i;
    return -1;
}

static duet_binding binding_of(const char *part, const duet_bindings *bindings) {
    for (int i = 0; bindings != NULL && i < bindings->count; i++)
        if (strcmp(bindings->list[i].part, part) == 0) return bindings->list[i];
    return (duet_binding){.part = part, .prefix = part};
}

int64_t duet_slots_bind(const duet_slots *slots, const duet_param_value *param,
                        const duet_bindings *bindings) {
    const duet_binding binding = binding_of(param->part, bindings);
    const int64_t slot = duet_slots_find(slots, binding.prefix, param->name);
    if (slot < 0 || binding.average == NULL) return slot;
    return duet_slots_beside(slots, slot, binding.average);
}

const void *duet_slot_data(const duet_slot *slot) {
    return slot->lent != NULL ? slot->lent : slot->own;
}

/* ---- adding ---- */

static duet_status add_slot(duet_slots *slots, const duet_slot *slot) {
    DUET_TRY(duet_grow(&slots->list, &slots->capacity, slots->count + 1, sizeof *slots->list));
    slots->list[slots->count] = *slot;
    slots->list[slots->count++].name = duet_arena_text(slots->arena, slot->name);
    return duet_arena_status(slots->arena);
}

static duet_status add_part(duet_slots *slots, const char *prefix, int *out) {
    *out = find_part(slots, prefix);
    if (*out >= 0) return DUET_OK;
    DUET_TRY(duet_grow(&slots->parts, &slots->part_capacity, slots->part_count + 1,
                       sizeof *slots->parts));
    *out = (int)slots->part_count;
    slots->parts[slots->part_count++] =
        (duet_part){.prefix = duet_arena_text(slots->arena, prefix), .version = 1};
    return duet_arena_status(slots->arena);
}

/* Two graphs ask for one tensor: is it the same? */
static duet_status check_same(const duet_slot *slot, const duet_shape *shape, duet_role role) {
    char have[96], want[96];
    if (!duet_shape_equal(&slot->shape, shape))
        return duet_fail(DUET_SHAPE,
                         "two networks share '%s', which is %s in one and %s in the "
                         "other",
                         slot->name, duet_shape_text(&slot->shape, have),
                         duet_shape_text(shape, want));
    if (slot->role != role)
        return duet_fail(DUET_ARG,
                         "two networks share '%s', which has another role in each: weight, state "
                         "or constant",
                         slot->name);
    return DUET_OK;
}

duet_status duet_slots_add(duet_slots *slots, const duet_graph *graph,
                           const duet_bindings *bindings) {
    DUET_TRY(duet_graph_status(graph));
    for (int64_t i = 0; i < graph->param_count; i++) {
        const duet_param_value *param = &graph->params[i];
        const duet_shape *shape = &graph->values[param->value].arg.shape;
        const char *const prefix = binding_of(param->part, bindings).prefix;
        const int64_t found = duet_slots_find(slots, prefix, param->name);
        if (found >= 0) {
            DUET_TRY(check_same(&slots->list[found], shape, param->role));
            continue;
        }
        duet_slot slot = {.name = param->name,
                          .role = param->role,
                          .of = -1,
                          .init = param->init,
                          .shape = *shape,
                          .dtype = DUET_F32,
                          .count = duet_shape_count(shape)};
        DUET_TRY(add_part(slots, prefix, &slot.part));
        DUET_TRY(add_slot(slots, &slot));
    }
    return DUET_OK;
}

duet_status duet_slots_accompany(duet_slots *slots, int64_t of, duet_role role, const char *kind) {
    const duet_slot *to = &slots->list[of];
    const duet_slot slot = {.name = to->name,
                            .part = to->part,
                            .role = role,
                            .of = of,
                            .kind = duet_arena_text(slots->arena, kind),
                            .shape = to->shape,
                            .dtype = DUET_F32,
                            .count = to->count};
    return add_slot(slots, &slot);
}

/* ---- memory ---- */

duet_status duet_slots_pull(duet_slots *slots) {
    return slots->mirror != NULL ? slots->mirror->pull(slots->mirror, slots) : DUET_OK;
}

void duet_slots_lend(duet_slots *slots, int64_t slot, duet_dtype dtype, const void *content) {
    slots->list[slot].dtype = dtype;
    slots->list[slot].lent = content;
}

static bool needs_memory(const duet_slot *slot) {
    return slot->lent == NULL && slot->own == NULL;
}

static int64_t room_of(const duet_slot *slot) {
    return (slot->count + ALIGN - 1) / ALIGN * ALIGN;
}

duet_status duet_slots_alloc(duet_slots *slots) {
    int64_t size = 0;
    float *block = NULL;
    for (int64_t i = 0; i < slots->count; i++)
        if (needs_memory(&slots->list[i])) size += room_of(&slots->list[i]);
    DUET_TRY(duet_grow(&slots->blocks, &slots->block_capacity, slots->block_count + 1,
                       sizeof *slots->blocks));
    DUET_TRY(duet_alloc(&block, size, sizeof *block));
    slots->blocks[slots->block_count++] = block;
    for (int64_t i = 0; i < slots->count; i++) {
        duet_slot *slot = &slots->list[i];
        if (!needs_memory(slot)) continue;
        slot->own = block;
        block += room_of(slot);
    }
    return DUET_OK;
}

duet_status duet_slots_copy(duet_slots *slots, const char *prefix, const duet_slots *from,
                            bool more) {
    const int part = find_part(slots, prefix);
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *to = &slots->list[k];
        if (to->part != part || to->of >= 0 || to->lent != NULL) continue;
        const int64_t at = duet_slots_find(from, "", to->name);
        if (at < 0 && more) continue;
        if (at < 0 || from->list[at].count != to->count)
            return duet_fail(DUET_FORMAT, "the weights '%s' are missing, or have another size",
                             to->name);
        duet_convert(to->own, DUET_F32, duet_slot_data(&from->list[at]), from->list[at].dtype,
                     to->count);
    }
    return DUET_OK;
}

duet_status duet_slots_describe(duet_slots **out, const duet_graph *graph) {
    duet_status status = DUET_OK;
    duet_slots *slots = NULL;
    DUET_DO(duet_slots_empty(&slots));
    DUET_DO(duet_slots_add(slots, graph, NULL));
    *out = slots;
    slots = NULL;
done:
    duet_slots_free(slots);
    return status;
}

duet_status duet_slots_new(duet_slots **out, const duet_graph *graph) {
    duet_slots *slots = NULL;
    DUET_TRY(duet_slots_describe(&slots, graph));
    const duet_status status = duet_slots_alloc(slots);
    if (status != DUET_OK) {
        duet_slots_free(slots);
        return status;
    }
    *out = slots;
    return DUET_OK;
}

/* ---- content ---- */

void duet_slots_touch(duet_slots *slots, int part) {
    for (int i = 0; i < (int)slots->part_count; i++)
        if (part < 0 || part == i) slots->parts[i].version++;
}

uint64_t duet_slots_version(const duet_slots *slots) {
    uint64_t sum = 0; /* versions only grow */
    for (int64_t i = 0; i < slots->part_count; i++) sum += slots->parts[i].version;
    return sum;
}

static void fill(float *x, int64_t count, float value) {
    for (int64_t i = 0; i < count; i++) x[i] = value;
}

static void uniform(float *x, int64_t count, duet_rng rng, double bound) {
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)((2.0 * duet_rng_uniform(rng, (uint64_t)i) - 1.0) * bound);
}

void duet_slots_init(duet_slots *slots, uint64_t seed, bool random_reader) {
    for (int64_t i = 0; i < slots->count; i++) {
        const duet_slot *slot = &slots->list[i];
        float *x = slot->own;
        if (slot->of >= 0 || x == NULL) continue;
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
    duet_slots_touch(slots, -1);
}
