/* SPDX-License-Identifier: MIT
 * text_backend.c: see text_backend.h. One line of text is one instruction; the language is that of
 * engine/graph/text.h. */
#include "text_backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/graph/slots.h"
#include "optim/average/average.h"
#include "optim/optim.h"

enum { VALUES = 1 << 16, NODES = 1 << 14, ENDS = 256, UPDATES = 16 };

text_counts text_backend_counts;

/* ---- what the text says ---- */

typedef struct place { /* where a value lives */
    int64_t slot;      /* a parameter; -1 = memory of the session */
    duet_arg arg;
    char name[64]; /* of inputs */
} place;

typedef struct node {
    duet_call call;
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
} node;

typedef struct update {
    const duet_rule *rule;
    double clip;
    char kind[16]; /* of the slots beside; empty = the rule's */
    int64_t at, count;
    int64_t *slots;
    duet_value *gradients;
    bool *inner;
} update;

typedef struct program {
    duet_arena *arena;
    place *places; /* [VALUES] */
    node *nodes;   /* [NODES] */
    int64_t value_count, node_count, state_count, output_count, update_count;
    struct {
        int64_t slot;
        duet_value value;
    } states[ENDS];
    duet_value outputs[ENDS], loss, numbers;
    int64_t parts, ranks;
    update updates[UPDATES];
} program;

static duet_status bad(const char *line) {
    return duet_fail(DUET_FORMAT, "the text has a line that is not understood: '%.200s'", line);
}

static duet_status read_arg(duet_arg *out, const char *type, const char *shape) {
    *out = (duet_arg){.dtype = strcmp(type, "i32") == 0 ? DUET_I32 : DUET_F32};
    if (strcmp(type, "i32") != 0 && strcmp(type, "f32") != 0)
        return duet_fail(DUET_UNSUPPORTED, "the test backend has no %s", type);
    for (const char *at = shape; *at != '\0'; at += *at == 'x') {
        char *end = NULL;
        out->shape.dim[out->shape.rank++] = strtoll(at, &end, 10);
        if (end == at) return bad(shape);
        at = end;
    }
    return DUET_OK;
}

/* "%3,-,%7" */
static int read_values(duet_value *out, char *text) {
    char *rest = NULL;
    int count = 0;
    for (char *one = strtok_r(text, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        out[count++] = one[0] == '-' ? DUET_NONE : (duet_value)atoi(one + 1);
    return count;
}

/* "{a=1 b=2/3}": attributes of an op. */
static duet_status read_options(const duet_entry *entry, void *options, char *text) {
    char *rest = NULL;
    duet_params_default(&entry->params, options);
    for (char *one = strtok_r(text, " ", &rest); one != NULL; one = strtok_r(NULL, " ", &rest)) {
        char *const value = strchr(one, '=');
        if (value == NULL) return bad(one);
        *value = '\0';
        DUET_TRY(duet_params_set(&entry->params, options, entry->name, one, value + 1));
    }
    return DUET_OK;
}

static place *new_place(program *p, duet_value value) {
    if (value >= p->value_count) p->value_count = value + 1;
    p->places[value].slot = -1;
    return &p->places[value];
}

static duet_status read_node(program *p, char *line) {
    char op[64] = "", outs[128] = "", ins[256] = "";
    int used = 0;
    char *const open = strchr(line, '{'), *const close = strchr(line, '}'),
                *const scope = close != NULL ? strchr(close, '@') : NULL;
    if (open == NULL || scope == NULL ||
        sscanf(line, "node %63s %127s = %255s %n", op, outs, ins, &used) != 3 ||
        p->node_count == NODES)
        return bad(line);
    node *n = &p->nodes[p->node_count++];
    n->call.op = duet_op_find(op);
    if (n->call.op == NULL) return bad(line);
    const duet_param_table *table = &n->call.op->info.params;
    void *attr = duet_arena_alloc(p->arena, 1, table->options_size + 1);
    *close = scope[-1] = '\0';
    n->call.scope = duet_arena_text(p->arena, scope + 1);
    DUET_TRY(duet_arena_status(p->arena));
    DUET_TRY(read_options(&n->call.op->info, attr, open + 1));
    n->call.attr = attr;
    n->call.inputs = n->call.op->inputs;
    n->call.outputs = read_values(n->out, outs);
    (void)read_values(n->in, ins);
    for (int k = 0; k < n->call.inputs; k++) {
        n->call.has_in[k] = n->in[k] != DUET_NONE;
        if (n->call.has_in[k]) n->call.in[k] = p->places[n->in[k]].arg;
    }
    char *rest = NULL, *type = strtok_r(close + 1, " ,", &rest);
    for (int k = 0; k < n->call.outputs && type != NULL; k++) {
        char *const shape = strchr(type, ':');
        if (shape == NULL) return bad(type);
        *shape = '\0';
        DUET_TRY(read_arg(&n->call.out[k], type, shape + 1));
        n->call.has_out[k] = n->out[k] != DUET_NONE;
        if (n->call.has_out[k]) new_place(p, n->out[k])->arg = n->call.out[k];
        type = strtok_r(NULL, " ,", &rest);
    }
    return DUET_OK;
}

static const duet_rule *rule_of(const char *name) {
    if (strcmp(name, duet_rule_unit.info.name) == 0) return &duet_rule_unit;
    for (int i = 0; i < duet_family_average.count; i++)
        if (strcmp(duet_family_average.entries[i]->name, name) == 0)
            return duet_average_of(duet_family_average.entries[i]);
    for (int i = 0; i < duet_family_optim.count; i++)
        if (strcmp(duet_family_optim.entries[i]->name, name) == 0)
            return duet_optim_of(duet_family_optim.entries[i]);
    return NULL;
}

static duet_status read_update(program *p, char *line) {
    char name[64] = "", *at = strchr(line, '}'), *rest = NULL;
    update *u = &p->updates[p->update_count++];
    long long first = 0;
    if (at == NULL || p->update_count > UPDATES || sscanf(line, "update %63s", name) != 1 ||
        sscanf(at + 1, "%lf %lld", &u->clip, &first) != 2)
        return bad(line);
    u->rule = rule_of(name);
    u->at = first;
    u->slots = duet_arena_alloc(p->arena, (int64_t)strlen(at), sizeof *u->slots);
    u->gradients = duet_arena_alloc(p->arena, (int64_t)strlen(at), sizeof *u->gradients);
    u->inner = duet_arena_alloc(p->arena, (int64_t)strlen(at), sizeof *u->inner);
    DUET_TRY(duet_arena_status(p->arena));
    char *const list = strchr(at, ':');
    if (sscanf(at + 1, "%*f %*d %15s", u->kind) != 1 || u->kind[0] == ':') u->kind[0] = '\0';
    if (u->rule == NULL || list == NULL) return bad(line);
    for (char *one = strtok_r(list + 1, " ", &rest); one != NULL;
         one = strtok_r(NULL, " ", &rest)) {
        char *gradient = NULL;
        u->slots[u->count] = strtoll(one, &gradient, 10);
        u->inner[u->count] = strchr(gradient, '*') != NULL;
        (void)read_values(&u->gradients[u->count++], gradient + 1);
    }
    return DUET_OK;
}

static duet_status read_line(program *p, char *line) {
    char type[16], shape[128], name[256];
    int value = 0;
    long long a = 0, b = 0;
    if (sscanf(line, "slot %%%d %lld %15s %127s", &value, &a, type, shape) == 4) {
        place *to = new_place(p, value);
        to->slot = a;
        return read_arg(&to->arg, type, shape);
    }
    if (sscanf(line, "input %%%d %255s %15s %127s", &value, name, type, shape) == 4) {
        place *to = new_place(p, value);
        duet_copy_text(to->name, sizeof to->name, name);
        if (strcmp(name, DUET_UPDATE_INPUT) == 0) p->numbers = value;
        return read_arg(&to->arg, type, shape);
    }
    if (duet_starts_with(line, "node ")) return read_node(p, line);
    if (sscanf(line, "state %lld %%%d", &a, &value) == 2 && p->state_count < ENDS) {
        p->states[p->state_count].slot = a;
        p->states[p->state_count++].value = value;
        return DUET_OK;
    }
    if (sscanf(line, "output %%%d", &value) == 1 && p->output_count < ENDS) {
        p->outputs[p->output_count++] = value;
        return DUET_OK;
    }
    if (sscanf(line, "tail %%%d %lld %lld", &value, &a, &b) == 3 && b == 1) {
        p->loss = value;
        p->parts = a;
        return DUET_OK;
    }
    return duet_starts_with(line, "update ") ? read_update(p, line) : bad(line);
}

static void release(void *made) {
    program *p = made;
    if (p == NULL) return;
    duet_arena_free(p->arena);
    duet_release(p->places);
    duet_release(p->nodes);
    duet_release(p);
}

static duet_status compile(void **out, const char *text, const duet_slots *slots) {
    duet_status status = DUET_OK;
    program *p = NULL;
    char *copy = NULL, *rest = NULL;
    (void)slots;
    DUET_DO(duet_alloc(&copy, (int64_t)strlen(text) + 1, 1));
    strcpy(copy, text);
    DUET_DO(duet_alloc(&p, 1, sizeof *p));
    DUET_DO(duet_alloc(&p->places, VALUES, sizeof *p->places));
    DUET_DO(duet_alloc(&p->nodes, NODES, sizeof *p->nodes));
    DUET_DO(duet_arena_new(&p->arena));
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        DUET_DO(read_line(p, line));
    text_backend_counts.compiled++;
    *out = p;
    p = NULL;
done:
    duet_release(copy);
    release(p);
    return status;
}

/* ---- the device: slots in memory of its own ---- */

typedef struct device {
    duet_mirror mirror;
    int64_t count, parts;
    float **slots;      /* [count] */
    uint64_t *versions; /* [parts]: of the host's content that is here */
} device;

static void free_device(duet_mirror *mirror) {
    device *d = (device *)(void *)mirror; /* its first member */
    for (int64_t k = 0; k < d->count; k++) duet_release(d->slots[k]);
    duet_release(d->slots);
    duet_release(d->versions);
    duet_release(d);
}

static duet_status pull(duet_mirror *mirror, duet_slots *slots) {
    device *d = (device *)(void *)mirror;
    text_backend_counts.pulled++;
    for (int64_t k = 0; k < d->count; k++)
        if (slots->list[k].own != NULL)
            memcpy(slots->list[k].own, d->slots[k], (size_t)slots->list[k].count * sizeof(float));
    duet_slots_touch(slots, -1);
    for (int64_t p = 0; p < d->parts; p++) d->versions[p] = slots->parts[p].version;
    return DUET_OK;
}

/* Parts that the host has changed since. */
static void take(device *d, const duet_slots *slots) {
    for (int64_t p = 0; p < d->parts; p++) {
        if (d->versions[p] == slots->parts[p].version) continue;
        d->versions[p] = slots->parts[p].version;
        text_backend_counts.taken++;
        for (int64_t k = 0; k < d->count; k++)
            if (slots->list[k].part == p)
                memcpy(d->slots[k], duet_slot_data(&slots->list[k]),
                       (size_t)slots->list[k].count * sizeof(float));
    }
}

static duet_status new_device(duet_slots *slots) {
    device *d = NULL;
    DUET_TRY(duet_alloc(&d, 1, sizeof *d));
    d->mirror = (duet_mirror){.pull = pull, .free = free_device};
    slots->mirror = &d->mirror;
    DUET_TRY(duet_alloc(&d->slots, slots->count, sizeof *d->slots));
    DUET_TRY(duet_alloc(&d->versions, slots->part_count, sizeof *d->versions));
    d->parts = slots->part_count;
    for (int64_t p = 0; p < d->parts; p++) d->versions[p] = UINT64_MAX;
    for (; d->count < slots->count; d->count++)
        DUET_TRY(duet_alloc(&d->slots[d->count], slots->list[d->count].count, sizeof(float)));
    return DUET_OK;
}

/* ---- a session ---- */

typedef struct session {
    const program *p;
    duet_slots *host;
    device *d;
    void **values; /* [values of the program]; NULL = a slot, or none */
    float **sums;  /* [values]: of gradients, over the runs of a step */
    bool finite, ok;
    double norms[UPDATES];
} session;

static void close_session(void *state) {
    session *s = state;
    for (int64_t v = 0; s->values != NULL && v < s->p->value_count; v++) duet_release(s->values[v]);
    for (int64_t v = 0; s->sums != NULL && v < s->p->value_count; v++) duet_release(s->sums[v]);
    duet_release(s->values);
    duet_release(s->sums);
    duet_release(s);
}

static duet_status open_session(void **out, const void *made, duet_slots *slots) {
    const program *p = made;
    session *s = NULL;
    DUET_TRY(duet_alloc(&s, 1, sizeof *s));
    *out = s;
    s->p = p;
    s->host = slots;
    if (slots->mirror == NULL) DUET_TRY(new_device(slots));
    s->d = (device *)(void *)slots->mirror;
    DUET_TRY(duet_alloc(&s->values, p->value_count, sizeof *s->values));
    DUET_TRY(duet_alloc(&s->sums, p->value_count, sizeof *s->sums));
    for (int64_t v = 0; v < p->value_count; v++) {
        const int64_t count = duet_shape_count(&p->places[v].arg.shape);
        if (p->places[v].slot < 0) DUET_TRY(duet_alloc(&s->values[v], count, 4));
    }
    return DUET_OK;
}

static void *at(const session *s, duet_value value) {
    if (value == DUET_NONE) return NULL;
    const int64_t slot = s->p->places[value].slot;
    return slot >= 0 ? s->d->slots[slot] : s->values[value];
}

static size_t bytes_of(const session *s, duet_value value) {
    return (size_t)duet_shape_count(&s->p->places[value].arg.shape) * 4;
}

static duet_status feed(void *state, const char *input, const void *data, int64_t bytes) {
    session *s = state;
    text_backend_counts.fed++;
    for (int64_t v = 0; v < s->p->value_count; v++) {
        if (strcmp(s->p->places[v].name, input) != 0) continue;
        if (bytes_of(s, (duet_value)v) != (size_t)bytes) return bad(input);
        memcpy(s->values[v], data, (size_t)bytes);
        return DUET_OK;
    }
    return bad(input);
}

static void run_node(const session *s, const node *n, uint64_t seed, uint64_t step) {
    duet_run run = {.call = &n->call, .seed = seed, .step = step, .threads = 1};
    for (int k = 0; k < n->call.inputs; k++) run.in[k] = at(s, n->in[k]);
    for (int k = 0; k < n->call.outputs; k++) run.out[k] = at(s, n->out[k]);
    if (n->call.op->alias)
        memcpy(run.out[0], run.in[0], bytes_of(s, n->out[0]));
    else
        n->call.op->reference(&run);
}

/* ---- updates ---- */

static const float *sum_of(const session *s, duet_value gradient) {
    return s->p->parts > 1 ? s->sums[gradient] : at(s, gradient);
}

static duet_status add_up(session *s, bool adds) {
    for (int64_t u = 0; u < s->p->update_count && s->p->parts > 1; u++)
        for (int64_t i = 0; i < s->p->updates[u].count; i++) {
            const duet_value v = s->p->updates[u].gradients[i];
            if (v == DUET_NONE) continue;
            const float *from = at(s, v);
            const int64_t count = (int64_t)bytes_of(s, v) / 4;
            if (s->sums[v] == NULL) DUET_TRY(duet_alloc(&s->sums[v], count, 4));
            for (int64_t e = 0; e < count; e++)
                s->sums[v][e] = adds ? s->sums[v][e] + from[e] : from[e];
        }
    return DUET_OK;
}

/* In double, tile by tile. */
static double norm_of(const session *s, const update *u) {
    double total = 0.0;
    for (int64_t i = 0; i < u->count; i++) {
        const float *g = sum_of(s, u->gradients[i]);
        const int64_t count = (int64_t)bytes_of(s, u->gradients[i]) / 4;
        for (int64_t first = 0; first < count; first += DUET_UPDATE_TILE) {
            const int64_t left = count - first;
            const duet_update_tile tile = {
                .grad = first, .count = left < DUET_UPDATE_TILE ? left : DUET_UPDATE_TILE};
            double sum = 0.0;
            (void)duet_update_norm(g, &tile, 1, &sum, 1);
            total += sum;
        }
    }
    return sqrt(total) / (double)s->p->parts;
}

static duet_status change(const session *s, const update *u, double norm, const float *numbers) {
    const double clip = u->clip > 0.0 && norm > u->clip ? u->clip / norm : 1.0;
    for (int64_t i = 0; i < u->count; i++) {
        const int64_t k = u->slots[i];
        const duet_slot *slot = &s->host->list[k]; /* its shape and role; not its content */
        duet_update_tile tile = {.weight = s->d->slots[k],
                                 .count = slot->count,
                                 .decay = slot->shape.rank >= 2,
                                 .averaged = duet_role_averaged(slot->role),
                                 .inner = u->inner[i]};
        for (int m = 0; m < duet_rule_beside(u->rule, u->inner[i]); m++)
            tile.beside[m] = s->d->slots[duet_slots_beside(
                s->host, k, u->kind[0] != '\0' ? u->kind : u->rule->beside[m])];
        const duet_update_tensor tensor = duet_update_tensor_of(&slot->shape, 0, u->inner[i]);
        float *scratch = NULL;
        if (u->rule->scratch != NULL)
            DUET_TRY(duet_alloc(&scratch, u->rule->scratch(&tensor, 1, 1), sizeof *scratch));
        const duet_update_call call = {.grad =
                                           u->rule->gradient ? sum_of(s, u->gradients[i]) : NULL,
                                       .tiles = &tile,
                                       .tile_count = 1,
                                       .tensors = &tensor,
                                       .tensor_count = 1,
                                       .scratch = scratch,
                                       .scale = (float)(clip / (double)s->p->parts),
                                       .coefficients = numbers + u->at,
                                       .threads = 1};
        u->rule->run(&call);
        duet_release(scratch);
    }
    return DUET_OK;
}

static void assign(const session *s) {
    for (int64_t i = 0; i < s->p->state_count; i++)
        memcpy(s->d->slots[s->p->states[i].slot], at(s, s->p->states[i].value),
               bytes_of(s, s->p->states[i].value));
}

static duet_status end_step(session *s) {
    const program *p = s->p;
    const float *numbers = at(s, p->numbers), loss = *(const float *)at(s, p->loss);
    const bool adds = numbers[DUET_UPDATE_ADDS] != 0.0F;
    s->ok = false;
    s->finite = isfinite(loss) && (s->finite || !adds);
    DUET_TRY(add_up(s, adds));
    if (numbers[DUET_UPDATE_APPLIES] == 0.0F) return DUET_OK;
    s->ok = s->finite;
    for (int64_t u = 0; u < p->update_count; u++) {
        if (!p->updates[u].rule->gradient) continue;
        s->norms[u] = norm_of(s, &p->updates[u]);
        s->ok = s->ok && isfinite(s->norms[u]);
    }
    if (!s->ok) return DUET_OK;
    for (int64_t u = 0; u < p->update_count; u++)
        if (p->updates[u].rule->gradient) DUET_TRY(change(s, &p->updates[u], s->norms[u], numbers));
    assign(s);
    for (int64_t u = 0; u < p->update_count; u++)
        if (!p->updates[u].rule->gradient) DUET_TRY(change(s, &p->updates[u], 0.0, numbers));
    return DUET_OK;
}

static duet_status run(void *state, uint64_t seed, uint64_t step) {
    session *s = state;
    text_backend_counts.ran++;
    take(s->d, s->host);
    for (int64_t n = 0; n < s->p->node_count; n++) run_node(s, &s->p->nodes[n], seed, step);
    if (s->p->update_count > 0) return end_step(s);
    assign(s);
    return DUET_OK;
}

static duet_status read_output(void *state, int64_t output, void *data, int64_t bytes) {
    const session *s = state;
    text_backend_counts.read++;
    memcpy(data, at(s, s->p->outputs[output]), (size_t)bytes);
    return DUET_OK;
}

static duet_status ended(void *state, bool *ok, double *norms) {
    const session *s = state;
    *ok = s->ok;
    for (int64_t u = 0; u < s->p->update_count; u++) norms[u] = s->norms[u];
    return DUET_OK;
}

static const duet_compiler compiler = {.compile = compile,
                                       .release = release,
                                       .open = open_session,
                                       .close = close_session,
                                       .feed = feed,
                                       .run = run,
                                       .read = read_output,
                                       .ended = ended};
const duet_backend text_backend = {.compiler = &compiler, .isa = "text"};
