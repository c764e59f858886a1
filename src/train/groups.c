/* SPDX-License-Identifier: MIT
 * train/groups.c: see groups.h. Patterns are those of shells: '*' stands for any part of a name. */
#include "train/groups.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"

bool duet_train_names(const char *patterns, const char *name) {
    char one[DUET_TEXT_SIZE];
    while (patterns != NULL) {
        const char *const plus = strchr(patterns, '+');
        const size_t size = plus != NULL ? (size_t)(plus - patterns) : strlen(patterns);
        if (size < sizeof one) {
            memcpy(one, patterns, size);
            one[size] = '\0';
            if (fnmatch(one, name, 0) == 0) return true;
        }
        if (plus == NULL) return false;
        patterns = plus + 1;
    }
    return true;
}

/* A weight of another part than the network has that in front: "head/out.weight". */
static const char *name_of(const duet_slots *slots, int64_t slot, char out[DUET_TEXT_SIZE]) {
    const duet_slot *const s = &slots->list[slot];
    const char *const part = slots->parts[s->part].prefix;
    duet_format(out, DUET_TEXT_SIZE, "%s%s%s", part, part[0] != '\0' ? "/" : "", s->name);
    return out;
}

bool duet_train_has(const duet_slots *slots, int64_t slot, const void *members) {
    const duet_train_members *m = members;
    char name[DUET_TEXT_SIZE];
    return m->groups->of[slot] == m->group &&
           duet_train_names(m->trains, name_of(slots, slot, name));
}

static duet_status parse_patterns(duet_train_groups *groups, const duet_train_options *options) {
    char text[DUET_SPEC_SIZE], *rest = NULL;
    duet_copy_text(text, sizeof text, options->groups);
    for (char *one = strtok_r(text, "+", &rest); one != NULL; one = strtok_r(NULL, "+", &rest)) {
        char *const spec = strchr(one, '=');
        const int g = groups->patterns;
        if (spec == NULL)
            return duet_fail(DUET_ARG,
                             "'groups': '%s' gives no optimiser; write such as "
                             "'out.*=adamw:rate=0.0001'",
                             one);
        *spec = '\0';
        if (g == DUET_TRAIN_PATTERNS)
            return duet_fail(DUET_ARG, "'groups': at most %d groups", DUET_TRAIN_PATTERNS);
        duet_copy_text(groups->pattern[g], DUET_TEXT_SIZE, one);
        DUET_TRY(duet_choice_parse(&groups->optim[g], &duet_family_optim, spec + 1));
        groups->patterns++;
    }
    return DUET_OK;
}

duet_status duet_train_groups_parse(duet_train_groups *groups, const duet_train_options *options) {
    groups->patterns = 0;
    DUET_TRY(parse_patterns(groups, options));
    groups->stages = options->layer_decay > 0 && options->layer_decay < 1 ? DUET_TRAIN_STAGES : 0;
    groups->count = groups->patterns + groups->stages + 1;
    for (int g = 0; g < groups->count; g++) {
        groups->scale[g] = 1.0;
        if (g >= groups->patterns)
            DUET_TRY(duet_choice_parse(&groups->optim[g], &duet_family_optim, options->optim));
    }
    return DUET_OK;
}

/* ---- stages ---- */

/* Stage of a block 1..n. */
static int stage_of(int block, int n) {
    return n <= DUET_TRAIN_STAGES ? block - 1 : (block - 1) * DUET_TRAIN_STAGES / n;
}

/* The rate falls by layer_decay from each block to the one before it; that of a stage is the mean
 * of its blocks' exponents. What comes behind the last tap keeps the whole rate. */
static void scale_stages(duet_train_groups *groups, double decay, const duet_model *model) {
    const int n = duet_model_tap_count(model);
    double exponent[DUET_TRAIN_STAGES] = {0};
    int blocks[DUET_TRAIN_STAGES] = {0};
    for (int b = 1; b <= n; b++) {
        exponent[stage_of(b, n)] += n - b + 1;
        blocks[stage_of(b, n)]++;
    }
    for (int s = 0; s < DUET_TRAIN_STAGES; s++)
        if (blocks[s] > 0)
            groups->scale[groups->patterns + s] = pow(decay, exponent[s] / blocks[s]);
}

/* Weights of the network that no pattern names, in their order, go to the stage of the first block
 * that needs them: that which has as many parameters before its end. */
static void choose_stages(duet_train_groups *groups, const duet_model *model,
                          const duet_slots *slots) {
    const int n = duet_model_tap_count(model);
    int64_t before = 0;
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *const slot = &slots->list[k];
        int block = 1;
        if (slot->role != DUET_WEIGHT || slots->parts[slot->part].prefix[0] != '\0') continue;
        before += slot->count;
        while (block <= n && duet_model_tap(model, block - 1)->parameters < before) block++;
        if (groups->of[k] == groups->count - 1 && block <= n)
            groups->of[k] = groups->patterns + stage_of(block, n);
    }
}

/* No weight has a name that the pattern fits. */
static duet_status fail_unknown(const char *option, const char *pattern, const duet_slots *slots) {
    return duet_fail(DUET_ARG,
                     "'%s': no weight of the network is named '%s'; names are such as '%s', and "
                     "'*' stands for any part of one",
                     option, pattern, slots->list[0].name);
}

static int64_t freeze(const duet_train_groups *groups, const duet_slots *slots,
                      const char *pattern) {
    int64_t count = 0;
    char name[DUET_TEXT_SIZE];
    for (int64_t k = 0; k < slots->count; k++) {
        if (slots->list[k].role != DUET_WEIGHT || fnmatch(pattern, name_of(slots, k, name), 0) != 0)
            continue;
        groups->of[k] = -1;
        count++;
    }
    return count;
}

static duet_status freeze_all(const duet_train_groups *groups, const duet_train_options *options,
                              const duet_slots *slots) {
    char patterns[DUET_TEXT_SIZE], *rest = NULL;
    duet_copy_text(patterns, sizeof patterns, options->freeze);
    for (const char *one = strtok_r(patterns, "+", &rest); one != NULL;
         one = strtok_r(NULL, "+", &rest))
        if (freeze(groups, slots, one) == 0) return fail_unknown("freeze", one, slots);
    return DUET_OK;
}

duet_status duet_train_groups_choose(duet_train_groups *groups, duet_context *ctx,
                                     const duet_train_options *options, const duet_model *model,
                                     const duet_slots *slots) {
    int64_t found[DUET_PROGRAM_GROUPS] = {0}, stay = 0;
    char name[DUET_TEXT_SIZE];
    DUET_TRY(duet_alloc(&groups->of, slots->count, sizeof *groups->of));
    for (int64_t k = 0; k < slots->count; k++) {
        int g = 0;
        (void)name_of(slots, k, name);
        while (g < groups->patterns && fnmatch(groups->pattern[g], name, 0) != 0) g++;
        if (g == groups->patterns) g = groups->count - 1;
        groups->of[k] = slots->list[k].role == DUET_WEIGHT ? g : -1;
        if (groups->of[k] >= 0) found[g]++;
    }
    for (int g = 0; g < groups->patterns; g++)
        if (found[g] == 0) return fail_unknown("groups", groups->pattern[g], slots);
    if (groups->stages > 0) {
        scale_stages(groups, options->layer_decay, model);
        choose_stages(groups, model, slots);
    }
    DUET_TRY(freeze_all(groups, options, slots));
    for (int64_t k = 0; k < slots->count; k++)
        stay += slots->list[k].role == DUET_WEIGHT && groups->of[k] < 0;
    if (stay > 0)
        duet_log(ctx, DUET_LOG_INFO, "%lld of %lld tensors stay as they are", (long long)stay,
                 (long long)slots->count);
    return DUET_OK;
}

void duet_train_groups_free(duet_train_groups *groups) {
    duet_release(groups->of);
}
