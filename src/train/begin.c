/* SPDX-License-Identifier: MIT
 * train/begin.c: what a training begins with: the architecture and the card, from the data or from
 * a model that is trained on; the slots with their first values; which of them are trained. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "model/arch/arch.h"
#include "train/trainer.h"

/* ---- what is left open ---- */

static void fill(char *text, size_t size, const char *usual) {
    if (text[0] == '\0') duet_copy_text(text, size, usual);
}

/* The first part of all names of the model that is trained on: "input_blocks.*+out.*". */
static duet_status list_names(char out[DUET_TEXT_SIZE], const duet_slots *slots) {
    duet_str text = {0};
    for (int64_t k = 0; k < slots->count; k++) {
        char one[DUET_TEXT_SIZE];
        const char *const name = slots->list[k].name;
        duet_format(one, sizeof one, "+%.*s.*", (int)strcspn(name, "."), name);
        if (text.text == NULL || strstr(text.text, one) == NULL) duet_str_add(&text, one);
    }
    duet_status status = duet_str_status(&text);
    if (status == DUET_OK && !duet_copy_text(out, DUET_TEXT_SIZE, text.text + 1))
        status = duet_fail(DUET_ARG, "'freeze': the names of the model are too many for 'init'");
    duet_str_free(&text);
    return status;
}

static duet_status fill_freeze(duet_train_options *o) {
    if (strcmp(o->freeze, "init") != 0) return DUET_OK;
    if (o->init == NULL)
        return duet_fail(DUET_ARG, "'freeze' is 'init', the weights of the model that is trained "
                                   "on, but there is none; give 'init'");
    return list_names(o->freeze, o->init->slots);
}

duet_status duet_trainer_fill_options(duet_trainer *trainer) {
    duet_train_options *o = &trainer->options;
    DUET_TRY(fill_freeze(o));
    fill(o->optim, sizeof o->optim, trainer->task->optim != NULL ? trainer->task->optim : "muon");
    if (trainer->task->augment != NULL) fill(o->augment, sizeof o->augment, trainer->task->augment);
    if (trainer->task->needs != DUET_DENOISES) {
        /* a resumed run has the "none" that is filled in here */
        if ((o->noise[0] != '\0' && strcmp(o->noise, "none") != 0) || o->predict[0] != '\0')
            return duet_fail(DUET_ARG,
                             "the task '%s' trains without noise; leave 'noise' and 'predict' out",
                             trainer->task->info.name);
        fill(o->noise, sizeof o->noise, "none");
        return DUET_OK;
    }
    if (o->init != NULL) {
        DUET_TRY(duet_model_check(o->init, DUET_DENOISES));
        fill(o->noise, sizeof o->noise, o->init->card.noise);
        fill(o->predict, sizeof o->predict, o->init->card.predict);
    }
    fill(o->noise, sizeof o->noise, "linear");
    fill(o->predict, sizeof o->predict, "eps");
    return DUET_OK;
}

/* ---- models ---- */

/* Fills in what the data determines and the spec leaves open: the image size, the channels and,
 * where the task learns from labels (classes > 0), the classes; of augmentations that are told, the
 * number of their conditions. */
static duet_status complete_arch(char arch[DUET_SPEC_SIZE], int64_t size, int channels, int classes,
                                 int conditions) {
    const duet_entry *entry = NULL;
    char text[2 * DUET_SPEC_SIZE];
    if (arch[0] == '\0') duet_preset_arch(arch, size, channels);
    DUET_TRY(duet_family_parse(&duet_family_arch, &entry, NULL, 0, arch));
    size_t used = (size_t)snprintf(text, sizeof text, "%s", arch);
    const struct {
        const char *key;
        long long value;
    } fill[] = {{"image_size", (long long)size},
                {"in_channels", (long long)channels},
                {"classes", (long long)classes},
                {"augment_dim", (long long)conditions}};
    for (int i = 0; i < DUET_COUNT(fill); i++) {
        if (fill[i].value == 0 || duet_params_find(&entry->params, fill[i].key) == NULL ||
            strstr(arch, fill[i].key) != NULL)
            continue;
        const char mark = strchr(text, ':') == NULL ? ':' : ',';
        used += (size_t)snprintf(text + used, sizeof text - used, "%c%s=%lld", mark, fill[i].key,
                                 fill[i].value);
    }
    if (!duet_copy_text(arch, DUET_SPEC_SIZE, text))
        return duet_fail(DUET_ARG, "the architecture '%s' is too long", text);
    return DUET_OK;
}

static duet_status fill_card(duet_trainer *trainer, duet_model *model) {
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    duet_card *card = duet_model_card(model);
    duet_choice noise = {0};
    DUET_TRY(duet_choice_parse(&noise, &duet_family_noise, trainer->options.noise));
    DUET_TRY(duet_choice_spell(&noise, card->noise, sizeof card->noise));
    if (trainer->predict.entry != NULL)
        DUET_TRY(duet_choice_spell(&trainer->predict, card->predict, sizeof card->predict));
    card->preprocess = (duet_preprocess){
        .size = model->shape.size, .channels = (int)model->shape.in_channels, .fit = "auto"};
    duet_copy_text(card->name, sizeof card->name, info->name);
    duet_copy_text(card->data, sizeof card->data, info->name);
    card->ema = model == trainer->ema;
    if (trainer->task->describe != NULL)
        trainer->task->describe(&trainer->task_choice.options, card);
    if (!info->labelled || info->class_count == 0) return DUET_OK;
    return duet_card_set_classes(model, info->class_names, info->class_count);
}

/* The architecture of a model with other values of some options, "key=value,key=value". */
static duet_status change_arch(char *out, size_t size, const duet_model *init, const char *change) {
    _Alignas(16) uint8_t config[DUET_CONFIG_SIZE];
    char text[sizeof init->config_text];
    memcpy(config, init->config, sizeof config);
    DUET_TRY(duet_params_parse(&init->arch->info.params, config, "the architecture", change));
    duet_arch_print(init->arch, config, text);
    snprintf(out, size, "%s:%s", init->card.arch, text);
    return DUET_OK;
}

/* A model that is trained on keeps its size of images and its architecture, but for options that
 * "+key=value" changes. */
static duet_status take_arch(duet_train_options *o) {
    const duet_model *const init = o->init;
    char spec[DUET_TEXT_SIZE + sizeof init->config_text];
    snprintf(spec, sizeof spec, "%s:%s", init->card.arch, init->config_text);
    if (o->arch[0] == '+')
        DUET_TRY(change_arch(spec, sizeof spec, init, o->arch + 1));
    else if (o->arch[0] != '\0' && strcmp(o->arch, spec) != 0)
        return duet_fail(DUET_ARG, "a model that is trained on keeps its architecture; leave "
                                   "'arch' out, or change some options: '+dropout=0.1'");
    if (o->size != 0 && o->size != init->shape.size)
        return duet_fail(DUET_ARG,
                         "a model that is trained on keeps its size of images, %lld; 'size' is "
                         "%lld",
                         (long long)init->shape.size, (long long)o->size);
    o->size = init->shape.size;
    if (duet_copy_text(o->arch, sizeof o->arch, spec)) return DUET_OK;
    return duet_fail(DUET_ARG, "the architecture '%s' is too long to be written down", spec);
}

/* A task that learns from labels needs some, of two classes at least. */
static duet_status check_labels(const duet_task *task, const duet_dataset_info *info) {
    if (!task->labels) return DUET_OK;
    if (!info->labelled || info->class_count == 0)
        return duet_fail(DUET_ARG,
                         "the data set '%s' has no labels, and the task '%s' learns from them; "
                         "take a labelled set, or another task ('duet help task')",
                         info->name, task->info.name);
    if (info->class_count < 2)
        return duet_fail(DUET_ARG, "the data set '%s' has one class; the task '%s' needs 2 or more",
                         info->name, task->info.name);
    return DUET_OK;
}

static duet_status check_outputs(const duet_trainer *trainer) {
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    if (!trainer->task->labels || trainer->task->head != NULL ||
        trainer->model->shape.logits == info->class_count)
        return DUET_OK;
    return duet_fail(DUET_ARG,
                     "the network has %lld outputs, but the data set '%s' %d classes; leave %s",
                     (long long)trainer->model->shape.logits, info->name, info->class_count,
                     trainer->options.init != NULL ? "'init' out" : "'classes' out of 'arch'");
}

/* Changed options may add tensors to a model that is trained on, and leave none of its own out. */
static duet_status check_known(const duet_trainer *trainer) {
    const duet_model *const init = trainer->options.init;
    for (int64_t k = 0; init != NULL && k < init->slots->count; k++) {
        const duet_slot *const slot = &init->slots->list[k];
        const int64_t at = duet_slots_find(trainer->model->slots, "", slot->name);
        if (at >= 0 && duet_shape_equal(&trainer->model->slots->list[at].shape, &slot->shape))
            continue;
        return duet_fail(DUET_ARG,
                         "'arch' would change '%s' of the model that is trained on; options may "
                         "only add to it",
                         slot->name);
    }
    return DUET_OK;
}

/* A network that is told nothing may learn from augmented images all the same. */
static duet_status check_augment(const duet_trainer *trainer) {
    const int64_t told = duet_augment_chain_conditions(&trainer->augment),
                  takes = trainer->model->shape.augment_dim;
    if (told == 0 || takes == 0 || told == takes) return DUET_OK;
    return duet_fail(DUET_ARG,
                     "'augment' tells %lld numbers, but the network takes %lld (augment_dim)",
                     (long long)told, (long long)takes);
}

duet_status duet_trainer_make_models(duet_trainer *trainer) {
    duet_train_options *o = &trainer->options;
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    DUET_TRY(check_labels(trainer->task, info));
    if (o->init != NULL) DUET_TRY(take_arch(o));
    if (o->size == 0) o->size = duet_preset_size(info);
    if (trainer->task->arch != NULL) fill(o->arch, sizeof o->arch, trainer->task->arch);
    DUET_TRY(
        complete_arch(o->arch, o->size, info->channels,
                      trainer->task->labels && trainer->task->head == NULL ? info->class_count : 0,
                      duet_augment_chain_conditions(&trainer->augment)));
    DUET_TRY(duet_model_describe(&trainer->model, o->arch));
    DUET_TRY(duet_model_check(trainer->model, trainer->task->needs));
    DUET_TRY(check_augment(trainer));
    DUET_TRY(check_known(trainer));
    DUET_TRY(check_outputs(trainer));
    DUET_TRY(duet_model_describe(&trainer->ema, o->arch));
    const int64_t channels = trainer->model->shape.in_channels;
    if (channels != 1 && channels != 3) {
        return duet_fail(DUET_ARG, "the architecture takes %lld channels, but images have 1 or 3",
                         (long long)channels);
    }
    if (trainer->task->needs == DUET_DENOISES && trainer->model->shape.out_channels < channels) {
        return duet_fail(DUET_ARG, "the architecture takes %lld channels but gives %lld",
                         (long long)channels, (long long)trainer->model->shape.out_channels);
    }
    o->size = trainer->model->shape.size; /* a spec may say it itself */
    DUET_TRY(fill_card(trainer, trainer->model));
    return fill_card(trainer, trainer->ema);
}

/* ---- slots ---- */

/* First values: of the seed, or of the model that is trained on. */
static duet_status first_values(duet_trainer *trainer) {
    const duet_model *const init = trainer->options.init;
    duet_slots *slots = trainer->slots;
    /* what the model lacks, such as a head beside the network, begins with new values */
    if (init == NULL || slots->part_count > 1) duet_slots_init(slots, trainer->options.seed, false);
    return init != NULL ? duet_slots_copy(slots, "", init->slots, true) : DUET_OK;
}

static bool stays(const duet_trainer *trainer, int64_t k) {
    return trainer->slots->list[k].role == DUET_WEIGHT && trainer->groups.of[k] < 0;
}

/* Those of all programs, and averages of them. */
duet_status duet_trainer_describe_slots(duet_trainer *trainer, duet_graph *const *graphs) {
    DUET_TRY(duet_slots_describe(&trainer->slots, graphs[0]));
    for (int p = 1; p < trainer->task->program_count; p++)
        DUET_TRY(duet_slots_add(trainer->slots, graphs[p], NULL));
    const int64_t count = trainer->slots->count;
    DUET_TRY(duet_train_groups_choose(&trainer->groups, trainer->ctx, &trainer->options,
                                      trainer->setup.model, trainer->slots));
    for (int64_t k = 0; k < count; k++)
        for (int i = 0; i < trainer->averages.count && !stays(trainer, k); i++)
            DUET_TRY(duet_slots_accompany(trainer->slots, k, DUET_AVERAGE, duet_average_kind(i)));
    return DUET_OK;
}

/* Weights that stay are read where the model that is trained on has them; only others need memory
 * of their own, and averages. */
static void lend_frozen(const duet_trainer *trainer) {
    const duet_model *const init = trainer->options.init;
    duet_slots *const slots = trainer->slots;
    if (init == NULL || trainer->resumes) return; /* a state is read into memory of their own */
    for (int64_t k = 0; k < slots->count; k++) {
        if (slots->list[k].of >= 0 || !stays(trainer, k)) continue;
        const int64_t at = duet_slots_find(init->slots, "", slots->list[k].name);
        if (at >= 0 && init->slots->list[at].dtype == DUET_F32 &&
            init->slots->list[at].count == slots->list[k].count)
            duet_slots_lend(slots, k, DUET_F32, duet_slot_data(&init->slots->list[at]));
    }
}

/* Averages begin as what they follow; the two models look at the slots. */
duet_status duet_trainer_fill_slots(duet_trainer *trainer) {
    duet_slots *const slots = trainer->slots;
    lend_frozen(trainer);
    DUET_TRY(duet_slots_alloc(slots));
    DUET_TRY(first_values(trainer));
    for (int64_t k = 0; k < slots->count; k++)
        if (slots->list[k].role == DUET_AVERAGE)
            memcpy(slots->list[k].own, slots->list[slots->list[k].of].own,
                   (size_t)slots->list[k].count * sizeof(float));
    DUET_TRY(duet_model_lend(trainer->model, slots, "", NULL));
    return duet_model_lend(trainer->ema, slots, "", DUET_EMA);
}

void duet_trainer_touch(duet_trainer *trainer) {
    duet_slots_touch(trainer->slots, -1);
    duet_slots_touch(trainer->model->slots, -1);
    duet_slots_touch(trainer->ema->slots, -1);
}
