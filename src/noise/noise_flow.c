/* SPDX-License-Identifier: MIT
 * The straight path of rectified flow and flow matching (Liu et al. 2023; Lipman et al. 2023):
 *   alpha = 1 - sigma,  sigma = shift u / (1 + (shift - 1) u),  u = (t + 1) / T,  net_t = time
 * sigma The shift is that of Esser et al. 2024 (section 5.3.2), for large images. Training draws u
 * uniformly, or as the logistic function of N(mean, std^2). */
#include <math.h>
#include <string.h>

#include "noise/noise.h"

typedef struct flow_options {
    int64_t steps;
    double shift, mean, std, time;
    char draw[DUET_TEXT_SIZE];
} flow_options;

static const duet_param rows[] = {
    DUET_INT(flow_options, steps, "1000", 2, 1e6, "levels that have a number t"),
    DUET_FLOAT(flow_options, shift, "1", 1e-3, 1e3, "more than 1 = more noise at the same u"),
    DUET_TEXT(flow_options, draw, "uniform", "uniform|logit_normal", "u in training"),
    DUET_FLOAT(flow_options, mean, "0", -100, 100, "of logit_normal"),
    DUET_FLOAT(flow_options, std, "1", 0, 100, "of logit_normal"),
    DUET_FLOAT(flow_options, time, "1000", 1e-6, 1e6, "the network sees this times sigma"),
};

static int64_t steps_of(const void *options) {
    return ((const flow_options *)options)->steps;
}

static duet_level at(const void *options, double t) {
    const flow_options *o = options;
    const double u = (t + 1.0) / (double)o->steps;
    const double sigma = o->shift * u / (1.0 + (o->shift - 1.0) * u);
    return (duet_level){
        .t = t, .alpha = 1.0 - sigma, .sigma = sigma, .in_scale = 1.0, .net_t = o->time * sigma};
}

static duet_level draw(const void *options, duet_rng rng) {
    const flow_options *o = options;
    double u = 1.0 - duet_rng_uniform(rng, 0); /* (0, 1] */
    if (strcmp(o->draw, "logit_normal") == 0) {
        float normal = 0.0F;
        duet_rng_normal(rng, 0, &normal, 1);
        u = 1.0 / (1.0 + exp(-(o->mean + o->std * (double)normal)));
    }
    return at(options, u * (double)o->steps - 1.0);
}

const duet_noise_schedule duet_noise_flow = {
    .info = {.name = "flow",
             .help = "the straight path of rectified flow",
             .params = DUET_TABLE(rows, flow_options)},
    .steps = steps_of,
    .at = at,
    .draw = draw,
};
