/* SPDX-License-Identifier: MIT
 * optim/program.c: from the graph of a loss to a training step: fuse → gradient of the groups'
 * weights → updates → recompute → bf16 → plan. */
#include "optim/program.h"

#include <string.h>

#include "base/error.h"
#include "engine/graph/inner.h"

struct duet_program {
    duet_slots *slots;
    duet_plan *plan;
    duet_session *session;
    duet_choice optim[DUET_PROGRAM_GROUPS];
    duet_averages averages;
    /* of the updates: one a group, that of unit rows where there are any, the averages */
    const duet_rule *rules[DUET_PROGRAM_GROUPS + 1 + DUET_AVERAGES_MOST];
    const void *options[DUET_PROGRAM_GROUPS + 1 + DUET_AVERAGES_MOST];
    int update_count;
    int64_t parts;
    duet_plan_grad *grads;
    int64_t grad_count;
};

/* Which group trains the slot; -1 = none. */
static int group_of(const duet_slots *slots, int64_t slot, const duet_program_spec *spec) {
    if (slot < 0 || slots->list[slot].role != DUET_WEIGHT) return -1;
    for (int g = 0; g < spec->group_count; g++)
        if (spec->groups[g].has == NULL || spec->groups[g].has(slots, slot, spec->groups[g].user))
            return g;
    return -1;
}

/* inner[params], to be freed: of the graph as its builder left it, where a rule asks. */
static duet_status find_inner(bool **inner, const duet_graph *graph,
                              const duet_program_spec *spec) {
    bool asks = false;
    DUET_TRY(duet_alloc(inner, graph->param_count, sizeof **inner));
    for (int g = 0; g < spec->group_count; g++)
        asks = asks || duet_optim_of(spec->groups[g].optim->entry)->inner_beside > 0;
    return asks ? duet_graph_inner(graph, spec->loss, *inner) : DUET_OK;
}

duet_status duet_program_add_slots(duet_slots *slots, const duet_graph *graph,
                                   const duet_program_spec *spec) {
    duet_status status = DUET_OK;
    bool *inner = NULL;
    DUET_DO(find_inner(&inner, graph, spec));
    for (int m = 0; m < DUET_UPDATE_BESIDE; m++) {
        for (int64_t i = 0; i < graph->param_count; i++) {
            const int64_t slot = duet_slots_bind(slots, &graph->params[i], &spec->options.bindings);
            const int g = group_of(slots, slot, spec);
            const duet_rule *const optim =
                g >= 0 ? duet_optim_of(spec->groups[g].optim->entry) : NULL;
            if (optim == NULL || m >= duet_rule_beside(optim, inner[i]) ||
                duet_slots_beside(slots, slot, optim->beside[m]) >= 0)
                continue;
            DUET_DO(duet_slots_accompany(slots, slot, DUET_MOMENT, optim->beside[m]));
        }
    }
done:
    duet_release(inner);
    return status;
}

/* ---- gradients ---- */

typedef struct gradients {
    duet_value *wrt;
    duet_value *grad; /* [params]: of the weights that are trained; DUET_NONE of others */
    int64_t *slot;    /* [params] */
    int *group;       /* [params]: that trains it; -1 = none */
    bool *inner;      /* [params]: an inner matrix */
    int64_t *param;   /* [slots]: that uses it; -1 = none */
    duet_operand *operands;
} gradients;

static void free_gradients(gradients *g) {
    duet_release(g->wrt);
    duet_release(g->grad);
    duet_release(g->slot);
    duet_release(g->group);
    duet_release(g->inner);
    duet_release(g->param);
    duet_release(g->operands);
}

static duet_status new_gradients(gradients *g, const duet_graph *graph, const duet_slots *slots,
                                 const duet_program_spec *spec) {
    const int64_t count = graph->param_count;
    DUET_TRY(duet_alloc(&g->wrt, count, sizeof *g->wrt));
    DUET_TRY(duet_alloc(&g->grad, count, sizeof *g->grad));
    DUET_TRY(duet_alloc(&g->slot, count, sizeof *g->slot));
    DUET_TRY(duet_alloc(&g->group, count, sizeof *g->group));
    DUET_TRY(duet_alloc(&g->param, slots->count, sizeof *g->param));
    DUET_TRY(duet_alloc(&g->operands, slots->count, sizeof *g->operands));
    for (int64_t k = 0; k < slots->count; k++) g->param[k] = -1;
    for (int64_t i = 0; i < count; i++) {
        g->slot[i] = duet_slots_bind(slots, &graph->params[i], &spec->options.bindings);
        g->group[i] = group_of(slots, g->slot[i], spec);
        if (g->slot[i] >= 0) g->param[g->slot[i]] = i;
    }
    return DUET_OK;
}

static duet_status differentiate(const gradients *g, duet_graph *graph, duet_program *program,
                                 const duet_program_spec *spec) {
    const int64_t count = graph->param_count;
    int64_t weights = 0;
    for (int64_t i = 0; i < count; i++)
        if (g->group[i] >= 0) g->wrt[weights++] = graph->params[i].value;
    DUET_TRY(duet_grad(graph, spec->loss, g->wrt, weights, g->grad));
    for (int64_t i = count - 1; i >= 0; i--)
        g->grad[i] = g->group[i] >= 0 ? g->grad[--weights] : DUET_NONE;
    DUET_TRY(duet_alloc(&program->grads, count, sizeof *program->grads));
    for (int64_t i = 0; i < count; i++)
        if (g->grad[i] != DUET_NONE)
            program->grads[program->grad_count++] =
                (duet_plan_grad){.value = g->grad[i], .slot = g->slot[i]};
    if (program->grad_count > 0) return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED, "the loss does not depend on any weight that is trained");
}

/* ---- updates ---- */

/* Of a group: its weights, in the order of the slots, in which norms are summed. */
static void update_group(const gradients *g, duet_graph *graph, duet_program *program,
                         const duet_program_spec *spec, int index) {
    const duet_group *group = &spec->groups[index];
    const duet_choice *choice = &program->optim[index];
    const duet_rule *const rule = duet_optim_of(choice->entry);
    int64_t count = 0;
    for (int64_t k = 0; k < program->slots->count; k++) {
        const int64_t i = g->param[k];
        if (i >= 0 && g->group[i] == index && g->grad[i] != DUET_NONE)
            g->operands[count++] = (duet_operand){graph->params[i].value, g->grad[i],
                                                  rule->inner_beside > 0 && g->inner[i]};
    }
    duet_graph_update(graph, rule, &choice->options, group->clip, NULL, g->operands, count);
}

/* Weights whose rows keep their length. */
static void update_unit(const gradients *g, duet_graph *graph, duet_program *program) {
    int64_t count = 0;
    for (int64_t k = 0; k < program->slots->count; k++) {
        const int64_t i = g->param[k];
        if (i >= 0 && graph->params[i].unit && g->grad[i] != DUET_NONE)
            g->operands[count++] = (duet_operand){graph->params[i].value, DUET_NONE, false};
    }
    if (count == 0) return;
    program->rules[program->update_count] = &duet_rule_unit;
    program->options[program->update_count++] = NULL;
    duet_graph_update(graph, &duet_rule_unit, NULL, 0.0, NULL, g->operands, count);
}

static bool is_assigned(const duet_graph *graph, int64_t param) {
    for (int64_t i = 0; i < graph->assign_count; i++)
        if (graph->assigns[i].param == param) return true;
    return false;
}

/* Average `index` of what the program changes. */
static void update_average(const gradients *g, duet_graph *graph, duet_program *program,
                           int index) {
    const duet_choice *const choice = &program->averages.list[index];
    const char *const kind = duet_average_kind(index);
    int64_t count = 0;
    for (int64_t k = 0; k < program->slots->count; k++) {
        const int64_t i = g->param[k];
        if (i >= 0 && (g->grad[i] != DUET_NONE || is_assigned(graph, i)) &&
            duet_slots_beside(program->slots, k, kind) >= 0)
            g->operands[count++] = (duet_operand){graph->params[i].value, DUET_NONE, false};
    }
    program->rules[program->update_count] = duet_average_of(choice->entry);
    program->options[program->update_count++] = &choice->options;
    duet_graph_update(graph, duet_average_of(choice->entry), &choice->options, 0.0,
                      index > 0 ? kind : NULL, g->operands, count);
}

static duet_status add_updates(const gradients *g, duet_graph *graph, duet_program *program,
                               const duet_program_spec *spec) {
    duet_graph_tail(graph, spec->loss, spec->parts);
    for (int i = 0; i < spec->group_count; i++) {
        program->optim[i] = *spec->groups[i].optim;
        program->rules[i] = duet_optim_of(program->optim[i].entry);
        program->options[i] = &program->optim[i].options;
        update_group(g, graph, program, spec, i);
    }
    program->update_count = spec->group_count;
    update_unit(g, graph, program);
    if (spec->averages != NULL) program->averages = *spec->averages;
    for (int i = 0; i < program->averages.count; i++) update_average(g, graph, program, i);
    duet_graph_close_tail(graph);
    return duet_graph_status(graph);
}

/* ---- compiling ---- */

/* A pass behind the gradient: gradients of parameters are kept as the outputs are. */
static duet_status run_pass(const char *name, const duet_program *program, duet_graph *graph,
                            const duet_program_spec *spec) {
    duet_value *keep = NULL;
    const int64_t count = program->grad_count;
    DUET_TRY(duet_alloc(&keep, count + spec->output_count + 1, sizeof *keep));
    for (int64_t i = 0; i < count; i++) keep[i] = program->grads[i].value;
    for (int64_t i = 0; i < spec->output_count; i++) keep[count + i] = spec->outputs[i];
    keep[count + spec->output_count] = spec->loss;
    const duet_status status = duet_pass_run(graph, name, keep, count + spec->output_count + 1);
    duet_release(keep);
    return status;
}

static duet_status check_spec(const duet_graph *graph, const duet_program_spec *spec) {
    const duet_comm *const comm = spec->options.comm;
    if (spec->group_count < 1 || spec->group_count > DUET_PROGRAM_GROUPS || spec->parts < 1)
        return duet_fail(DUET_ARG, "a program has 1 to %d groups and at least one part",
                         DUET_PROGRAM_GROUPS);
    if (graph->assign_count == 0 || (spec->parts == 1 && (comm == NULL || comm->size == 1)))
        return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED,
                     "'%s' follows the statistics of a batch, so a batch cannot be computed in "
                     "%lld parts; leave 'accumulate' at 1",
                     graph->params[graph->assigns[0].param].name,
                     (long long)spec->parts * (comm != NULL ? comm->size : 1));
}

static duet_status compile(duet_program *program, duet_graph *graph,
                           const duet_program_spec *spec) {
    duet_status status = DUET_OK;
    gradients g = {0};
    DUET_DO(find_inner(&g.inner, graph, spec));
    DUET_DO(duet_pass_run(graph, "fuse", spec->outputs, spec->output_count));
    DUET_DO(new_gradients(&g, graph, program->slots, spec));
    DUET_DO(differentiate(&g, graph, program, spec));
    DUET_DO(add_updates(&g, graph, program, spec));
    if (spec->recompute) DUET_DO(run_pass("recompute", program, graph, spec));
    if (spec->bf16) DUET_DO(run_pass("bf16", program, graph, spec));
    DUET_DO(duet_plan_new(&program->plan, graph, program->slots, spec->outputs, spec->output_count,
                          program->grads, program->grad_count, &spec->options));
    DUET_DO(duet_session_new(&program->session, program->plan, program->slots));
done:
    free_gradients(&g);
    return status;
}

duet_status duet_program_new(duet_program **out, duet_graph *graph, duet_slots *slots,
                             const duet_program_spec *spec) {
    duet_status status = DUET_OK;
    duet_program *program = NULL;
    DUET_TRY(check_spec(graph, spec));
    DUET_DO(duet_alloc(&program, 1, sizeof *program));
    program->slots = slots;
    program->parts = spec->parts;
    DUET_DO(compile(program, graph, spec));
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
    duet_release(program->grads);
    duet_release(program);
}

duet_session *duet_program_session(const duet_program *program) {
    return program->session;
}
const duet_plan *duet_program_plan(const duet_program *program) {
    return program->plan;
}

/* ---- a step ---- */

void duet_program_prepare(duet_program *program, int64_t part, const double *factors,
                          int64_t step) {
    float *numbers = duet_session_input(program->session, DUET_UPDATE_INPUT);
    numbers[DUET_UPDATE_ADDS] = part > 0 ? 1.0F : 0.0F;
    numbers[DUET_UPDATE_APPLIES] = part == program->parts - 1 ? 1.0F : 0.0F;
    numbers += DUET_UPDATE_FIRST;
    for (int i = 0; i < program->update_count; i++) {
        const duet_rule *rule = program->rules[i];
        if (rule->prepare != NULL)
            rule->prepare(program->options[i], rule->gradient ? factors[i] : 1.0, step, numbers);
        numbers += rule->coefficients;
    }
}

duet_status duet_program_run(duet_program *program, int64_t part, const double *factors,
                             int64_t step) {
    duet_program_prepare(program, part, factors, step);
    return duet_session_run(program->session);
}

bool duet_program_ok(const duet_program *program) {
    return duet_session_ok(program->session);
}

double duet_program_norm(const duet_program *program, int group) {
    return duet_session_norm(program->session, group);
}

const char *duet_program_first_bad(const duet_program *program, bool *gradient) {
    const duet_slots *slots = program->slots;
    const float *const block = duet_session_gradients(program->session);
    *gradient = false;
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        if (slot->of < 0 && slot->own != NULL && duet_optim_first_bad(slot->own, slot->count) >= 0)
            return slot->name;
    }
    *gradient = true;
    for (int64_t k = 0; k < slots->count; k++) {
        const int64_t at = duet_plan_grad_offset(program->plan, k);
        if (at >= 0 && block != NULL && duet_optim_first_bad(block + at, slots->list[k].count) >= 0)
            return slots->list[k].name;
    }
    return NULL;
}
