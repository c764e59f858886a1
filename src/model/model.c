/* SPDX-License-Identifier: MIT
 * model/model.c: making, describing and comparing models; model_file.c reads and writes them. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/card.h"
#include "model/arch/arch.h"

/* Records each tap with the cost of everything built so far; blocks are built in order, so these
 * sums are what the tap needs (except that the first tap does not need the time embedding that is
 * counted for it). */
typedef struct survey {
    duet_model *model;
    duet_status status;
    int64_t capacity, nodes_seen, params_seen, parameters;
    double macs;
} survey;

static void survey_up_to(survey *s, const duet_graph *graph, int64_t nodes) {
    for (; s->nodes_seen < nodes; s->nodes_seen++) {
        const duet_node *node = &graph->nodes[s->nodes_seen];
        const char *op = node->op->info.name;
        if (strcmp(op, "conv2d") != 0 && strcmp(op, "linear") != 0 && strcmp(op, "attention") != 0)
            continue;
        duet_call call;
        duet_graph_call(graph, node, ~0u, &call);
        s->macs += node->op->flops(&call) / 2;
    }
    for (; s->params_seen < graph->param_count; s->params_seen++)
        s->parameters +=
            duet_shape_count(&graph->values[graph->params[s->params_seen].value].arg.shape);
}

static duet_value survey_tap(duet_graph *graph, const duet_tap_info *tap, duet_value x,
                             void *user) {
    survey *s = user;
    duet_model *model = s->model;
    survey_up_to(s, graph, graph->node_count);
    if (s->status == DUET_OK)
        s->status =
            duet_grow(&model->taps, &s->capacity, model->tap_count + 1, sizeof *model->taps);
    if (s->status != DUET_OK) return x;
    model->taps[model->tap_count++] =
        (duet_tap_row){.block = tap->block,
                       .name = duet_arena_text(model->arena, tap->name),
                       .channels = duet_dim(graph, x, -1),
                       .height = duet_dim(graph, x, 1),
                       .width = duet_dim(graph, x, 2),
                       .parameters = s->parameters,
                       .macs = s->macs};
    return x;
}

/* ---- parts ---- */

static const struct {
    uint32_t takes, gives; /* at least */
    const char *verb, *from_to;
} abilities[] = {
    [DUET_DENOISES] = {DUET_BIT(X) | DUET_BIT(NET_T), DUET_BIT(RAW), "denoises", "x, net_t: raw"},
    [DUET_CLASSIFIES] = {DUET_BIT(X), DUET_BIT(LOGITS), "classifies", "x: logits"},
    [DUET_ENCODES] = {DUET_BIT(X), DUET_BIT(MEAN) | DUET_BIT(LOG_VAR), "encodes",
                      "x: mean, log_var"},
    [DUET_GENERATES] = {DUET_BIT(Z), DUET_BIT(IMAGE), "generates", "z: image"},
    [DUET_DISCRIMINATES] = {DUET_BIT(X), DUET_BIT(SCORES), "discriminates", "x: scores"},
    [DUET_READS] = {DUET_BIT(X), DUET_BIT(FEATURE), "reads", "x: feature"},
    [DUET_RESTORES] = {DUET_BIT(X) | DUET_BIT(KEPT) | DUET_BIT(PLACES), DUET_BIT(IMAGE), "restores",
                       "x, kept, places: image"},
};

const duet_arch_part *duet_shape_part(const duet_arch_shape *shape, duet_ability ability) {
    for (int i = 0; i < shape->part_count; i++) {
        const duet_arch_part *part = &shape->parts[i];
        if ((part->takes & abilities[ability].takes) == abilities[ability].takes &&
            (part->gives & abilities[ability].gives) == abilities[ability].gives)
            return part;
    }
    return NULL;
}

bool duet_shape_takes_noise(const duet_arch_shape *shape) {
    for (int i = 0; i < shape->part_count; i++)
        if ((shape->parts[i].takes & DUET_BIT(NET_T)) != 0) return true;
    return false;
}

void duet_model_inputs_make(const duet_model *model, duet_graph *graph, int64_t batch,
                            uint32_t takes, bool training, duet_model_inputs *in) {
    const duet_arch_shape *shape = &model->shape;
    const int64_t images[] = {batch, shape->size, shape->size, shape->in_channels};
    *in = (duet_model_inputs){.x = DUET_NONE,
                              .net_t = DUET_NONE,
                              .y = DUET_NONE,
                              .low_res = DUET_NONE,
                              .z = DUET_NONE,
                              .self_cond = DUET_NONE,
                              .kept = DUET_NONE,
                              .places = DUET_NONE,
                              .sample_id = DUET_NONE,
                              .augment = DUET_NONE,
                              .training = training};
    if ((takes & DUET_BIT(X)) != 0) in->x = duet_input(graph, "x", DUET_F32, 4, images);
    if ((takes & DUET_BIT(NET_T)) != 0) in->net_t = duet_input(graph, "net_t", DUET_F32, 1, &batch);
    if ((takes & DUET_BIT(Y)) != 0) in->y = duet_input(graph, "y", DUET_I32, 1, &batch);
    if (training) in->sample_id = duet_input(graph, "sample_id", DUET_I32, 1, &batch);
    if (training && shape->augment_dim > 0 && (takes & DUET_BIT(X)) != 0)
        in->augment =
            duet_input(graph, "augment", DUET_F32, 2, (int64_t[]){batch, shape->augment_dim});
    if ((takes & DUET_BIT(LOW_RES)) != 0)
        in->low_res = duet_input(graph, "low_res", DUET_F32, 4, images);
    if ((takes & DUET_BIT(SELF_COND)) != 0)
        in->self_cond = duet_input(graph, "self_cond", DUET_F32, 4, images);
    if ((takes & DUET_BIT(KEPT)) != 0)
        in->kept = duet_input(graph, "kept", DUET_I32, 1, (int64_t[]){batch * shape->kept});
    if ((takes & DUET_BIT(PLACES)) != 0)
        in->places = duet_input(graph, "places", DUET_I32, 1, (int64_t[]){batch * shape->patches});
    if ((takes & DUET_BIT(Z)) != 0)
        in->z = duet_input(graph, "z", DUET_F32, 2, (int64_t[]){batch, shape->latents});
}

duet_status duet_model_build(const duet_model *model, duet_graph *graph, int64_t batch,
                             bool training, duet_model_inputs *in, duet_value *out) {
    const duet_arch_part *part = &model->shape.parts[0];
    duet_value gives[DUET_PART_GIVES] = {DUET_NONE, DUET_NONE, DUET_NONE, DUET_NONE};
    duet_model_inputs_make(model, graph, batch, part->takes, training, in);
    part->build(graph, model->config, in, gives);
    *out = gives[0];
    return duet_graph_status(graph);
}

duet_status duet_model_build_part(const duet_model *model, duet_graph *graph, duet_ability ability,
                                  const duet_model_inputs *in, duet_value *out) {
    DUET_TRY(duet_model_check(model, ability));
    for (int i = 0; i < DUET_PART_GIVES; i++) out[i] = DUET_NONE;
    duet_shape_part(&model->shape, ability)->build(graph, model->config, in, out);
    return duet_graph_status(graph);
}

int64_t duet_model_conditions(const duet_model *model) {
    const int64_t classes = model->shape.class_count;
    return classes > 0 && model->card.drop > 0.0 ? classes - 1 : classes;
}

int64_t duet_model_low_res(const duet_model *model) {
    return model->shape.low_res;
}

const char *duet_model_refusal(const duet_model *model) {
    return model->shape.refusal;
}

duet_status duet_model_check(const duet_model *model, duet_ability ability) {
    /* what enlarges images denoises too, but not without one */
    const char *const refusal =
        ability == DUET_DENOISES && model->shape.low_res == 0 ? model->shape.refusal : NULL;
    if (refusal != NULL)
        return duet_fail(DUET_UNSUPPORTED,
                         "%s; its features can be read: duet features, sweep, probe", refusal);
    if (duet_shape_part(&model->shape, ability) != NULL) return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED, "the architecture '%s' has no part that %s (%s)",
                     model->arch->info.name, abilities[ability].verb, abilities[ability].from_to);
}

/* The taps are those of the first part; the tensors those of all. */
static duet_status build_others(const duet_model *model, duet_graph *graph) {
    duet_graph_set_tap_hook(graph, NULL, NULL);
    for (int i = 1; i < model->shape.part_count; i++) {
        const duet_arch_part *part = &model->shape.parts[i];
        duet_model_inputs in;
        duet_value out[DUET_PART_GIVES];
        duet_model_inputs_make(model, graph, 1, part->takes, false, &in);
        part->build(graph, model->config, &in, out);
    }
    return duet_graph_status(graph);
}

static duet_status measure(duet_model *model) {
    duet_graph *graph = NULL;
    duet_status status = DUET_OK;
    duet_model_inputs in;
    duet_value out;
    survey s = {.model = model};
    DUET_DO(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, survey_tap, &s);
    DUET_DO(duet_model_build(model, graph, 1, false, &in, &out));
    DUET_DO(s.status);
    survey_up_to(&s, graph, graph->node_count);
    model->macs = s.macs;
    DUET_DO(build_others(model, graph));
    DUET_DO(duet_slots_describe(&model->slots, graph));
done:
    duet_graph_free(graph);
    return status;
}

duet_status duet_model_describe(duet_model **out, const char *arch_spec) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    DUET_DO(duet_alloc(&model, 1, sizeof *model));
    DUET_DO(duet_arena_new(&model->arena));
    model->config = duet_arena_alloc(model->arena, 1, DUET_CONFIG_SIZE);
    duet_weights_hash *const hashed = duet_arena_alloc(model->arena, 1, sizeof *hashed);
    DUET_DO(duet_arena_status(model->arena));
    if (pthread_mutex_init(&hashed->lock, NULL) != 0)
        DUET_FAIL(DUET_NO_MEMORY, "cannot create a lock for the model");
    model->hashed = hashed;
    DUET_DO(duet_arch_parse(&model->arch, model->config, arch_spec));
    model->arch->shape(model->config, &model->shape);
    if (duet_shape_part(&model->shape, DUET_DENOISES) == NULL && model->shape.refusal == NULL &&
        duet_shape_part(&model->shape, DUET_GENERATES) == NULL)
        model->shape.refusal = "this network recognises images and cannot generate them";
    duet_arch_print(model->arch, model->config, model->config_text);
    (void)duet_copy_text(model->card.arch, sizeof model->card.arch, model->arch->info.name);
    model->card.preprocess = (duet_preprocess){
        .size = model->shape.size, .channels = (int)model->shape.in_channels, .fit = "auto"};
    DUET_DO(measure(model));
    *out = model;
    model = NULL;
done:
    duet_model_close(model);
    return status;
}

duet_status duet_model_lend(duet_model *model, const duet_slots *slots, const char *prefix,
                            const char *average) {
    for (int64_t i = 0; i < model->slots->count; i++) {
        const char *const name = model->slots->list[i].name;
        int64_t from = duet_slots_find(slots, prefix, name);
        const int64_t beside =
            from >= 0 && average != NULL ? duet_slots_beside(slots, from, average) : -1;
        if (beside >= 0) from = beside; /* what is not trained has none */
        if (from < 0) return duet_fail(DUET_NOT_FOUND, "nothing lends the weights '%s'", name);
        duet_slots_lend(model->slots, i, slots->list[from].dtype,
                        duet_slot_data(&slots->list[from]));
    }
    duet_slots_touch(model->slots, -1);
    return DUET_OK;
}

static duet_status make_model(duet_model **out, const char *arch_spec, uint64_t seed,
                              bool random_reader) {
    duet_model *model = NULL;
    DUET_TRY(duet_model_describe(&model, arch_spec));
    const duet_status status = duet_slots_alloc(model->slots);
    if (status != DUET_OK) {
        duet_model_close(model);
        return status;
    }
    duet_slots_init(model->slots, seed, random_reader);
    *out = model;
    return DUET_OK;
}

duet_status duet_model_new(duet_context *ctx, duet_model **out, const char *arch_spec,
                           uint64_t seed) {
    (void)ctx;
    return make_model(out, arch_spec, seed, false);
}

void duet_model_close(duet_model *model) {
    if (model == NULL) return;
    duet_slots_free(model->slots);
    duet_store_close(model->store);
    duet_release(model->taps);
    if (model->hashed != NULL) pthread_mutex_destroy(&model->hashed->lock);
    duet_arena_free(model->arena);
    duet_release(model);
}

duet_status duet_model_random(duet_context *ctx, duet_model **out, const duet_model *model,
                              uint64_t seed) {
    char spec[DUET_TEXT_SIZE + sizeof model->config_text];
    snprintf(spec, sizeof spec, "%s:%s", model->card.arch, model->config_text);
    duet_model *made = NULL;
    (void)ctx;
    DUET_TRY(make_model(&made, spec, seed, true));
    char arch[DUET_TEXT_SIZE];
    memcpy(arch, made->card.arch, sizeof arch);
    made->card = model->card;
    made->card.class_names = NULL;
    made->card.class_count = 0;
    made->card.recommended.settings.count = 0;
    const duet_status status = duet_card_set_classes(
        made, (const char *const *)model->card.class_names, model->card.class_count);
    if (status != DUET_OK) {
        duet_model_close(made);
        return status;
    }
    *out = made;
    return DUET_OK;
}

duet_status duet_card_set_classes(duet_model *model, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (!duet_card_takes(names[i]))
            return duet_fail(DUET_ARG, "the name of class %d, '%s', is not UTF-8; rename it", i,
                             names[i]);
    char **copy = duet_arena_alloc(model->arena, count + 1, sizeof *copy);
    for (int i = 0; i < count && copy != NULL; i++)
        copy[i] = duet_arena_text(model->arena, names[i]);
    DUET_TRY(duet_arena_status(model->arena));
    model->card.class_names = copy;
    model->card.class_count = count;
    return DUET_OK;
}
