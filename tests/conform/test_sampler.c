/* SPDX-License-Identifier: MIT
 * What every member of the family `sampler` keeps to: rows do not depend on each other, clipping,
 * number of steps, failures travel, and a perfect prediction is reached. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "diffusion/sampler/sampler.h"

enum { ROWS = 5, DIM = 12, STEPS = 6 };

typedef struct fake {
    int64_t cells;
    double pull, shift; /* x0 = shift + pull x / (1 + |x|) */
    int calls, fail_at, steps;
    int64_t total;
} fake;

static duet_status denoise(void *user, const float *x, duet_level level, const duet_denoised *out) {
    fake *f = user;
    if (f->calls++ == f->fail_at) return duet_fail(DUET_BACKEND, "broken on purpose");
    for (int64_t i = 0; i < f->cells; i++) {
        const double clean = f->shift + f->pull * (double)x[i] / (1.0 + fabs((double)x[i]));
        if (out->x0 != NULL) out->x0[i] = (float)clean;
        if (out->eps != NULL)
            out->eps[i] = (float)(((double)x[i] - level.alpha * clean) / level.sigma);
    }
    return DUET_OK;
}

static duet_status count_step(void *user, int64_t done, int64_t total, const double *x,
                              const float *x0) {
    fake *f = user;
    (void)x;
    (void)x0;
    assert_int_equal(done, ++f->steps);
    f->total = total;
    return DUET_OK;
}

static duet_status cancel_step(void *user, int64_t done, int64_t total, const double *x,
                               const float *x0) {
    (void)user;
    (void)total;
    (void)x;
    (void)x0;
    return done == 2 ? duet_fail(DUET_CANCELLED, "enough") : DUET_OK;
}

static void start(double *x, int64_t id) {
    float z[DIM];
    duet_image_noise(z, 3, id, DIM);
    for (int i = 0; i < DIM; i++) x[i] = (double)z[i];
}

static duet_status run(const char *spec, fake *f, double *x, const int64_t *id, int64_t rows,
                       bool clip,
                       duet_status (*step)(void *, int64_t, int64_t, const double *,
                                           const float *)) {
    max_align_t options[64];
    const duet_entry *entry = NULL;
    duet_noise *noise = NULL;
    assert_int_equal(duet_noise_new(&noise, "linear"), DUET_OK);
    assert_int_equal(duet_family_parse(&duet_family_sampler, &entry, options, sizeof options, spec),
                     DUET_OK);
    f->cells = rows * DIM;
    duet_sampler_state state = {.user = f,
                                .denoise = denoise,
                                .noise = noise,
                                .rows = rows,
                                .dim = DIM,
                                .x = x,
                                .seed = 3,
                                .id = id,
                                .clip = clip,
                                .step = step};
    for (int64_t r = 0; r < rows; r++) start(x + r * DIM, id[r]);
    const duet_status status = duet_sampler_run(duet_sampler_of(entry), options, &state);
    duet_noise_free(noise);
    return status;
}

static void check_member(const char *spec) {
    static const int64_t id[ROWS] = {4, 0, 17, 3, 1000000};
    double together[ROWS * DIM], alone[DIM];
    fake f = {.pull = 0.9, .fail_at = -1};
    assert_int_equal(run(spec, &f, together, id, ROWS, true, count_step), DUET_OK);
    assert_int_equal(f.steps, STEPS);
    assert_int_equal(f.total, STEPS);
    for (int r = 0; r < ROWS; r++) { /* row r by itself: the same bits */
        assert_int_equal(run(spec, &f, alone, &id[r], 1, true, NULL), DUET_OK);
        assert_memory_equal(alone, together + r * DIM, sizeof alone);
        for (int other = 0; other < r; other++)
            assert_memory_not_equal(alone, together + other * DIM, sizeof alone);
    }
    f = (fake){.shift = 0.625, .fail_at = -1}; /* always the same image: it must come out */
    assert_int_equal(run(spec, &f, alone, id, 1, true, NULL), DUET_OK);
    for (int i = 0; i < DIM; i++) assert_true(fabs(alone[i] - 0.625) < 1e-9);
    f = (fake){.shift = 5.0, .fail_at = -1};
    assert_int_equal(run(spec, &f, alone, id, 1, true, NULL), DUET_OK);
    for (int i = 0; i < DIM; i++) assert_true(fabs(alone[i] - 1.0) < 1e-9);
    f = (fake){.shift = 5.0, .fail_at = -1};
    assert_int_equal(run(spec, &f, alone, id, 1, false, NULL), DUET_OK);
    for (int i = 0; i < DIM; i++) assert_true(fabs(alone[i] - 5.0) < 1e-9);
    f = (fake){.fail_at = 3};
    assert_int_equal(run(spec, &f, alone, id, 1, true, NULL), DUET_BACKEND);
    assert_int_equal(f.calls, 4);
    f = (fake){.fail_at = -1};
    assert_int_equal(run(spec, &f, alone, id, 1, true, cancel_step), DUET_CANCELLED);
}

static void test_members(void **state) {
    (void)state;
    assert_true(duet_family_sampler.count >= 2);
    for (int m = 0; m < duet_family_sampler.count; m++) {
        const duet_entry *entry = duet_family_sampler.entries[m];
        char spec[128];
        print_message("sampler %s\n", entry->name);
        assert_non_null(duet_params_find(&entry->params, "steps"));
        snprintf(spec, sizeof spec, "%s:steps=%d", entry->name, STEPS);
        check_member(spec);
        if (duet_params_find(&entry->params, "eta") == NULL) continue;
        snprintf(spec, sizeof spec, "%s:steps=%d,eta=0.7", entry->name, STEPS);
        check_member(spec);
    }
}

static void test_too_many_steps(void **state) {
    (void)state;
    const int64_t id = 0;
    double x[DIM];
    for (int m = 0; m < duet_family_sampler.count; m++) {
        char spec[128];
        fake f = {.fail_at = -1};
        snprintf(spec, sizeof spec, "%s:steps=1001", duet_family_sampler.entries[m]->name);
        assert_int_equal(run(spec, &f, x, &id, 1, true, NULL), DUET_ARG);
        assert_non_null(strstr(duet_error_message(), "1000"));
        assert_int_equal(f.calls, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_members),
                                       cmocka_unit_test(test_too_many_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
