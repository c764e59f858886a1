/* SPDX-License-Identifier: MIT
 * diffusion/sampler/trail.h: what a step of a sampler is made of. A step evaluates the network
 * once or more (duet_trail_look), and makes the next state a linear combination of the state, of
 * the predictions seen so far and of noise (duet_trail_go). Members give coefficients. lambda =
 * log(alpha/sigma), h = lambda' - lambda of a step from (alpha, sigma) to (alpha', sigma'); curve,
 * u and y as in diffusion/spacing/spacing.h */
#ifndef DUET_DIFFUSION_SAMPLER_TRAIL_H
#define DUET_DIFFUSION_SAMPLER_TRAIL_H

#include "base/error.h"
#include "diffusion/sampler/sampler.h"

enum { DUET_TRAIL_SEEN = 6 };

/* What the options of every sampler begin with. */
typedef struct duet_trail_options {
    int64_t steps;
    char spacing[DUET_TEXT_SIZE];
    bool clip;
    char threshold[16], end[16];
    double ratio, most;
} duet_trail_options;

/* The rows of these options; a member's own stand between. */
#define DUET_TRAIL_STEPS(usual, text) DUET_INT(duet_trail_options, steps, usual, 0, 1e6, text)
#define DUET_TRAIL_ROWS                                                                       \
    DUET_TEXT(duet_trail_options, spacing, "uniform", NULL,                                   \
              "levels: NAME or (NAME:key=value) ('duet help spacing')"),                      \
        DUET_BOOLEAN(duet_trail_options, clip, "true",                                        \
                     "clip the predicted image to [-1,1] at each step"),                      \
        DUET_TEXT(duet_trail_options, threshold, "static", "static|dynamic",                  \
                  "dynamic: by a quantile of |x0| of each image, then scaled back (Imagen)"), \
        DUET_FLOAT(duet_trail_options, ratio, "0.995", 0, 1, "the quantile of dynamic"),      \
        DUET_FLOAT(duet_trail_options, most, "0", 0, 1e6, "its most; 0 = any, 1 = static"),   \
        DUET_TEXT(duet_trail_options, end, "clean", "clean|lowest",                           \
                  "the last step leads to the clean image or to the lowest level")
#define DUET_TRAIL_FIRST(type)                                                     \
    _Static_assert(offsetof(type, trail) == 0, "options of samplers begin with a " \
                                               "duet_trail_options")

struct duet_trail {
    duet_sampler_state *state;
    const duet_trail_options *options;
    double curve;
    const duet_level *level; /* [steps + 1] */
    int64_t steps, k;        /* the step from level k to k + 1 runs */
    int64_t from;            /* the first step whose prediction a rule may still use */
    int64_t draw;            /* number of the noise of this step: k, until a step runs again */
    /* [rows, dim] each: predictions, the newest first, as many as the sampler remembers; the state
     * that duet_trail_mark kept, NULL before */
    double *seen[DUET_TRAIL_SEEN], *mark;
    int remembers;
    float *x, *x0, *noise, *variance, *sorted; /* the newest prediction in f32 is x0 */
    bool learned;                              /* evaluations read the learned variance */
};

DUET_NODISCARD duet_status duet_trail_open(duet_trail *trail, int remembers);
void duet_trail_close(duet_trail *trail);

static inline duet_level duet_trail_now(const duet_trail *trail) {
    return trail->level[trail->k];
}
static inline duet_level duet_trail_next(const duet_trail *trail) {
    return trail->level[trail->k + 1];
}
/* h of the step `back` steps before this one. */
double duet_trail_h(const duet_trail *trail, int64_t back);
/* Steps before this one whose h is finite, that is, whose predictions a multistep rule may use. */
int64_t duet_trail_before(const duet_trail *trail);
double duet_trail_place(const duet_trail *trail, duet_level level); /* u */

/* The network at the state, which is of `level`: seen[0], after thresholds. */
DUET_NODISCARD duet_status duet_trail_look(duet_trail *trail, duet_level level);
/* seen[0] becomes the slope dy/du = (x - m x0) / sigma, m = alpha + curve sigma: eps, or eps - x0.
 */
void duet_trail_slope(duet_trail *trail, duet_level level, double curve);
/* The newest prediction counts as not seen. */
void duet_trail_forget(duet_trail *trail);
/* Keeps the state, which coefficient `mark` refers to. */
DUET_NODISCARD duet_status duet_trail_mark(duet_trail *trail);

/* x <- keep x + mark marked + along (x - alpha seen[0]) + sum_i seen_i seen[i] + noise N(0,1).
 * along: as a part of eps sigma, which loses fewer digits than its terms; alpha is of it. learned:
 * the noise of each value is sqrt(large^v small^(1-v)), v in [0,1] from the network. */
typedef struct duet_trail_move {
    double keep, mark, along, alpha, seen[DUET_TRAIL_SEEN], noise;
    bool learned;
    double small, large;
} duet_trail_move;
DUET_NODISCARD duet_status duet_trail_go(duet_trail *trail, const duet_trail_move *move);

/* ---- parts of rules ---- */

/* To `next` along the straight line of a constant prediction (DDIM, Euler, DPM-Solver++(1)). */
DUET_NODISCARD duet_status duet_trail_line(duet_trail *trail, duet_level now, duet_level next,
                                           double noise);

/* Options of samplers with fresh noise in a step. */
typedef struct duet_ancestral_options {
    duet_trail_options trail;
    double eta, s_noise;
} duet_ancestral_options;
#define DUET_ANCESTRAL_ROWS                                                                        \
    DUET_FLOAT(duet_ancestral_options, eta, "1", 0, 10, "fresh noise: 0 none, 1 as the equation"), \
        DUET_FLOAT(duet_ancestral_options, s_noise, "1", 0, 10, "its amplitude")

/* A step of such a sampler: from `now` to `down`, whence noise of variance eta^2 posterior, times
 * s_noise^2, leads to the next level; `noise` is its standard deviation. */
typedef struct duet_ancestral_step {
    duet_level now, down;
    double noise;
} duet_ancestral_step;
duet_ancestral_step duet_trail_ancestral(const duet_trail *trail, const duet_ancestral_options *o);

/* Options of samplers with EDM's churn (Karras et al. 2022, algorithm 2). */
typedef struct duet_churn_options {
    duet_trail_options trail;
    double s_churn, s_min, s_max, s_noise;
} duet_churn_options;
#define DUET_CHURN_ROWS                                                                         \
    DUET_FLOAT(duet_churn_options, s_churn, "0", 0, 1e6, "noise added before steps, over all"), \
        DUET_FLOAT(duet_churn_options, s_min, "0", 0, 1e300, "from this sigma/alpha on"),       \
        DUET_FLOAT(duet_churn_options, s_max, "1e300", 0, 1e300, "up to this sigma/alpha"),     \
        DUET_FLOAT(duet_churn_options, s_noise, "1", 0, 10, "amplitude of that noise")
/* Adds that noise to the state; `hat` is its level then. */
DUET_NODISCARD duet_status duet_trail_churn(duet_trail *trail, duet_level *hat);

#endif
