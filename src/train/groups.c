/* SPDX-License-Identifier: MIT
 * train/groups.c: see groups.h. Patterns are those of shells: '*' stands for any part of a name. */
#include "train/groups.h"

#include <fnmatch.h>
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

duet_status duet_train_groups_parse(duet_train_groups *groups, const duet_train_options *options) {
    char text[DUET_SPEC_SIZE], *rest = NULL;
    duet_copy_text(text, sizeof text, options->groups);
    groups->count = 0;
    for (char *one = strtok_r(text, "+", &rest); one != NULL; one = strtok_r(NULL, "+", &rest)) {
        char *const spec = strchr(one, '=');
        if (spec == NULL)
            return duet_fail(DUET_ARG,
                             "'groups': '%s' gives no optimiser; write such as "
                             "'out.*=adamw:rate=0.0001'",
                             one);
        *spec = '\0';
        if (groups->count == DUET_PROGRAM_GROUPS - 1)
            return duet_fail(DUET_ARG, "'groups': at most %d groups", DUET_PROGRAM_GROUPS - 1);
        duet_copy_text(groups->pattern[groups->count], DUET_TEXT_SIZE, one);
        DUET_TRY(duet_choice_parse(&groups->optim[groups->count++], &duet_family_optim, spec + 1));
    }
    return duet_choice_parse(&groups->optim[groups->count++], &duet_family_optim, options->optim);
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
                                     const duet_train_options *options, const duet_slots *slots) {
    int64_t found[DUET_PROGRAM_GROUPS] = {0}, stay = 0;
    char name[DUET_TEXT_SIZE];
    DUET_TRY(duet_alloc(&groups->of, slots->count, sizeof *groups->of));
    for (int64_t k = 0; k < slots->count; k++) {
        int g = 0;
        (void)name_of(slots, k, name);
        while (g < groups->count - 1 && fnmatch(groups->pattern[g], name, 0) != 0) g++;
        groups->of[k] = slots->list[k].role == DUET_WEIGHT ? g : -1;
        if (groups->of[k] >= 0) found[g]++;
    }
    for (int g = 0; g < groups->count - 1; g++)
        if (found[g] == 0) return fail_unknown("groups", groups->pattern[g], slots);
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
