/* SPDX-License-Identifier: MIT
 * The measure of features without labels: against its closed form where the covariances are known,
 * by the narrower and by the dual way; what it is zero for; and the choice that it makes. */
#include "tiny_model.h"

#include <math.h>
#include <string.h>

#include <duet/auto.h>

#include "base/mem.h"
#include "base/rng.h"
#include "study/invariance.h"

/* Pairs x = signal + noise of deviation `noise` in each of d independent directions. */
static double measure(int64_t n, int64_t d, double noise) {
    float *z = NULL, *signal = NULL;
    double out = -1;
    OK(duet_alloc(&z, 2 * n * d, sizeof *z));
    OK(duet_alloc(&signal, n * d, sizeof *signal));
    duet_rng_normal(duet_rng_make(1, "signal", 0), 0, signal, n * d);
    duet_rng_normal(duet_rng_make(1, "noise", 0), 0, z, 2 * n * d);
    for (int64_t i = 0; i < 2 * n * d; i++)
        z[i] = 5.0f + 3.0f * (signal[i % (n * d)] + (float)noise * z[i]);
    OK(duet_information(&out, z, n, d));
    duet_release(z);
    duet_release(signal);
    return out;
}

/* With variance 1 in each direction W = noise^2 / (1 + noise^2): d/2 log((1 + l) / (W + l)). */
static void closed_form(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        const double noise = 0.2 * pow(2.0, i), w = noise * noise / (1.0 + noise * noise),
                     want = 0.5 * 8 * log((1.0 + 0.01) / (w + 0.01));
        const double have = measure(4000, 8, noise);
        if (!(fabs(have - want) < 0.02 * want)) fail_msg("%g instead of %g", have, want);
    }
}

/* More directions than rows: by the other matrix. Repeated columns add nothing but directions that
 * are known already, so the value is that of the columns once. */
static void dual_way(void **state) {
    (void)state;
    enum { N = 20, D = 16, COPIES = 8 };
    static float once[2 * N * D], copies[2 * N * D * COPIES];
    double a = 0, b = 0;
    duet_rng_normal(duet_rng_make(2, "pairs", 0), 0, once, 2 * N * D);
    for (int64_t i = 0; i < 2 * N; i++)
        for (int64_t c = 0; c < D; c++) {
            if (i >= N) once[i * D + c] = once[(i - N) * D + c] + 0.3f * once[i * D + c];
            for (int64_t k = 0; k < COPIES; k++) copies[(i * COPIES + k) * D + c] = once[i * D + c];
        }
    OK(duet_information(&a, once, N, D));
    OK(duet_information(&b, copies, N, (int64_t)D * COPIES));
    assert_true(a > 1 && fabs(a - b) < 0.25 * a);
}

static void nothing_to_tell(void **state) {
    (void)state;
    float same[2 * 6 * 3];
    double out = -1;
    for (int i = 0; i < DUET_COUNT(same); i++) same[i] = 4.0f;
    OK(duet_information(&out, same, 6, 3));
    assert_true(out == 0);
    assert_true(measure(2000, 8, 100.0) < 0.2); /* the pairs have nothing in common */
}

static void chooses(void **state) {
    (void)state;
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data("synth:size=8,classes=2,train=40");
    duet_auto_options o = {
        .sweep = {.t = {.count = 2, .v = {0, 40}}, .pools = {.count = 2, .v = {1, 2}}, .batch = 7},
        .unlabelled = true};
    duet_auto_result r, again;
    OK(duet_auto(ctx, &r, model, dataset, &o));
    o.sweep.batch = 16;
    OK(duet_auto(ctx, &again, model, dataset, &o));
    assert_true(r.unlabelled && r.count == 2 * TINY_TAPS * 2 && r.spent.passes == 160);
    double most = 0;
    for (int64_t i = 0; i < r.count; i++) {
        assert_true(isnan(r.rows[i].top1) && r.rows[i].information == again.rows[i].information);
        most = fmax(most, r.rows[i].information);
        if (duet_setting_equal(&r.rows[i].setting, &r.best.settings.v[0]))
            assert_true(r.rows[i].information > 0);
    }
    assert_true(most > 0 && r.best.settings.count == 1 && isnan(r.best.top1));
    duet_auto_result_free(&r);
    duet_auto_result_free(&again);
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(closed_form), cmocka_unit_test(dual_way),
                                       cmocka_unit_test(nothing_to_tell),
                                       cmocka_unit_test(chooses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
