/* SPDX-License-Identifier: MIT
 * EDM (Karras et al. 2022, table 1): the levels of `karras`, but training draws
 *   ln sigma ~ N(mean, std^2)
 * and the network sees time ln sigma: 1/4 in the authors' code and in diffusers, 1000/4 where it is
 * made for steps up to 1000, as all networks of this program are. */
#include <math.h>

#include "noise/noise.h"

typedef struct edm_options {
    int64_t steps;
    double low, high, rho, data, mean, std, time;
} edm_options;

static const duet_param rows[] = {
    DUET_INT(edm_options, steps, "1000", 2, 1e6, "levels that have a number t"),
    DUET_FLOAT(edm_options, low, "0.002", 1e-6, 1e3, "sigma of the first"),
    DUET_FLOAT(edm_options, high, "80", 1e-6, 1e6, "sigma of the last"),
    DUET_FLOAT(edm_options, rho, "7", 1, 100, "how dense the low ones lie"),
    DUET_FLOAT(edm_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images"),
    DUET_FLOAT(edm_options, mean, "-1.2", -100, 100, "mean of ln sigma in training"),
    DUET_FLOAT(edm_options, std, "1.2", 0, 100, "its standard deviation"),
    DUET_FLOAT(edm_options, time, "250", 1e-6, 1e6, "the network sees this times ln sigma"),
};

static int64_t steps_of(const void *options) {
    return ((const edm_options *)options)->steps;
}

static duet_level at(const void *options, double t) {
    const edm_options *o = options;
    const double u = t / (double)(o->steps - 1);
    return duet_level_edm(t, duet_sigma_karras(u, o->low, o->high, o->rho), o->data, o->time);
}

/* Levels outside of low .. high are drawn as well; their t is the nearest end. */
static duet_level draw(const void *options, duet_rng rng) {
    const edm_options *o = options;
    float normal = 0.0F;
    duet_rng_normal(rng, 0, &normal, 1);
    const double sigma = exp(o->mean + o->std * (double)normal);
    const double u = duet_karras_of(sigma, o->low, o->high, o->rho);
    return duet_level_edm(fmin(fmax(u, 0.0), 1.0) * (double)(o->steps - 1), sigma, o->data,
                          o->time);
}

const duet_noise_schedule duet_noise_edm = {
    .info = {.name = "edm",
             .help = "levels of EDM, log-normal in training",
             .params = DUET_TABLE(rows, edm_options)},
    .steps = steps_of,
    .at = at,
    .draw = draw,
};
