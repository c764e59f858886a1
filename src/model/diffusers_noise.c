/* SPDX-License-Identifier: MIT
 * model/diffusers_noise.c: diffusers' schedulers and duet's schedules of noise. Most describe the
 * noise by betas (`beta_schedule`), whatever their sampler is; CMStochasticIterativeScheduler
 * belongs to consistency models. Missing keys have the defaults of the library. */
#include "model/diffusers_noise.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define CONSISTENCY "CMStochasticIterativeScheduler"

/* pairs of prediction_type and predict */
static const struct {
    const char *theirs, *ours;
} predictions[] = {{"epsilon", "eps"}, {"sample", "x0"}, {"v_prediction", "v"}};

double duet_diffusers_number(const json_t *root, const char *key, double absent) {
    const json_t *const value = json_object_get(root, key);
    return json_is_number(value) ? json_number_value(value) : absent;
}

const char *duet_diffusers_text(const json_t *root, const char *key, const char *absent) {
    const char *const value = json_string_value(json_object_get(root, key));
    return value != NULL ? value : absent;
}

/* ---- reading ---- */

/* A missing key has the default of the library, which is then assumed. */
static double number(duet_guess *guess, const json_t *root, const char *key, double usual) {
    const json_t *const value = json_object_get(root, key);
    if (value == NULL || json_is_null(value)) duet_foreign_assume(guess, "%s (%g)", key, usual);
    return duet_diffusers_number(root, key, usual);
}

static const char *word(duet_guess *guess, const json_t *root, const char *key, const char *usual) {
    if (!json_is_string(json_object_get(root, key)))
        duet_foreign_assume(guess, "%s (%s)", key, usual);
    return duet_diffusers_text(root, key, usual);
}

/* NaN is a text there. */
static duet_status check_numbers(const json_t *root) {
    static const char *const keys[] = {"beta_start", "beta_end",  "num_train_timesteps",
                                       "sigma_min",  "sigma_max", "sigma_data",
                                       "rho"};
    for (int i = 0; i < DUET_COUNT(keys); i++) {
        const json_t *const value = json_object_get(root, keys[i]);
        if (value != NULL && !json_is_null(value) && !json_is_number(value))
            return duet_fail(DUET_FORMAT, "%s of the scheduler is not a number", keys[i]);
    }
    return DUET_OK;
}

/* Before version 0.8 the library had the key predict_epsilon instead. */
static duet_status read_prediction(duet_guess *guess, const json_t *root) {
    const json_t *const older = json_object_get(root, "predict_epsilon");
    const bool old =
        !json_is_string(json_object_get(root, "prediction_type")) && json_is_boolean(older);
    const char *const predict = old ? (json_is_true(older) ? "epsilon" : "sample")
                                    : word(guess, root, "prediction_type", "epsilon");
    for (int i = 0; i < DUET_COUNT(predictions); i++) {
        if (strcmp(predict, predictions[i].theirs) != 0) continue;
        snprintf(guess->predict, sizeof guess->predict, "%s", predictions[i].ours);
        return DUET_OK;
    }
    return duet_fail(DUET_UNSUPPORTED, "prediction_type '%s' is not run by this version", predict);
}

/* The betas of duet's `linear` are those of 1000 steps, theirs those of the actual number of
 * steps. */
static duet_status read_betas(duet_guess *guess, const json_t *root) {
    const char *const kind = word(guess, root, "beta_schedule", "linear");
    const bool cosine = strcmp(kind, "squaredcos_cap_v2") == 0;
    const double start = cosine ? 0 : number(guess, root, "beta_start", 1e-4),
                 end = cosine ? 0 : number(guess, root, "beta_end", 0.02);
    const long long steps = (long long)number(guess, root, "num_train_timesteps", 1000);
    const double scale = (double)steps / 1000.0;
    if (json_is_array(json_object_get(root, "trained_betas")))
        return duet_fail(DUET_UNSUPPORTED, "trained_betas are not read by this version");
    if (json_is_true(json_object_get(root, "rescale_betas_zero_snr")))
        return duet_fail(DUET_UNSUPPORTED, "rescale_betas_zero_snr is not run by this version");
    if (strcmp(kind, "linear") == 0)
        duet_format(guess->noise, sizeof guess->noise,
                    "linear:steps=%lld,beta_start=%.9g,beta_end=%.9g", steps, scale * start,
                    scale * end);
    else if (strcmp(kind, "scaled_linear") == 0 || strcmp(kind, "sigmoid") == 0)
        duet_format(guess->noise, sizeof guess->noise,
                    "%s:steps=%lld,beta_start=%.9g,beta_end=%.9g", kind, steps, start, end);
    else if (cosine)
        snprintf(guess->noise, sizeof guess->noise, "cosine:steps=%lld", steps);
    else
        return duet_fail(DUET_UNSUPPORTED, "beta_schedule '%s' is not run by this version", kind);
    return read_prediction(guess, root);
}

/* Its num_train_timesteps is the last one of the training's curriculum and not a property of the
 * network, which takes every level. */
static duet_status read_consistency(duet_guess *guess, const json_t *root) {
    const double low = number(guess, root, "sigma_min", 0.002),
                 high = number(guess, root, "sigma_max", 80), rho = number(guess, root, "rho", 7),
                 data = number(guess, root, "sigma_data", 0.5);
    duet_format(guess->noise, sizeof guess->noise,
                "karras:steps=1000,low=%.9g,high=%.9g,rho=%.9g,data=%.9g", low, high, rho, data);
    duet_format(guess->predict, sizeof guess->predict, "edm:data=%.9g,low=%.9g", data, low);
    return DUET_OK;
}

duet_status duet_diffusers_read_noise(duet_guess *guess, const json_t *root) {
    const char *const name = duet_diffusers_text(root, "_class_name", "DDPMScheduler");
    DUET_TRY(check_numbers(root));
    if (strcmp(name, CONSISTENCY) == 0) return read_consistency(guess, root);
    if (json_object_get(root, "beta_schedule") == NULL && strcmp(name, "DDPMScheduler") != 0 &&
        strcmp(name, "DDIMScheduler") != 0)
        return duet_fail(DUET_UNSUPPORTED, "the noise of '%s' is not run by this version", name);
    return read_betas(guess, root);
}

/* ---- writing ---- */

/* Option `key` ("steps=") of "linear:steps=1000,beta_start=0.0001". */
static double option(const char *spec, const char *key, double absent) {
    for (const char *at = spec; (at = strstr(at, key)) != NULL; at++) {
        if (at[-1] != ':' && at[-1] != ',') continue;
        char text[64];
        double value = 0.0;
        const char *const from = at + strlen(key);
        duet_format(text, sizeof text, "%.*s", (int)strcspn(from, ","), from);
        return duet_parse_f64(&value, text) ? value : absent;
    }
    return absent;
}

static bool is(const char *spec, const char *name) {
    return strncmp(spec, name, strlen(name)) == 0 &&
           (spec[strlen(name)] == ':' || spec[strlen(name)] == '\0');
}

static duet_status write_betas(json_t **out, const duet_model *model, const char *word) {
    const char *const noise = model->card.noise;
    const bool linear = is(noise, "linear"), scaled = is(noise, "scaled_linear"),
               sigmoid = is(noise, "sigmoid"), cosine = is(noise, "cosine"),
               learned = model->shape.out_channels > model->shape.in_channels;
    const int64_t steps = (int64_t)option(noise, "steps=", 1000);
    const double scale = linear ? 1000.0 / (double)steps : 1.0;
    if (!linear && !scaled && !sigmoid && !cosine)
        return duet_fail(
            DUET_UNSUPPORTED,
            "its noise '%s' is not one of DDPMScheduler's (linear, scaled_linear, sigmoid, cosine)",
            noise);
    if (cosine &&
        (option(noise, "offset=", 0.008) != 0.008 || option(noise, "most=", 0.999) != 0.999))
        return duet_fail(DUET_UNSUPPORTED,
                         "DDPMScheduler has cosine noise without options, not '%s'", noise);
    *out = json_pack("{s:s, s:s, s:I, s:s, s:f, s:f, s:s, s:s, s:b, s:f}", "_class_name",
                     "DDPMScheduler", "_diffusers_version", DUET_DIFFUSERS_VERSION,
                     "num_train_timesteps", (json_int_t)steps, "beta_schedule",
                     linear    ? "linear"
                     : scaled  ? "scaled_linear"
                     : sigmoid ? "sigmoid"
                               : "squaredcos_cap_v2",
                     "beta_start", scale * option(noise, "beta_start=", scaled ? 0.00085 : 1e-4),
                     "beta_end", scale * option(noise, "beta_end=", scaled ? 0.012 : 0.02),
                     "prediction_type", word, "variance_type",
                     learned ? "learned_range" : "fixed_small", "clip_sample", 1,
                     "clip_sample_range", 1.0);
    return DUET_OK;
}

static duet_status write_consistency(json_t **out, const duet_model *model) {
    const char *const noise = model->card.noise;
    *out = json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:b}", "_class_name", CONSISTENCY,
                     "_diffusers_version", DUET_DIFFUSERS_VERSION, "num_train_timesteps", 40,
                     "sigma_min", option(noise, "low=", 0.002), "sigma_max",
                     option(noise, "high=", 80), "sigma_data", option(noise, "data=", 0.5), "rho",
                     option(noise, "rho=", 7), "s_noise", 1.0, "clip_denoised", 1);
    return DUET_OK;
}

duet_status duet_diffusers_write_noise(json_t **out, const duet_model *model) {
    const char *const predict = model->card.predict;
    if (is(model->card.noise, "karras") && is(predict, "edm")) return write_consistency(out, model);
    for (int i = 0; i < DUET_COUNT(predictions); i++)
        if (strcmp(predict, predictions[i].ours) == 0)
            return write_betas(out, model, predictions[i].theirs);
    return duet_fail(
        DUET_UNSUPPORTED,
        "its prediction '%s' is not one of DDPMScheduler's (epsilon, sample, v_prediction)",
        predict);
}
