/* SPDX-License-Identifier: MIT
 * model/foreign.c: recognises models in files of other programs, see foreign.h. */
#include "model/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/arch/arch.h"
#include "model/closest.h"
#include "model/foreign_made.h"

enum { MOST_COMPARED = 8192 }; /* most tensors of a file, which are compared pairwise */

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

duet_status duet_foreign_missing(const duet_store *store, const char *prefix, const char *name) {
    const size_t length = strlen(name);
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const char *const other = duet_store_at(store, i)->name;
        const size_t n = strlen(other);
        if (n >= length && strcmp(other + n - length, name) == 0 &&
            (n == length || other[n - length - 1] == '.'))
            return duet_fail(DUET_FORMAT,
                             "tensor '%s%s' is missing; there is one of that name elsewhere, '%s'",
                             prefix, name, other);
    }
    return duet_fail(DUET_FORMAT, "tensor '%s%s' is missing", prefix, name);
}

void duet_foreign_assume(duet_guess *guess, const char *format, ...) {
    const size_t at = strlen(guess->assumed), size = sizeof guess->assumed;
    va_list args;
    snprintf(guess->assumed + at, size - at, "%s", at > 0 ? ", " : "");
    const size_t from = strlen(guess->assumed);
    va_start(args, format);
    duet_vformat(guess->assumed + from, size - from, format, args);
    va_end(args);
}

void duet_foreign_said(duet_guess *guess, const char *name) {
    const size_t length = strlen(name);
    for (char *at = guess->assumed; *at != '\0';) {
        const size_t item = strcspn(at, ","), next = item + strspn(at + item, ", ");
        if (item >= length && strncmp(at, name, length) == 0 && strchr(" ,", at[length]) != NULL)
            memmove(at, at + next, strlen(at + next) + 1);
        else
            at += next;
    }
    const size_t end = strlen(guess->assumed);
    if (end > 2 && strcmp(guess->assumed + end - 2, ", ") == 0) guess->assumed[end - 2] = '\0';
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
        (void)duet_foreign_missing(guess->store, guess->prefix, name);
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

/* Tensors of files that networks do not use, such as num_batches_tracked, a counter of PyTorch's
 * batch norms in training. */
static bool is_idle(const duet_arch *arch, const char *name) {
    for (int i = 0; i < DUET_COUNT(arch->idle) && arch->idle[i] != NULL; i++)
        if (duet_starts_with(name, arch->idle[i])) return true;
    return duet_ends_with(name, ".num_batches_tracked");
}

/* Parts that training adds behind a backbone, by the first word of their names. */
static bool is_head(const duet_arch *arch, const char *name) {
    static const char *const whole[] = {"fc", "linear", "classifier", "mlp", "queue", "queue_ptr"};
    static const char *const within[] = {"head",      "proj",  "predict",   "decoder",
                                         "prototype", "queue", "mask_token"};
    char word[64];
    const size_t length = strcspn(name, ".");
    if (length >= sizeof word) return false;
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    if (duet_arch_takes_noise(arch)) return false;
    for (int i = 0; i < DUET_COUNT(whole); i++)
        if (strcmp(word, whole[i]) == 0) return true;
    for (int i = 0; i < DUET_COUNT(within); i++)
        if (strstr(word, within[i]) != NULL) return true;
    return false;
}

/* What unused tensors are compared with. */
typedef struct rest_walk {
    const duet_store *store;
    const duet_arch *arch;
    const char *prefix;
    bool *used;
} rest_walk;

/* Whether it belongs to another set of the same weights or to the state of an optimiser, which are
 * reported elsewhere or ignored. */
static bool is_other_set(const rest_walk *w, const char *name) {
    static const char *const states[] = {"optim",       "exp_avg",    "momentum_buffer",
                                         "scheduler",   "callbacks",  "shadow_params",
                                         "num_updates", "n_averaged", "_ema.decay"};
    const int64_t count = duet_store_count(w->store);
    for (int i = 0; i < DUET_COUNT(states); i++)
        if (strstr(name, states[i]) != NULL) return true;
    for (int64_t i = 0; i < count && count <= MOST_COMPARED; i++)
        if (w->used[i] &&
            duet_ends_with(name, duet_store_at(w->store, i)->name + strlen(w->prefix)))
            return true;
    return count > MOST_COMPARED;
}

static void sort_out(duet_foreign_rest *out, const rest_walk *w, const duet_store_entry *entry) {
    const size_t length = strlen(w->prefix);
    const bool inside = strncmp(entry->name, w->prefix, length) == 0;
    const char *const name = entry->name + (inside ? length : 0);
    if (is_idle(w->arch, name) || (length == 0 && strchr(name, '.') == NULL)) return;
    const bool beside = inside ? is_head(w->arch, name) : !is_other_set(w, name);
    if (inside && !beside && out->left == NULL) out->left = entry;
    if (!beside) return;
    if (out->beside_count++ == 0) out->beside = entry;
}

duet_status duet_foreign_left(duet_foreign_rest *out, const duet_store *store, const char *prefix,
                              const duet_model *model) {
    const int64_t count = duet_store_count(store);
    rest_walk w = {.store = store, .arch = model->arch, .prefix = prefix};
    *out = (duet_foreign_rest){.left = NULL};
    DUET_TRY(duet_alloc(&w.used, count, sizeof *w.used));
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_store_entry *const entry =
            duet_foreign_entry(store, prefix, model, model->slots->list[i].name);
        if (entry != NULL) w.used[entry - duet_store_at(store, 0)] = true;
        for (int k = 0; entry == NULL && k < DUET_MOST_PARTS; k++) {
            const duet_store_entry *const part =
                duet_foreign_part(store, prefix, model, model->slots->list[i].name, k);
            if (part != NULL) w.used[part - duet_store_at(store, 0)] = true;
        }
    }
    for (int64_t i = 0; i < count; i++)
        if (!w.used[i]) sort_out(out, &w, duet_store_at(store, i));
    duet_release(w.used);
    return DUET_OK;
}

/* Whether the name of the entry ends with the whole signature. Then what precedes it is the
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

/* Whether `word` is one of the words of a prefix such as "state_dict.ema.". */
static bool has_word(const char *prefix, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = prefix; (at = strstr(at, word)) != NULL; at++)
        if ((at == prefix || at[-1] == '.') && at[length] == '.') return true;
    return false;
}

static bool among(const char *prefix, const char *const *words, int count) {
    for (int i = 0; i < count; i++)
        if (has_word(prefix, words[i])) return true;
    return false;
}

/* Of several sets of weights the averaged one is preferred (DINO calls it teacher; PyTorch's
 * AveragedModel has the counter n_averaged beside it; in the list of states that ermongroup/ddim
 * saves it comes after the model, the optimiser and two numbers). */
static bool averaged(const duet_store *store, const char *prefix) {
    char counter[512];
    const size_t length = strlen(prefix), module = strlen("module.");
    if (duet_has_word(prefix, "ema") || duet_has_word(prefix, "teacher") ||
        duet_has_word(prefix, "swa") || strstr(prefix, "shadow_params.") != NULL ||
        strcmp(prefix, "4.") == 0)
        return true;
    if (!duet_ends_with(prefix, "module.")) return false;
    snprintf(counter, sizeof counter, "%.*sn_averaged", (int)(length - module), prefix);
    return duet_store_find(store, counter) != NULL;
}

/* Momentum encoders, which follow another one in training (MoCo, BYOL). */
static bool follows(const char *prefix) {
    static const char *const words[] = {"encoder_k",      "key_encoder",    "momentum_encoder",
                                        "target_encoder", "target_network", "target"};
    return among(prefix, words, DUET_COUNT(words));
}

static bool is_pretext(const duet_store *store, const char *prefix) {
    static const char *const words[] = {"encoder_q",      "query_encoder",  "base_encoder",
                                        "online_encoder", "online_network", "online"};
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const char *const name = duet_store_at(store, i)->name;
        if (strcmp(name, "queue") == 0 || duet_ends_with(name, ".queue")) return true;
    }
    return follows(prefix) || among(prefix, words, DUET_COUNT(words));
}

/* Averaged weights precede others, and others precede momentum encoders; among equals the first of
 * the file is taken. */
static bool better(const duet_store *store, const char *prefix, const char *than) {
    const int this = averaged(store, prefix) ? 2 : !follows(prefix),
              other = averaged(store, than) ? 2 : !follows(than);
    return this > other;
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
        if (found++ == 0 || wanted ||
            (guess->weights[0] == '\0' && better(guess->store, prefix, guess->prefix)))
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

/* The moments of Adam are stored under the numbers of the weights. */
static bool is_optimiser(const duet_store *store) {
    for (int64_t i = 0; i < duet_store_count(store); i++)
        if (duet_ends_with(duet_store_at(store, i)->name, ".exp_avg") ||
            duet_ends_with(duet_store_at(store, i)->name, ".momentum_buffer"))
            return true;
    return false;
}

bool duet_foreign_find(duet_guess *guess, const duet_arch *arch) {
    if (!recognise(guess, arch)) return false;
    guess->averaged = averaged(guess->store, guess->prefix);
    guess->pretext = is_pretext(guess->store, guess->prefix);
    return true;
}

/* Infers the options of the architecture whose tensors were found. */
static duet_status infer(duet_guess *guess, const duet_arch *arch) {
    if (guess->weights[0] != '\0' && guess->sets[0] != '\0' &&
        !has_word(guess->prefix, guess->weights) &&
        (guess->place == NULL || guess->place->sets[0] == '\0'))
        return duet_fail(
            DUET_ARG,
            "it has no weights '%s'; their names begin with %s (give --weights a word of these)",
            guess->weights, guess->sets);
    if (strchr(guess->sets, ',') == NULL) guess->sets[0] = '\0';
    const duet_status status = arch->infer(guess);
    if (status != DUET_OK)
        duet_error_frame("it looks like a model of the architecture '%s'", arch->info.name);
    return status;
}

static duet_status refuse_unknown(const duet_store *store, const duet_place *place) {
    char closest[400];
    if (is_optimiser(store))
        return duet_because(DUET_CAUSE_NO_MODEL,
                            duet_fail(DUET_ARG,
                                      "it is the state of an optimiser, not a model; load the file "
                                      "with the weights beside it (ema_….pt or model….pt)"));
    if (duet_store_count(store) == 0)
        return duet_because(DUET_CAUSE_NO_MODEL, duet_fail(DUET_FORMAT, "it holds no tensors (%s)",
                                                           duet_store_format(store)));
    if (strstr(duet_store_at(store, 0)->name, "shadow_params.0") != NULL)
        return duet_because(DUET_CAUSE_NO_MODEL,
                            duet_fail(DUET_FORMAT,
                                      "it holds a list of averaged weights without their names "
                                      "(shadow_params); load the file that has the names too"));
    duet_closest(closest, sizeof closest, store);
    return duet_because(
        DUET_CAUSE_NO_MODEL,
        duet_fail(DUET_FORMAT,
                  "it holds %lld tensor%s (%s; the first is '%.100s') but no duet card, and no "
                  "known architecture has them%s%s%s%s%s",
                  (long long)duet_store_count(store), duet_store_count(store) == 1 ? "" : "s",
                  duet_store_format(store), duet_store_at(store, 0)->name, closest[0] ? "; " : "",
                  closest, place != NULL && place->program[0] ? " (config.json is of " : "",
                  place != NULL ? place->program : "",
                  place != NULL && place->program[0] ? ")" : ""));
}

duet_status duet_foreign_guess(const duet_arch **out, duet_guess *guess, const duet_store *store,
                               const duet_place *place, const char *flags) {
    *guess = (duet_guess){.store = store, .place = place};
    duet_foreign_weights(guess->weights, flags);
    for (int i = 0; i < duet_family_arch.count; i++) {
        const duet_arch *const arch = duet_arch_of(duet_family_arch.entries[i]);
        if (!duet_foreign_find(guess, arch)) continue;
        *out = arch;
        return infer(guess, arch);
    }
    return refuse_unknown(store, place);
}
