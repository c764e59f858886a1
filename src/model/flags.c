/* SPDX-License-Identifier: MIT
 * model/flags.c: the flags of guided-diffusion's and improved-diffusion's scripts, as in their
 * READMEs: those of the network and the noise change what was guessed of a file; those of training
 * and sampling have no meaning here and are ignored. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/arch/arch.h"
#include "model/foreign.h"

/* Flags without a meaning for a loaded network. */
static const char *const passed_over[] = {
    "use_fp16",
    "timestep_respacing",
    "use_kl",
    "rescale_learned_sigmas",
    "num_heads_upsample",
    "use_checkpoint",
    "use_ddim",
    "clip_denoised",
    "num_samples",
    "batch_size",
    "model_path",
    "data_dir",
    "lr",
    "weight_decay",
    "lr_anneal_steps",
    "microbatch",
    "ema_rate",
    "log_interval",
    "save_interval",
    "resume_checkpoint",
    "fp16_scale_growth",
    "schedule_sampler",
    "classifier_scale",
    "classifier_path",
    "classifier_depth",
    "weights",
};
static const char *const of_diffusion[] = {"noise_schedule", "diffusion_steps", "learn_sigma",
                                           "predict_xstart", "rescale_timesteps"};

/* The scripts of upsamplers name the side of the images otherwise. */
static const char *own_name(const char *name) {
    return strcmp(name, "large_size") == 0 ? "image_size" : name;
}

static bool among(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

bool duet_model_flag(const char *flag) {
    const char *const name = own_name(flag);
    if (among(passed_over, DUET_COUNT(passed_over), name) ||
        among(of_diffusion, DUET_COUNT(of_diffusion), name))
        return true;
    for (int i = 0; i < duet_family_arch.count; i++) {
        const duet_arch *const arch = duet_arch_of(duet_family_arch.entries[i]);
        if (arch->signature != NULL && duet_params_find(&arch->info.params, name) != NULL)
            return true;
    }
    return false;
}

typedef struct flags {
    const duet_arch *arch;
    void *config;
    char noise[64];
    long long steps;
    bool noisy; /* the network takes noise */
    bool clean; /* it predicts x0 */
} flags;

static bool is_true(const char *value) {
    return *value == '\0' || strcmp(value, "True") == 0 || strcmp(value, "true") == 0 ||
           strcmp(value, "1") == 0;
}

static duet_status apply(flags *f, const char *name, const char *value) {
    if (among(of_diffusion, DUET_COUNT(of_diffusion), name) && !f->noisy)
        return duet_fail(DUET_ARG, "the architecture '%s' takes no noise; leave --%s out",
                         f->arch->info.name, name);
    if (strcmp(name, "noise_schedule") == 0) {
        if (strcmp(value, "linear") != 0 && strcmp(value, "cosine") != 0)
            return duet_fail(DUET_ARG, "--noise_schedule is '%s'; it must be linear or cosine",
                             value);
        snprintf(f->noise, sizeof f->noise, "%.15s", value);
        return DUET_OK;
    }
    if (strcmp(name, "diffusion_steps") == 0) {
        char rest = 0;
        return sscanf(value, "%lld%c", &f->steps, &rest) == 1 && f->steps > 0
                   ? DUET_OK
                   : duet_fail(DUET_ARG, "--diffusion_steps is '%s', which is not a count", value);
    }
    if (strcmp(name, "predict_xstart") == 0) {
        f->clean = is_true(value);
        return DUET_OK;
    }
    if (strcmp(name, "rescale_timesteps") == 0)
        return is_true(value)
                   ? duet_fail(DUET_UNSUPPORTED,
                               "--%s True: this version does not run such networks", name)
                   : DUET_OK;
    /* the usual levels of this size */
    if (strcmp(name, "channel_mult") == 0 && *value == '\0') return DUET_OK;
    if (duet_params_find(&f->arch->info.params, name) != NULL)
        return duet_params_set(&f->arch->info.params, f->config, "the flags", name,
                               *value ? value : "true");
    if (among(passed_over, DUET_COUNT(passed_over), name) || strcmp(name, "learn_sigma") == 0)
        return DUET_OK;
    return duet_fail(DUET_ARG, "the architecture '%s' has no flag '--%s'", f->arch->info.name,
                     name);
}

/* The next "--name", and the value behind it or "". False at the end. */
static bool next_flag(const char **at, char name[64], char value[256]) {
    const char *from = strstr(*at, "--");
    if (from == NULL) return false;
    *name = *value = '\0';
    (void)sscanf(from + 2, "%63[^ =]", name);
    from += 2 + strlen(name);
    from += strspn(from, " =");
    if (strncmp(from, "--", 2) != 0) (void)sscanf(from, "%255[^ ]", value);
    *at = from + strlen(value);
    return true;
}

/* Options that no shape of a tensor shows; of small_size, whether there is one. */
static const char *const free_rows[] = {
    "image_size",  "sample_size",       "attention_resolutions",   "heads",
    "num_heads",   "num_head_channels", "use_new_attention_order", "dropout",
    "norm_groups", "positions"};

/* Describes the first tensor in which a network of these options differs from the file; "" where
 * there is none. */
static void first_difference(char out[512], const duet_guess *guess, const duet_model *model) {
    char have[96], want[96];
    duet_foreign_rest rest = {.left = NULL};
    out[0] = '\0';
    for (int64_t i = 0; i < model->slots->count && out[0] == '\0'; i++) {
        const duet_slot *const slot = &model->slots->list[i];
        const duet_store_entry *const entry =
            duet_foreign_entry(guess->store, guess->prefix, model, slot->name);
        duet_shape_text(&slot->shape, want);
        if (entry == NULL)
            snprintf(out, 512, ": tensor '%.200s' would be %s, and is not in the file", slot->name,
                     want);
        else if (!duet_foreign_fits(&entry->shape, &slot->shape))
            snprintf(out, 512, ": tensor '%.200s' is %s in the file and would be %s", slot->name,
                     duet_shape_text(&entry->shape, have), want);
    }
    if (out[0] == '\0' && duet_foreign_left(&rest, guess->store, guess->prefix, model) == DUET_OK &&
        rest.left != NULL)
        snprintf(out, 512, ": tensor '%.200s' of the file, %s, would have no place",
                 rest.left->name + strlen(guess->prefix), duet_shape_text(&rest.left->shape, have));
}

static duet_status refuse(const duet_arch *arch, const duet_guess *guess, const void *config,
                          const char *name, const char *have, const char *want) {
    char text[1024], spec[DUET_TEXT_SIZE + sizeof text], difference[512] = "";
    duet_model *model = NULL;
    duet_arch_print(arch, config, text);
    snprintf(spec, sizeof spec, "%s:%s", arch->info.name, text);
    if (duet_model_describe(&model, spec) == DUET_OK) first_difference(difference, guess, model);
    duet_model_close(model);
    return duet_fail(DUET_ARG, "--%s %s does not fit the file%s; give --%s %s", name, have,
                     difference, name, want);
}

/* The tensors decide: a flag that contradicts them is wrong. */
static duet_status check_against_tensors(const duet_arch *arch, const duet_guess *guess,
                                         const void *guessed, const void *config) {
    const duet_param_table *const table = &arch->info.params;
    for (int i = 0; i < table->count; i++) {
        char want[512], have[512];
        duet_params_print(table, guessed, i, want, sizeof want);
        duet_params_print(table, config, i, have, sizeof have);
        const bool side = strcmp(table->rows[i].name, "small_size") == 0 &&
                          strcmp(want, "0") != 0 && strcmp(have, "0") != 0;
        if (strcmp(want, have) != 0 && !side &&
            !among(free_rows, DUET_COUNT(free_rows), table->rows[i].name))
            return refuse(arch, guess, config, table->rows[i].name, have, want);
    }
    return DUET_OK;
}

/* Another image size changes the sizes of the feature maps with attention, unless they are given
 * too. */
static void rescale_attention(const duet_arch *arch, const void *guessed, void *config) {
    const duet_param *const size = duet_params_find(&arch->info.params, "image_size"),
                            *const attention =
                                duet_params_find(&arch->info.params, "attention_resolutions");
    if (size == NULL || attention == NULL) return;
    int64_t was = 0, is = 0;
    memcpy(&was, (const char *)guessed + size->offset, sizeof was);
    memcpy(&is, (const char *)config + size->offset, sizeof is);
    duet_int_list *const list = (duet_int_list *)(void *)((char *)config + attention->offset);
    duet_int_list before;
    memcpy(&before, (const char *)guessed + attention->offset, sizeof before);
    const bool given = list->count != before.count ||
                       memcmp(list->v, before.v, (size_t)list->count * sizeof list->v[0]) != 0;
    if (given) return;
    for (int i = 0; i < list->count; i++) list->v[i] = list->v[i] * is / was;
}

void duet_foreign_weights(char out[64], const char *text) {
    char name[64], value[256];
    out[0] = '\0';
    while (text != NULL && next_flag(&text, name, value))
        if (strcmp(name, "weights") == 0) snprintf(out, 64, "%.63s", value);
}

duet_status duet_foreign_flags(const duet_arch *arch, duet_guess *guess, const char *text) {
    _Alignas(16) uint8_t config[DUET_CONFIG_SIZE], guessed[DUET_CONFIG_SIZE];
    char spec[DUET_TEXT_SIZE + sizeof guess->config], flag[64], value[256];
    flags f = {.arch = arch, .config = config, .steps = 1000, .noisy = duet_arch_takes_noise(arch)};
    const duet_arch *same = NULL;
    snprintf(spec, sizeof spec, "%s:%s", arch->info.name, guess->config);
    memset(config, 0, sizeof config);
    DUET_TRY(duet_arch_parse(&same, config, spec));
    memcpy(guessed, config, sizeof config);
    (void)sscanf(guess->noise, "%63[^:]:steps=%lld", f.noise, &f.steps);
    while (next_flag(&text, flag, value)) {
        const char *const name = own_name(flag);
        DUET_TRY(apply(&f, name, value));
        duet_foreign_said(guess, strcmp(name, "predict_xstart") == 0      ? "prediction"
                                 : strcmp(name, "noise_schedule") == 0    ? "noise"
                                 : strcmp(name, "rescale_timesteps") == 0 ? "timesteps"
                                                                          : name);
    }
    DUET_TRY(check_against_tensors(arch, guess, guessed, config));
    rescale_attention(arch, guessed, config);
    DUET_TRY(arch->check(config));
    duet_arch_print(arch, config, guess->config);
    if (f.noisy) snprintf(guess->noise, sizeof guess->noise, "%s:steps=%lld", f.noise, f.steps);
    if (f.clean) snprintf(guess->predict, sizeof guess->predict, "x0");
    return DUET_OK;
}
