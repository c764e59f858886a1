/* SPDX-License-Identifier: MIT
 * Measurements: what each operator gives, and that pulling an image to one is x + A^+ (y - A x):
 * it agrees with y, changes nothing that y does not determine, and goes no further than it must. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "diffusion/operator/operator.h"

enum { SIDE = 8, COLOURS = 3, DIM = SIDE * SIDE * COLOURS };

static const char *const chains[] = {"",
                                     "downsample:factor=2",
                                     "downsample:factor=4,filter=bicubic",
                                     "grey",
                                     "grey:weights=mean+downsample:factor=2",
                                     "blur:sigma=0.6",
                                     "blur:sigma=0.5+downsample:factor=2+grey"};

static void random_image(float *x, uint64_t seed) {
    duet_rng_normal(duet_rng_make(seed, "test", 0), 0, x, DIM);
    for (int i = 0; i < DIM; i++) x[i] *= 0.3F;
}

static duet_measure *measure_of(const char *chain, const uint8_t *hidden) {
    duet_measure *m = NULL;
    OK(duet_measure_new(&m, chain, SIDE, COLOURS, hidden));
    return m;
}

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (int i = 0; i < DIM; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void check_pull(const duet_measure *m) {
    const int64_t known = m->side * m->side * m->colours;
    float truth[DIM], x[DIM], pulled[DIM], loose[DIM], y[DIM], again[DIM], zero[DIM] = {0};
    double z[DIM], nothing[DIM], most = 0;
    random_image(truth, 1);
    random_image(x, 2);
    duet_measure_take(m, truth, y);
    duet_measure_solve(m, y, z);
    memcpy(pulled, x, sizeof x);
    duet_measure_pull(m, z, 0.5, pulled);
    duet_measure_take(m, pulled, again);
    for (int64_t i = 0; i < known; i++) most = fmax(most, fabs((double)(again[i] - y[i])));
    assert_true(most < 1e-5);
    /* what it moved stands at right angles to all that the measurement does not see */
    random_image(loose, 3);
    duet_measure_solve(m, zero, nothing);
    duet_measure_pull(m, nothing, 0.5, loose);
    for (int i = 0; i < DIM; i++) x[i] = pulled[i] - x[i];
    assert_true(fabs(dot(x, loose)) < 1e-4 * sqrt(dot(x, x) * dot(loose, loose)) + 1e-9);
    /* an image that agrees already stays as it is */
    memcpy(x, truth, sizeof x);
    duet_measure_pull(m, z, 0.5, x);
    for (int i = 0; i < DIM; i++) assert_true(fabsf(x[i] - truth[i]) < 1e-5F);
}

static void pulling_is_the_least_change_that_agrees(void **state) {
    (void)state;
    uint8_t hidden[SIDE * SIDE] = {0};
    for (int i = 20; i < 40; i++) hidden[i] = 1;
    for (int k = 0; k < DUET_COUNT(chains); k++) {
        duet_measure *m = measure_of(chains[k], NULL);
        check_pull(m);
        duet_measure_free(m);
    }
    for (int k = 0; k < DUET_COUNT(chains); k += 3) { /* "" and grey */
        duet_measure *m = measure_of(k == 0 ? "" : "grey", hidden);
        check_pull(m);
        duet_measure_free(m);
    }
}

static void operators_do_what_they_say(void **state) {
    (void)state;
    float x[DIM], y[DIM];
    random_image(x, 4);
    duet_measure *m = measure_of("downsample:factor=2+grey:weights=mean", NULL);
    assert_int_equal(m->side, SIDE / 2);
    assert_int_equal(m->colours, 1);
    duet_measure_take(m, x, y);
    double mean = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            for (int c = 0; c < COLOURS; c++)
                mean += (double)x[((2 + i) * SIDE + 4 + j) * COLOURS + c] / 12.0;
    assert_true(fabs((double)y[1 * SIDE / 2 + 2] - mean) < 1e-6);
    duet_measure_free(m);
    m = measure_of("blur:sigma=2", NULL); /* keeps what is even, and the mean */
    for (int i = 0; i < DIM; i++) x[i] = 0.25F;
    x[0] += 1.0F;
    duet_measure_take(m, x, y);
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++) sum += (double)y[i * COLOURS];
    assert_true(fabs(sum - 0.25 * SIDE * SIDE - 1.0) < 1e-5);
    assert_true(fabs((double)y[1] - 0.25) < 1e-6);
    duet_measure_free(m);
}

/* The gain of Gauss' two measurements: the mean weighted by 1 / variance. */
static void noise_is_weighed_against_the_prediction(void **state) {
    (void)state;
    float x[DIM] = {0}, y[DIM];
    double z[DIM];
    for (int i = 0; i < DIM; i++) y[i] = 1.0F;
    duet_measure *m = measure_of("noise:sigma=0.5", NULL);
    duet_measure_solve(m, y, z);
    duet_measure_pull(m, z, 0.75, x);
    for (int i = 0; i < DIM; i++) assert_true(fabsf(x[i] - 0.75F) < 1e-6F);
    duet_measure_free(m);
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    uint8_t hidden[SIDE * SIDE] = {0};
    duet_measure *m = NULL;
    FAILS(DUET_ARG, "cannot be made smaller",
          duet_measure_new(&m, "downsample:factor=3", SIDE, COLOURS, NULL));
    FAILS(DUET_ARG, "needs images in colour", duet_measure_new(&m, "grey", SIDE, 1, NULL));
    FAILS(DUET_ARG, "noise comes last", duet_measure_new(&m, "noise+grey", SIDE, COLOURS, NULL));
    FAILS(DUET_ARG, "nothing to fill", duet_measure_new(&m, "", SIDE, COLOURS, hidden));
    hidden[3] = 1;
    FAILS(DUET_UNSUPPORTED, "a mask goes with",
          duet_measure_new(&m, "blur", SIDE, COLOURS, hidden));
    memset(hidden, 1, sizeof hidden);
    FAILS(DUET_ARG, "white everywhere", duet_measure_new(&m, "", SIDE, COLOURS, hidden));
    assert_null(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulling_is_the_least_change_that_agrees),
        cmocka_unit_test(operators_do_what_they_say),
        cmocka_unit_test(noise_is_weighed_against_the_prediction),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
