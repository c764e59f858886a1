/* SPDX-License-Identifier: MIT
 * optim/program.c: from the graph of a loss to a training step: fuse → gradient of the groups'
 * weights → recompute → bf16 → plan; tiles of at most DUET_OPTIM_TILE elements, group by group, in
 * the order of the slots. */
#include "optim/program.h"

#include <string.h>

#include "base/error.h"

typedef struct group {
    duet_choice choice;
    const duet_optim *optim; /* of the choice */
    double clip;
    duet_optim_tile *tiles;
    int64_t count, capacity;
} group;

struct duet_program {
    duet_slots *slots;
    duet_plan *plan;
    duet_session *session;
    group groups[DUET_PROGRAM_GROUPS];
    int group_count, threads;
    int64_t parts;
    double *sums;    /* [most tiles of a group] */
    float *gradient; /* sum over the parts; NULL = one part, the session has it */
};

/* Which group trains the slot; -1 = none. */
static int group_of(const duet_slots *slots, int64_t slot, const duet_program_spec *spec) {
    if (slot < 0 || slots->list[slot].role != DUET_WEIGHT) return -1;
    for (int g = 0; g < spec->group_count; g++)
        if (spec->groups[g].has == NULL || spec->groups[g].has(slots, slot, spec->groups[g].user))
            return g;
    return -1;
}

duet_status duet_program_add_slots(duet_slots *slots, const duet_graph *graph,
                                   const duet_program_spec *spec) {
    for (int m = 0; m < DUET_OPTIM_MOMENTS; m++) {
        for (int64_t i = 0; i < graph->param_count; i++) {
            const int64_t slot = duet_slots_bind(slots, &graph->params[i], &spec->options.bindings);
            const int g = group_of(slots, slot, spec);
            const duet_optim *const optim =
                g >= 0 ? duet_optim_of(spec->groups[g].optim->entry) : NULL;
            if (optim == NULL || m >= optim->moments ||
                duet_slots_beside(slots, slot, optim->moment_name[m]) >= 0)
                continue;
            DUET_TRY(duet_slots_accompany(slots, slot, DUET_MOMENT, optim->moment_name[m]));
        }
    }
    return DUET_OK;
}

/* ---- compiling ---- */

typedef struct gradients {
    duet_value *wrt, *grad; /* [params of the graph] */
    duet_plan_grad *list;
    int64_t count;
} gradients;

static void free_gradients(gradients *g) {
    duet_release(g->wrt);
    duet_release(g->grad);
    duet_release(g->list);
}

static duet_status differentiate(gradients *g, duet_graph *graph, const duet_slots *slots,
                                 const duet_program_spec *spec) {
    const int64_t count = graph->param_count;
    int64_t weights = 0;
    DUET_TRY(duet_alloc(&g->wrt, count, sizeof *g->wrt));
    DUET_TRY(duet_alloc(&g->grad, count, sizeof *g->grad));
    DUET_TRY(duet_alloc(&g->list, count, sizeof *g->list));
    for (int64_t i = 0; i < count; i++) {
        const int64_t slot = duet_slots_bind(slots, &graph->params[i], &spec->options.bindings);
        if (group_of(slots, slot, spec) < 0) continue;
        g->list[weights].slot = slot;
        g->wrt[weights++] = graph->params[i].value;
    }
    DUET_TRY(duet_grad(graph, spec->loss, g->wrt, weights, g->grad));
    for (int64_t i = 0; i < weights; i++) {
        if (g->grad[i] == DUET_NONE) continue;
        g->list[g->count++] = (duet_plan_grad){.value = g->grad[i], .slot = g->list[i].slot};
    }
    return DUET_OK;
}

/* A pass behind the gradient: gradients of parameters are kept as the outputs are. */
static duet_status run_pass(const char *name, const gradients *g, duet_graph *graph,
                            const duet_program_spec *spec) {
    duet_value *keep = NULL;
    DUET_TRY(duet_alloc(&keep, g->count + spec->output_count, sizeof *keep));
    for (int64_t i = 0; i < g->count; i++) keep[i] = g->list[i].value;
    for (int64_t i = 0; i < spec->output_count; i++) keep[g->count + i] = spec->outputs[i];
    const duet_status status = duet_pass_run(graph, name, keep, g->count + spec->output_count);
    duet_release(keep);
    return status;
}

static duet_status compile(duet_program *program, duet_graph *graph,
                           const duet_program_spec *spec) {
    duet_status status = DUET_OK;
    gradients g = {0};
    if (graph->assign_count > 0 && spec->parts > 1)
        DUET_FAIL(DUET_UNSUPPORTED,
                  "'%s' follows the statistics of a batch, so a batch cannot be computed in %lld "
                  "parts; leave 'accumulate' at 1",
                  graph->params[graph->assigns[0].param].name, (long long)spec->parts);
    DUET_DO(duet_pass_run(graph, "fuse", spec->outputs, spec->output_count));
    DUET_DO(differentiate(&g, graph, program->slots, spec));
    if (spec->recompute) DUET_DO(run_pass("recompute", &g, graph, spec));
    if (spec->bf16) DUET_DO(run_pass("bf16", &g, graph, spec));
    DUET_DO(duet_plan_new(&program->plan, graph, program->slots, spec->outputs, spec->output_count,
                          g.list, g.count, &spec->options));
    DUET_DO(duet_session_new(&program->session, program->plan, program->slots));
    duet_session_hold(program->session);
done:
    free_gradients(&g);
    return status;
}

static duet_status add_tiles(group *to, const duet_slots *slots, int64_t k, int64_t grad) {
    const duet_slot *slot = &slots->list[k];
    for (int64_t at = 0; at < slot->count; at += DUET_OPTIM_TILE) {
        const int64_t left = slot->count - at;
        DUET_TRY(duet_grow(&to->tiles, &to->capacity, to->count + 1, sizeof *to->tiles));
        duet_optim_tile *const tile = &to->tiles[to->count++];
        *tile = (duet_optim_tile){.slot = k,
                                  .weight = slot->own + at,
                                  .grad = grad + at,
                                  .count = left < DUET_OPTIM_TILE ? left : DUET_OPTIM_TILE,
                                  .decay = slot->shape.rank >= 2};
        for (int m = 0; m < to->optim->moments; m++) {
            const int64_t moment = duet_slots_beside(slots, k, to->optim->moment_name[m]);
            if (moment < 0)
                return duet_fail(DUET_NOT_FOUND, "no slot '%s' beside '%s'",
                                 to->optim->moment_name[m], slot->name);
            tile->moment[m] = slots->list[moment].own + at;
        }
    }
    return DUET_OK;
}

static duet_status make_groups(duet_program *program, const duet_program_spec *spec) {
    const duet_slots *slots = program->slots;
    int64_t most = 0, all = 0;
    for (int g = 0; g < spec->group_count; g++) {
        program->groups[g] = (group){.choice = *spec->groups[g].optim,
                                     .optim = duet_optim_of(spec->groups[g].optim->entry),
                                     .clip = spec->groups[g].clip};
    }
    for (int64_t k = 0; k < slots->count; k++) {
        const int64_t grad = duet_plan_grad_offset(program->plan, k);
        if (grad < 0) continue;
        DUET_TRY(add_tiles(&program->groups[group_of(slots, k, spec)], slots, k, grad));
    }
    for (int g = 0; g < spec->group_count; g++) {
        const int64_t count = program->groups[g].count;
        all += count;
        if (count > most) most = count;
    }
    if (all == 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "the loss does not depend on any weight that is trained");
    return duet_alloc(&program->sums, most, sizeof *program->sums);
}

duet_status duet_program_new(duet_program **out, duet_graph *graph, duet_slots *slots,
                             const duet_program_spec *spec) {
    duet_status status = DUET_OK;
    duet_program *program = NULL;
    if (spec->group_count < 1 || spec->group_count > DUET_PROGRAM_GROUPS || spec->parts < 1)
        return duet_fail(DUET_ARG, "a program has 1 to %d groups and at least one part",
                         DUET_PROGRAM_GROUPS);
    DUET_DO(duet_alloc(&program, 1, sizeof *program));
    program->slots = slots;
    program->group_count = spec->group_count;
    program->threads = spec->options.threads > 0 ? spec->options.threads : 1;
    program->parts = spec->parts;
    DUET_DO(compile(program, graph, spec));
    DUET_DO(make_groups(program, spec));
    if (spec->parts > 1)
        DUET_DO(duet_alloc(&program->gradient, duet_plan_grad_size(program->plan), sizeof(float)));
    *out = program;
    program = NULL;
done:
    duet_program_free(program);
    return status;
}

void duet_program_free(duet_program *program) {
    if (program == NULL) return;
    duet_session_free(program->session);
    duet_plan_free(program->plan);
    for (int g = 0; g < program->group_count; g++) duet_release(program->groups[g].tiles);
    duet_release(program->sums);
    duet_release(program->gradient);
    duet_release(program);
}

duet_session *duet_program_session(const duet_program *program) {
    return program->session;
}
const duet_plan *duet_program_plan(const duet_program *program) {
    return program->plan;
}

/* ---- a step ---- */

/* The gradient of a step, multiplied by its number of parts. */
static float *gradient_of(const duet_program *program) {
    return program->gradient != NULL ? program->gradient : duet_session_gradients(program->session);
}

static void add_gradient(const duet_program *program, bool first) {
    const float *restrict from = duet_session_gradients(program->session);
    float *restrict to = program->gradient;
    const int64_t count = duet_plan_grad_size(program->plan);
#pragma omp parallel for schedule(static) num_threads(program->threads)
    for (int64_t i = 0; i < count; i++) to[i] = first ? from[i] : to[i] + from[i];
}

duet_status duet_program_run(duet_program *program, int64_t part) {
    DUET_TRY(duet_session_run(program->session));
    if (program->gradient != NULL) add_gradient(program, part == 0);
    return DUET_OK;
}

double duet_program_norm(duet_program *program, int index) {
    const group *g = &program->groups[index];
    return duet_optim_norm(gradient_of(program), g->tiles, g->count, program->sums,
                           program->threads) /
           (double)program->parts;
}

void duet_program_update(duet_program *program, int index, double norm, double factor,
                         int64_t step) {
    const group *g = &program->groups[index];
    const duet_optim_call call = {
        .grad = gradient_of(program),
        .tiles = g->tiles,
        .tile_count = g->count,
        .factor = factor,
        .grad_scale =
            (g->clip > 0.0 && norm > g->clip ? g->clip / norm : 1.0) / (double)program->parts,
        .step = step,
        .threads = program->threads,
    };
    g->optim->step(&g->choice.options, &call);
    duet_slots_touch(program->slots, -1);
}

void duet_program_commit(duet_program *program) {
    duet_session_commit(program->session);
}

const char *duet_program_first_bad(const duet_program *program, bool *gradient) {
    const duet_slots *slots = program->slots;
    *gradient = false;
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        if (slot->of < 0 && slot->own != NULL && duet_optim_first_bad(slot->own, slot->count) >= 0)
            return slot->name;
    }
    *gradient = true;
    for (int g = 0; g < program->group_count; g++) {
        for (int64_t t = 0; t < program->groups[g].count; t++) {
            const duet_optim_tile *tile = &program->groups[g].tiles[t];
            if (duet_optim_first_bad(gradient_of(program) + tile->grad, tile->count) >= 0)
                return slots->list[tile->slot].name;
        }
    }
    return NULL;
}
