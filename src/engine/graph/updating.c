/* SPDX-License-Identifier: MIT
 * engine/graph/updating.c: runs the updates of a session on host memory, in the order of update.h.
 */
#include "engine/graph/updating.h"

#include <math.h>

#include "base/error.h"

/* ---- tiles ---- */

static duet_status find_beside(const duet_updating *u, const duet_plan_update *update, int64_t k,
                               int count, float **beside) {
    for (int m = 0; m < count; m++) {
        const char *const kind = update->kind != NULL ? update->kind : update->rule->beside[m];
        const int64_t at = duet_slots_beside(u->slots, k, kind);
        if (at < 0)
            return duet_fail(DUET_NOT_FOUND, "no slot '%s' beside '%s'", kind,
                             u->slots->list[k].name);
        beside[m] = u->slots->list[at].own;
    }
    return DUET_OK;
}

/* Slot number i of update `index`. */
static duet_status add_slot(duet_updating *u, int64_t index, int64_t i) {
    const duet_plan_update *update = &u->plan->updates[index];
    const duet_rule *rule = update->rule;
    const int64_t k = update->slots[i], grad = duet_plan_grad_offset(u->plan, k);
    const duet_slot *slot = &u->slots->list[k];
    const int count = duet_rule_beside(rule, update->inner[i]);
    duet_tiles *to = &u->tiles[index];
    float *beside[DUET_UPDATE_BESIDE] = {NULL};
    DUET_TRY(find_beside(u, update, k, count, beside));
    to->tensors[i] = duet_update_tensor_of(&slot->shape, to->count, update->inner[i]);
    for (int64_t at = 0; at < slot->count; at += DUET_UPDATE_TILE) {
        const int64_t left = slot->count - at;
        DUET_TRY(duet_grow(&to->list, &to->capacity, to->count + 1, sizeof *to->list));
        duet_update_tile *const tile = &to->list[to->count++];
        *tile = (duet_update_tile){.slot = k,
                                   .weight = slot->own + at,
                                   .grad = rule->gradient ? grad + at : 0,
                                   .count = left < DUET_UPDATE_TILE ? left : DUET_UPDATE_TILE,
                                   .decay = slot->shape.rank >= 2,
                                   .averaged = duet_role_averaged(slot->role),
                                   .inner = update->inner[i]};
        for (int m = 0; m < count; m++) tile->beside[m] = beside[m] + at;
    }
    return DUET_OK;
}

static duet_status add_slots(duet_updating *u, int64_t index) {
    const duet_plan_update *update = &u->plan->updates[index];
    DUET_TRY(duet_alloc(&u->tiles[index].tensors, update->count, sizeof *u->tiles[index].tensors));
    for (int64_t i = 0; i < update->count; i++) {
        const int64_t k = update->slots[i];
        if (update->rule->gradient && duet_plan_grad_offset(u->plan, k) < 0)
            return duet_fail(DUET_NOT_FOUND, "'%s' is updated but has no gradient",
                             u->slots->list[k].name);
        if (u->slots->list[k].own == NULL)
            return duet_fail(DUET_ARG, "'%s' is lent, so it cannot be changed",
                             u->slots->list[k].name);
        DUET_TRY(add_slot(u, index, i));
    }
    return DUET_OK;
}

/* Rules run one after the other. */
static duet_status add_scratch(duet_updating *u) {
    int64_t most = 0;
    for (int64_t i = 0; i < u->plan->update_count; i++) {
        const duet_plan_update *update = &u->plan->updates[i];
        if (update->rule->scratch == NULL) continue;
        const int64_t room =
            update->rule->scratch(u->tiles[i].tensors, update->count, u->plan->options.threads);
        if (room > most) most = room;
    }
    return most > 0 ? duet_alloc(&u->scratch, most, sizeof *u->scratch) : DUET_OK;
}

duet_status duet_updating_open(duet_updating *u, const duet_plan *plan, duet_slots *slots) {
    int64_t most = 0;
    *u = (duet_updating){.plan = plan, .slots = slots, .finite = true};
    if (plan->update_count == 0) return DUET_OK;
    DUET_TRY(duet_alloc(&u->tiles, plan->update_count, sizeof *u->tiles));
    DUET_TRY(duet_alloc(&u->norms, plan->update_count, sizeof *u->norms));
    for (int64_t i = 0; i < plan->update_count; i++) {
        DUET_TRY(add_slots(u, i));
        if (u->tiles[i].count > most) most = u->tiles[i].count;
    }
    DUET_TRY(duet_alloc(&u->sums, most, sizeof *u->sums));
    DUET_TRY(add_scratch(u));
    return plan->parts > 1 ? duet_alloc(&u->total, plan->grad_size, sizeof *u->total) : DUET_OK;
}

void duet_updating_close(duet_updating *u) {
    for (int64_t i = 0; u->tiles != NULL && i < u->plan->update_count; i++) {
        duet_release(u->tiles[i].list);
        duet_release(u->tiles[i].tensors);
    }
    duet_release(u->tiles);
    duet_release(u->norms);
    duet_release(u->sums);
    duet_release(u->scratch);
    duet_release(u->total);
}

/* ---- a step ---- */

static void add_gradient(const duet_updating *u, const float *restrict from, bool adds) {
    float *restrict to = u->total;
    const int64_t count = u->plan->grad_size;
#pragma omp parallel for schedule(static) num_threads(u->plan->options.threads)
    for (int64_t i = 0; i < count; i++) to[i] = adds ? to[i] + from[i] : from[i];
}

/* Sums over the ranks; how many of them have a loss that is not finite is summed too. */
static duet_status reduce(duet_updating *u, float *gradient) {
    const duet_comm *comm = u->plan->options.comm;
    float bad = u->finite ? 0.0F : 1.0F;
    DUET_TRY(comm->all_reduce(comm->user, gradient, u->plan->grad_size));
    DUET_TRY(comm->all_reduce(comm->user, &bad, 1));
    u->finite = bad == 0.0F;
    return DUET_OK;
}

static double runs_of(const duet_plan *plan) {
    return (double)plan->parts *
           (double)(plan->options.comm != NULL ? plan->options.comm->size : 1);
}

static void take_norms(duet_updating *u, const float *gradient) {
    u->ok = u->finite;
    for (int64_t i = 0; i < u->plan->update_count; i++) {
        if (!u->plan->updates[i].rule->gradient) continue;
        u->norms[i] = duet_update_norm(gradient, u->tiles[i].list, u->tiles[i].count, u->sums,
                                       u->plan->options.threads) /
                      runs_of(u->plan);
        u->ok = u->ok && isfinite(u->norms[i]);
    }
}

static void touch(const duet_updating *u, int64_t index) {
    const duet_plan_update *update = &u->plan->updates[index];
    int last = -1;
    for (int64_t i = 0; i < update->count; i++) {
        const int part = u->slots->list[update->slots[i]].part;
        if (part != last) duet_slots_touch(u->slots, part);
        last = part;
    }
}

static void run_rules(duet_updating *u, bool gradient, const float *block, const float *numbers) {
    for (int64_t i = 0; i < u->plan->update_count; i++) {
        const duet_plan_update *update = &u->plan->updates[i];
        if (update->rule->gradient != gradient) continue;
        const double clip =
            update->clip > 0.0 && u->norms[i] > update->clip ? update->clip / u->norms[i] : 1.0;
        const duet_update_call call = {.grad = block,
                                       .tiles = u->tiles[i].list,
                                       .tile_count = u->tiles[i].count,
                                       .tensors = u->tiles[i].tensors,
                                       .tensor_count = update->count,
                                       .scratch = u->scratch,
                                       .scale = (float)(clip / runs_of(u->plan)),
                                       .coefficients = numbers + update->at,
                                       .threads = u->plan->options.threads};
        update->rule->run(&call);
        touch(u, i);
    }
}

duet_status duet_updating_run(duet_updating *u, float loss, float *gradient, const float *numbers) {
    const bool adds = numbers[DUET_UPDATE_ADDS] != 0.0F,
               applies = numbers[DUET_UPDATE_APPLIES] != 0.0F;
    u->ok = false;
    u->finite = isfinite(loss) && (u->finite || !adds);
    if (u->total != NULL) add_gradient(u, gradient, adds);
    if (!applies) return DUET_OK;
    float *const sum = u->total != NULL ? u->total : gradient;
    if (u->plan->options.comm != NULL) DUET_TRY(reduce(u, sum));
    take_norms(u, sum);
    if (u->ok) run_rules(u, true, sum, numbers);
    return DUET_OK;
}

void duet_updating_average(duet_updating *u, const float *numbers) {
    if (u->ok) run_rules(u, false, NULL, numbers);
}
