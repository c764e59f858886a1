/* SPDX-License-Identifier: MIT
 * Runs a sampler on the exact denoiser of a mixture of Gaussians (unit/diffusion/mixture.h) and
 * prints all of it as lines of numbers, for tests/oracle/compare_samplers.py:
 *   trace_sampler NOISE SAMPLER [learns] [scale=S]
 * "levels": alpha and sigma of each level, in turn; "start"; "noise": that of step k, as the
 * network never sees it; "x": the state after each step; "looks": alpha and sigma of each
 * evaluation. learns: variances v = sin(3 x); scale: the predicted image is S times the exact one,
 * for thresholds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/choice.h"
#include "base/mem.h"
#include "base/rng.h"
#include "unit/diffusion/mixture.h"

enum { ROWS = 2, DIM = 6, CELLS = ROWS * DIM };

typedef struct trace {
    mixture m;
    double scale;
} trace;

static void print(const char *name, const double *x, int64_t count) {
    printf("%s", name);
    for (int64_t i = 0; i < count; i++) printf(" %.17g", x[i]);
    printf("\n");
}

static duet_status denoise(void *user, const float *x, duet_level level, const duet_denoised *out) {
    const trace *t = user;
    print("looks", (double[]){level.alpha, level.sigma, level.t}, 3);
    for (int i = 0; i < CELLS; i++) {
        out->x0[i] = (float)(t->scale * mixture_x0(&t->m, (double)x[i], level.alpha, level.sigma));
        if (out->variance != NULL) out->variance[i] = sinf(3.0F * x[i]);
    }
    return DUET_OK;
}

static duet_status after(void *user, int64_t done, int64_t total, const double *x,
                         const float *x0) {
    (void)user, (void)done, (void)total, (void)x0;
    print("x", x, CELLS);
    return DUET_OK;
}

static void print_noise(uint64_t seed, const int64_t *id, int64_t steps) {
    for (int64_t k = 0; k < steps; k++) {
        double wide[CELLS];
        for (int r = 0; r < ROWS; r++) {
            float z[DIM];
            duet_rng_normal(duet_rng_make(seed, "step", (uint64_t)id[r]), (uint64_t)(k * DIM), z,
                            DIM);
            for (int i = 0; i < DIM; i++) wide[r * DIM + i] = (double)z[i];
        }
        print("noise", wide, CELLS);
    }
}

static duet_status run(const char *noise_spec, const char *spec, bool learns, double scale) {
    static const int64_t id[ROWS] = {3, 8};
    trace t = {.m = usual_mixture, .scale = scale};
    duet_choice choice;
    duet_noise *noise = NULL;
    duet_level *level = NULL;
    int64_t steps = 0;
    double x[CELLS];
    if (duet_noise_new(&noise, noise_spec) != DUET_OK ||
        duet_choice_parse(&choice, &duet_family_sampler, spec) != DUET_OK)
        return DUET_ARG;
    const duet_sampler *sampler = duet_sampler_of(choice.entry);
    if (duet_sampler_levels(sampler, &choice.options, noise, &level, &steps) != DUET_OK)
        return DUET_ARG;
    for (int64_t k = 0; k <= steps; k++)
        print("levels", (double[]){level[k].alpha, level[k].sigma, level[k].t}, 3);
    const double top = fmax(noise->table[noise->steps - 1].sigma, 1.0);
    for (int r = 0; r < ROWS; r++) {
        float z[DIM];
        duet_image_noise(z, 7, id[r], DIM);
        for (int i = 0; i < DIM; i++) x[r * DIM + i] = top * (double)z[i];
    }
    const double first = top > 1.0 ? level[0].sigma / top : 1.0;
    double start[CELLS];
    for (int i = 0; i < CELLS; i++) start[i] = first * x[i];
    print("start", start, CELLS);
    print_noise(7, id, steps);
    duet_sampler_state state = {.user = &t,
                                .denoise = denoise,
                                .learns_variance = learns,
                                .noise = noise,
                                .rows = ROWS,
                                .dim = DIM,
                                .x = x,
                                .seed = 7,
                                .id = id,
                                .clip = true,
                                .step = after};
    const duet_status status = duet_sampler_run(sampler, &choice.options, &state);
    duet_release(level);
    duet_noise_free(noise);
    return status;
}

int main(int count, char **arg) {
    bool learns = false;
    double scale = 1.0;
    if (count < 3) return 2;
    for (int i = 3; i < count; i++) {
        if (strcmp(arg[i], "learns") == 0) learns = true;
        if (strncmp(arg[i], "scale=", 6) == 0) scale = strtod(arg[i] + 6, NULL);
    }
    if (run(arg[1], arg[2], learns, scale) == DUET_OK) return 0;
    fprintf(stderr, "%s\n", duet_error_message());
    return 1;
}
