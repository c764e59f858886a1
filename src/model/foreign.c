/* SPDX-License-Identifier: MIT
 * model/foreign.c: recognises models in files of other programs, see foreign.h. */
#include "model/foreign.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/arch/arch.h"
#include "model/closest.h"

static const duet_store_entry *find(const duet_guess *guess, const char *name) {
    char full[1024];
    const int length = snprintf(full, sizeof full, "%s%s", guess->prefix, name);
    return length > 0 && length < (int)sizeof full ? duet_store_find(guess->store, full) : NULL;
}

bool duet_foreign_has(const duet_guess *guess, const char *name) {
    return find(guess, name) != NULL;
}

void duet_foreign_imagenet(duet_guess *guess) {
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    memcpy(guess->mean, mean, sizeof mean);
    memcpy(guess->std, std, sizeof std);
    snprintf(guess->fit, sizeof guess->fit, "imagenet");
}

duet_foreign_text duet_foreign_name(const char *scope, const char *name) {
    duet_foreign_text full;
    snprintf(full.text, sizeof full.text, "%s%s", scope, name);
    return full;
}

const duet_shape *duet_foreign_shape(const duet_guess *guess, const char *name, int rank) {
    const duet_store_entry *const entry = find(guess, name);
    if (entry != NULL && entry->shape.rank == rank) return &entry->shape;
    if (entry == NULL)
        (void)duet_fail(DUET_FORMAT, "tensor '%s%s' is missing", guess->prefix, name);
    else
        (void)duet_fail(DUET_FORMAT, "tensor '%s%s' has %d axes, not %d", guess->prefix, name,
                        entry->shape.rank, rank);
    return NULL;
}

const duet_store_entry *duet_foreign_entry(const duet_store *store, const char *prefix,
                                           const duet_model *model, const char *name) {
    char full[1024], other[512];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const duet_store_entry *entry = duet_store_find(store, full);
    for (int scheme = 0; entry == NULL && scheme < model->arch->schemes; scheme++) {
        if (!model->arch->alias(other, sizeof other, model->config, name, scheme)) continue;
        snprintf(full, sizeof full, "%s%s", prefix, other);
        entry = duet_store_find(store, full);
    }
    return entry;
}

bool duet_foreign_fits(const duet_shape *have, const duet_shape *want) {
    duet_shape matrix = *have;
    if (want->rank == 2)
        while (matrix.rank > 2 && matrix.dim[matrix.rank - 1] == 1) matrix.rank--;
    return duet_shape_equal(&matrix, want);
}

/* Tensors that files have and networks do not use; PyTorch's batch norms count in
 * num_batches_tracked while training. */
static bool is_idle(const duet_arch *arch, const char *name) {
    for (int i = 0; i < DUET_COUNT(arch->idle) && arch->idle[i] != NULL; i++)
        if (duet_starts_with(name, arch->idle[i])) return true;
    return duet_ends_with(name, ".num_batches_tracked");
}

duet_status duet_foreign_left(const duet_store_entry **out, const duet_store *store,
                              const char *prefix, const duet_model *model) {
    const size_t length = strlen(prefix);
    const int64_t count = duet_store_count(store);
    bool *used = NULL;
    DUET_TRY(duet_alloc(&used, count, sizeof *used));
    for (int64_t i = 0; i < model->params->count; i++) {
        const duet_store_entry *const entry =
            duet_foreign_entry(store, prefix, model, model->params->slots[i].name);
        if (entry != NULL) used[entry - duet_store_at(store, 0)] = true;
    }
    *out = NULL;
    for (int64_t i = 0; i < count && *out == NULL; i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        if (used[i] || strncmp(entry->name, prefix, length) != 0 ||
            (length == 0 && strchr(entry->name, '.') == NULL))
            continue;
        if (!is_idle(model->arch, entry->name + length)) *out = entry;
    }
    duet_release(used);
    return DUET_OK;
}

/* Does the entry's name end with the signature, as a whole? Then what stands before it is the
 * prefix. */
static bool take_prefix(char prefix[512], const char *name, const char *signature) {
    const size_t length = strlen(name), end = strlen(signature);
    if (length < end || strcmp(name + length - end, signature) != 0) return false;
    if (length > end && name[length - end - 1] != '.') return false;
    if (length - end >= 512) return false;
    memcpy(prefix, name, length - end);
    prefix[length - end] = '\0';
    return true;
}

/* Of several sets of weights the averaged ones are better (DINO calls them teacher; in the list of
 * states that ermongroup/ddim saves they come behind the model, the optimiser and two numbers);
 * else the first of the file. */
static bool averaged(const char *prefix) {
    return duet_has_word(prefix, "ema") || duet_has_word(prefix, "teacher") ||
           strcmp(prefix, "4.") == 0;
}
static bool better(const char *prefix, const char *than) {
    return averaged(prefix) && !averaged(than);
}

/* Is `word` one of the words of "state_dict.ema."? */
static bool has_word(const char *prefix, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = prefix; (at = strstr(at, word)) != NULL; at++)
        if ((at == prefix || at[-1] == '.') && at[length] == '.') return true;
    return false;
}

static bool recognise_by(duet_guess *guess, const char *signature) {
    int found = 0;
    char prefix[512] = "";
    guess->sets[0] = '\0';
    for (int64_t i = 0; i < duet_store_count(guess->store); i++) {
        if (!take_prefix(prefix, duet_store_at(guess->store, i)->name, signature)) continue;
        const bool wanted = guess->weights[0] != '\0' && has_word(prefix, guess->weights);
        const size_t at = strlen(guess->sets);
        snprintf(guess->sets + at, sizeof guess->sets - at, "%s'%.64s'", at ? ", " : "", prefix);
        if (found++ == 0 || wanted || (guess->weights[0] == '\0' && better(prefix, guess->prefix)))
            memcpy(guess->prefix, prefix, sizeof prefix);
    }
    return found > 0;
}

static bool recognise(duet_guess *guess, const duet_arch *arch) {
    char other[256];
    if (arch->signature == NULL) return false;
    if (recognise_by(guess, arch->signature)) return true;
    for (int scheme = 0; scheme < arch->schemes; scheme++)
        if (arch->alias(other, sizeof other, NULL, arch->signature, scheme) &&
            recognise_by(guess, other))
            return true;
    return false;
}

/* Moments of Adam stand beside the weights' numbers. */
static bool is_optimiser(const duet_store *store) {
    for (int64_t i = 0; i < duet_store_count(store); i++)
        if (duet_ends_with(duet_store_at(store, i)->name, ".exp_avg") ||
            duet_ends_with(duet_store_at(store, i)->name, ".momentum_buffer"))
            return true;
    return false;
}

duet_status duet_foreign_guess(const duet_arch **out, duet_guess *guess, const duet_store *store,
                               const char *flags) {
    int count = 0;
    const duet_arch *const *const all = duet_arch_list(&count);
    *guess = (duet_guess){.store = store};
    duet_foreign_weights(guess->weights, flags);
    for (int i = 0; i < count; i++) {
        if (!recognise(guess, all[i])) continue;
        *out = all[i];
        guess->averaged = averaged(guess->prefix);
        if (guess->weights[0] != '\0' && !has_word(guess->prefix, guess->weights))
            return duet_fail(DUET_ARG,
                             "it has no weights '%s'; their names begin with %s (--weights takes a "
                             "word of that)",
                             guess->weights, guess->sets);
        if (strchr(guess->sets, ',') == NULL) guess->sets[0] = '\0';
        const duet_status status = all[i]->infer(guess);
        if (status != DUET_OK)
            duet_error_frame("it looks like a model of the architecture '%s'", all[i]->info.name);
        return status;
    }
    if (is_optimiser(store))
        return duet_because(DUET_CAUSE_NO_MODEL,
                            duet_fail(DUET_ARG,
                                      "it is the state of an optimiser, not a model; load the file "
                                      "with the weights beside it (ema_….pt or model….pt)"));
    if (duet_store_count(store) == 0)
        return duet_because(DUET_CAUSE_NO_MODEL, duet_fail(DUET_FORMAT, "it holds no tensor (%s)",
                                                           duet_store_format(store)));
    char closest[400];
    duet_closest(closest, sizeof closest, store);
    return duet_because(
        DUET_CAUSE_NO_MODEL,
        duet_fail(DUET_FORMAT,
                  "it holds %lld tensor%s (%s; the first is '%.100s') but no duet card, and no "
                  "known architecture has them%s%s",
                  (long long)duet_store_count(store), duet_store_count(store) == 1 ? "" : "s",
                  duet_store_format(store), duet_store_at(store, 0)->name, closest[0] ? "; " : "",
                  closest));
}
