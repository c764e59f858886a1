/* SPDX-License-Identifier: MIT
 * model/diffusers_noise.c: diffusers' schedulers and duet's schedules of noise. Most describe the
 * noise by betas (`beta_schedule`), whatever their sampler is; CMStochasticIterativeScheduler
 * belongs to consistency models, the EDM and FlowMatch ones to EDM and rectified flow. Missing keys
 * have the defaults of the library. */
#include "model/diffusers_noise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define CONSISTENCY "CMStochasticIterativeScheduler"
#define EDM         "EDMEulerScheduler"
#define FLOW        "FlowMatchEulerDiscreteScheduler"

/* pairs of prediction_type and predict */
static const struct {
    const char *theirs, *ours;
} predictions[] = {
    {"epsilon", "eps"}, {"sample", "x0"}, {"v_prediction", "v"}, {"flow_prediction", "flow"}};

/* Schedulers whose noise is betas, and what they have where a key is missing. */
static const struct {
    const char *name, *schedule;
    double start, end;
} betas[] = {
    {"DDPMScheduler", "linear", 1e-4, 0.02},
    {"DDPMParallelScheduler", "linear", 1e-4, 0.02},
    {"DDIMScheduler", "linear", 1e-4, 0.02},
    {"DDIMParallelScheduler", "linear", 1e-4, 0.02},
    {"PNDMScheduler", "linear", 1e-4, 0.02},
    {"LMSDiscreteScheduler", "linear", 1e-4, 0.02},
    {"EulerDiscreteScheduler", "linear", 1e-4, 0.02},
    {"EulerAncestralDiscreteScheduler", "linear", 1e-4, 0.02},
    {"DPMSolverMultistepScheduler", "linear", 1e-4, 0.02},
    {"DPMSolverSinglestepScheduler", "linear", 1e-4, 0.02},
    {"UniPCMultistepScheduler", "linear", 1e-4, 0.02},
    {"DEISMultistepScheduler", "linear", 1e-4, 0.02},
    {"SASolverScheduler", "linear", 1e-4, 0.02},
    {"RePaintScheduler", "linear", 1e-4, 0.02},
    {"HeunDiscreteScheduler", "linear", 0.00085, 0.012},
    {"KDPM2DiscreteScheduler", "linear", 0.00085, 0.012},
    {"KDPM2AncestralDiscreteScheduler", "linear", 0.00085, 0.012},
    {"DPMSolverSDEScheduler", "linear", 0.00085, 0.012},
    {"LCMScheduler", "scaled_linear", 0.00085, 0.012},
    {"TCDScheduler", "scaled_linear", 0.00085, 0.012},
};

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
                                       "rho",        "shift",     "flow_shift"};
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

/* f of the cosine schedule: beta_i = min(1 - f(i+1)/f(i), 0.999). */
static double cosine_of(int64_t i, int64_t count) {
    const double c = cos(((double)i / (double)count + 0.008) / 1.008 * 1.57079632679489661923);
    return c * c;
}

static double beta_of(const char *kind, double start, double end, int64_t i, int64_t count) {
    const double part = count > 1 ? (double)i / (double)(count - 1) : 0.0;
    const double root = sqrt(start) + part * (sqrt(end) - sqrt(start));
    if (strcmp(kind, "linear") == 0) return start + part * (end - start);
    if (strcmp(kind, "scaled_linear") == 0) return root * root;
    return fmin(1.0 - cosine_of(i + 1, count) / cosine_of(i, count), 0.999);
}

/* A list of betas that a known schedule gives to 1e-6; NULL where none does. */
static const char *kind_of_betas(const json_t *list, double *start, double *end) {
    static const char *const kinds[] = {"linear", "scaled_linear", "squaredcos_cap_v2"};
    const int64_t count = (int64_t)json_array_size(list);
    if (count < 2) return NULL;
    *start = json_number_value(json_array_get(list, 0));
    *end = json_number_value(json_array_get(list, (size_t)count - 1));
    if (!(*start > 0.0 && *end > 0.0)) return NULL;
    for (int k = 0; k < DUET_COUNT(kinds); k++) {
        int64_t i = 0;
        while (i < count && fabs(json_number_value(json_array_get(list, (size_t)i)) -
                                 beta_of(kinds[k], *start, *end, i, count)) < 1e-6)
            i++;
        if (i == count) return kinds[k];
    }
    return NULL;
}

typedef struct betas_found {
    const char *kind;
    double start, end;
    long long steps;
} betas_found;

/* `usual`: the row of the scheduler in the table above. */
static duet_status find_betas(duet_guess *guess, const json_t *root, int usual, betas_found *out) {
    const json_t *const list = json_object_get(root, "trained_betas");
    if (json_is_array(list)) {
        out->steps = (long long)json_array_size(list);
        out->kind = kind_of_betas(list, &out->start, &out->end);
        return out->kind != NULL
                   ? DUET_OK
                   : duet_fail(DUET_UNSUPPORTED,
                               "trained_betas are %lld numbers that are no linear, scaled_linear "
                               "or cosine schedule; others are not read",
                               out->steps);
    }
    out->kind = word(guess, root, "beta_schedule", betas[usual].schedule);
    out->steps = (long long)number(guess, root, "num_train_timesteps", 1000);
    if (strcmp(out->kind, "squaredcos_cap_v2") == 0) return DUET_OK;
    out->start = number(guess, root, "beta_start", betas[usual].start);
    out->end = number(guess, root, "beta_end", betas[usual].end);
    return DUET_OK;
}

/* The betas of duet's `linear` are those of 1000 steps, theirs those of the actual number of
 * steps. */
static duet_status read_betas(duet_guess *guess, const json_t *root, int usual) {
    betas_found b = {0};
    const bool zero = json_is_true(json_object_get(root, "rescale_betas_zero_snr"));
    const char *const more = zero ? ",zero_snr=true" : "";
    DUET_TRY(find_betas(guess, root, usual, &b));
    const double scale = (double)b.steps / 1000.0;
    if (strcmp(b.kind, "linear") == 0)
        duet_format(guess->noise, sizeof guess->noise,
                    "linear:steps=%lld,beta_start=%.9g,beta_end=%.9g%s", b.steps, scale * b.start,
                    scale * b.end, more);
    else if (strcmp(b.kind, "scaled_linear") == 0 || strcmp(b.kind, "sigmoid") == 0)
        duet_format(guess->noise, sizeof guess->noise,
                    "%s:steps=%lld,beta_start=%.9g,beta_end=%.9g%s", b.kind, b.steps, b.start,
                    b.end, more);
    else if (strcmp(b.kind, "squaredcos_cap_v2") == 0)
        duet_format(guess->noise, sizeof guess->noise, "cosine:steps=%lld%s", b.steps, more);
    else
        return duet_fail(DUET_UNSUPPORTED, "beta_schedule '%s' is not run by this version", b.kind);
    return read_prediction(guess, root);
}

/* The network sees ln(sigma) / 4. prediction_type says the sign of its output only. */
static duet_status read_edm(duet_guess *guess, const json_t *root) {
    const double data = number(guess, root, "sigma_data", 0.5);
    const char *const predict = word(guess, root, "prediction_type", "epsilon");
    const bool negative = strcmp(predict, "v_prediction") == 0;
    if (!negative && strcmp(predict, "epsilon") != 0)
        return duet_fail(DUET_UNSUPPORTED, "prediction_type '%s' is none of EDM's schedulers",
                         predict);
    duet_format(guess->noise, sizeof guess->noise,
                "edm:steps=%lld,low=%.9g,high=%.9g,rho=%.9g,data=%.9g,time=0.25",
                (long long)number(guess, root, "num_train_timesteps", 1000),
                number(guess, root, "sigma_min", 0.002), number(guess, root, "sigma_max", 80),
                number(guess, root, "rho", 7), data);
    duet_format(guess->predict, sizeof guess->predict, "edm:data=%.9g%s", data,
                negative ? ",negative=true" : "");
    return DUET_OK;
}

/* The network sees sigma times the number of steps. */
static duet_status read_flow(duet_guess *guess, const json_t *root, const char *shift) {
    const long long steps = (long long)number(guess, root, "num_train_timesteps", 1000);
    if (json_is_true(json_object_get(root, "invert_sigmas")))
        return duet_fail(DUET_UNSUPPORTED, "invert_sigmas is not run by this version");
    duet_format(guess->noise, sizeof guess->noise, "flow:steps=%lld,shift=%.9g,time=%lld", steps,
                number(guess, root, shift, 1), steps);
    snprintf(guess->predict, sizeof guess->predict, "flow");
    return DUET_OK;
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
    if (strcmp(name, EDM) == 0 || strcmp(name, "EDMDPMSolverMultistepScheduler") == 0)
        return read_edm(guess, root);
    if (strcmp(name, FLOW) == 0 || strcmp(name, "FlowMatchHeunDiscreteScheduler") == 0)
        return read_flow(guess, root, "shift");
    if (json_is_true(json_object_get(root, "use_flow_sigmas")))
        return read_flow(guess, root, "flow_shift");
    for (int i = 0; i < DUET_COUNT(betas); i++)
        if (strcmp(name, betas[i].name) == 0) return read_betas(guess, root, i);
    if (json_object_get(root, "beta_schedule") != NULL) return read_betas(guess, root, 0);
    return duet_fail(DUET_UNSUPPORTED, "the noise of '%s' is not run by this version", name);
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

/* "negative=true" of a spec. */
static bool flag(const char *spec, const char *text) {
    const char *const at = strstr(spec, text);
    return at != NULL && (at[-1] == ':' || at[-1] == ',');
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
    const bool zero = flag(noise, "zero_snr=true");
    *out = json_pack(
        "{s:s, s:s, s:I, s:s, s:f, s:f, s:s, s:s, s:b, s:f}", "_class_name",
        zero ? "DDIMScheduler" : "DDPMScheduler", "_diffusers_version", DUET_DIFFUSERS_VERSION,
        "num_train_timesteps", (json_int_t)steps, "beta_schedule",
        linear    ? "linear"
        : scaled  ? "scaled_linear"
        : sigmoid ? "sigmoid"
                  : "squaredcos_cap_v2",
        "beta_start", scale * option(noise, "beta_start=", scaled ? 0.00085 : 1e-4), "beta_end",
        scale * option(noise, "beta_end=", scaled ? 0.012 : 0.02), "prediction_type", word,
        "variance_type", learned ? "learned_range" : "fixed_small", "clip_sample", 1,
        "clip_sample_range", 1.0);
    if (zero) { /* its samples start without signal */
        json_object_set_new(*out, "rescale_betas_zero_snr", json_true());
        json_object_set_new(*out, "timestep_spacing", json_string("trailing"));
        json_object_del(*out, "variance_type");
    }
    return DUET_OK;
}

static duet_status write_edm(json_t **out, const duet_model *model) {
    const char *const noise = model->card.noise, *const predict = model->card.predict;
    if (option(noise, "time=", 250) != 0.25)
        return duet_fail(DUET_UNSUPPORTED,
                         "networks of EDMEulerScheduler see ln(sigma)/4, this one %g ln(sigma); "
                         "its noise would have time=0.25",
                         option(noise, "time=", 250));
    if (option(predict, "low=", 0) != 0 ||
        option(predict, "data=", 0.5) != option(noise, "data=", 0.5))
        return duet_fail(DUET_UNSUPPORTED,
                         "EDMEulerScheduler has the prediction 'edm' of the noise's data and "
                         "low=0, not '%s'",
                         predict);
    *out = json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:s, s:s}", "_class_name", EDM,
                     "_diffusers_version", DUET_DIFFUSERS_VERSION, "num_train_timesteps",
                     (json_int_t)option(noise, "steps=", 1000), "sigma_min",
                     option(noise, "low=", 0.002), "sigma_max", option(noise, "high=", 80),
                     "sigma_data", option(noise, "data=", 0.5), "rho", option(noise, "rho=", 7),
                     "sigma_schedule", "karras", "prediction_type",
                     flag(predict, "negative=true") ? "v_prediction" : "epsilon");
    return DUET_OK;
}

static duet_status write_flow(json_t **out, const duet_model *model) {
    const char *const noise = model->card.noise;
    const double steps = option(noise, "steps=", 1000), time = option(noise, "time=", 1000);
    if (time != steps)
        return duet_fail(DUET_UNSUPPORTED,
                         "networks of FlowMatchEulerDiscreteScheduler see sigma times %g, the "
                         "number of steps, this one sigma times %g",
                         steps, time);
    *out = json_pack("{s:s, s:s, s:I, s:f}", "_class_name", FLOW, "_diffusers_version",
                     DUET_DIFFUSERS_VERSION, "num_train_timesteps", (json_int_t)steps, "shift",
                     option(noise, "shift=", 1));
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
    if (is(model->card.noise, "edm") && is(predict, "edm")) return write_edm(out, model);
    if (is(model->card.noise, "flow") && is(predict, "flow")) return write_flow(out, model);
    for (int i = 0; i < DUET_COUNT(predictions); i++)
        if (is(predict, predictions[i].ours) && !is(predict, "flow"))
            return write_betas(out, model, predictions[i].theirs);
    return duet_fail(
        DUET_UNSUPPORTED,
        "its prediction '%s' is not one of DDPMScheduler's (epsilon, sample, v_prediction)",
        predict);
}
