/* SPDX-License-Identifier: MIT
 * Learning-rate rules, and the average of the weights. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "train/trainer.h"

static double factor(const char *spec, int64_t step, int64_t total) {
    duet_choice choice = {0};
    assert_int_equal(duet_family_parse(&duet_family_lr, &choice.entry, &choice.options,
                                       sizeof choice.options, spec),
                     DUET_OK);
    return duet_lr_of(choice.entry)->factor(&choice.options, step, total);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-12;
}

static void test_cosine(void **state) {
    (void)state;
    const char *spec = "cosine:warmup=100,floor=0.1";
    assert_true(near(factor(spec, 0, 2000), 0.01) && near(factor(spec, 49, 2000), 0.5) &&
                near(factor(spec, 99, 2000), 1.0));
    assert_true(near(factor(spec, 100, 2000), 1.0));
    assert_true(near(factor(spec, 1050, 2000), 0.55)); /* half way between 1 and the floor */
    assert_true(near(factor(spec, 2000, 2000), 0.1) && near(factor(spec, 9999, 2000), 0.1));
    for (int64_t s = 100; s < 2000; s++)
        assert_true(factor(spec, s + 1, 2000) < factor(spec, s, 2000));
    /* total not known yet */
    assert_true(near(factor(spec, 5000, 0), 1.0) && near(factor(spec, 4, 0), 0.05));
}

static void test_constant(void **state) {
    (void)state;
    assert_true(near(factor("constant:warmup=10", 4, 1000), 0.5) &&
                near(factor("constant:warmup=10", 999, 1000), 1.0));
    assert_true(near(factor("constant:warmup=0", 0, 1000), 1.0));
}

static void test_step(void **state) {
    (void)state;
    const char *spec = "step:stages=4,factor=0.1"; /* 28 epochs, a tenth every 7 */
    for (int epoch = 0; epoch < 28; epoch++)
        assert_true(near(factor(spec, epoch, 28), pow(0.1, epoch / 7)));
    assert_true(near(factor(spec, 28, 28), 1e-3) && near(factor(spec, 7, 0), 1.0));
    for (int epoch = 0; epoch < 100; epoch++) /* at places of its own */
        assert_true(near(factor("step:at=29/57/86", epoch, 100),
                         pow(0.1, (epoch >= 29) + (epoch >= 57) + (epoch >= 86))));
    assert_true(near(factor("step:at=50,factor=0.5", 3, 4), 0.5));
}

static void test_short_training(void **state) {
    (void)state; /* at most a tenth is warm-up, and every rule stays within 0..1 */
    for (int m = 0; m < duet_family_lr.count; m++) {
        const char *name = duet_family_lr.entries[m]->name;
        for (int64_t total = 1; total < 60; total += 7) {
            for (int64_t s = 0; s <= total; s++)
                assert_true(factor(name, s, total) > 0.0 && factor(name, s, total) <= 1.0);
        }
    }
    assert_true(near(factor("cosine:warmup=200", 4, 50), 1.0)); /* warm-up of 5 steps is over */
    assert_true(near(factor("cosine:warmup=200", 1, 50), 0.4));
}

static void test_ema_decay(void **state) {
    (void)state;
    assert_true(near(duet_ema_decay(0.999, 0), 0.1) && near(duet_ema_decay(0.999, 90), 0.91));
    assert_true(near(duet_ema_decay(0.999, 100000), 0.999) && near(duet_ema_decay(0.0, 3), 0.0));
}

static void test_ema_update(void **state) {
    (void)state;
    float a[32] = {0}, b[32], take = 0.0F;
    for (int i = 0; i < 32; i++) b[i] = (float)i;
    const duet_update_tile tiles[] = {{.weight = b, .beside = {a}, .count = 10, .averaged = true},
                                      {.weight = b + 16, .beside = {a + 16}, .count = 5}};
    duet_averages one;
    assert_int_equal(duet_averages_parse(&one, "0.75"), DUET_OK);
    const duet_rule *const ema = duet_average_of(one.list[0].entry);
    const void *const options = &one.list[0].options;
    const duet_update_call call = {
        .tiles = tiles, .tile_count = 2, .coefficients = &take, .threads = 2};
    ema->prepare(options, 1.0, 1, &take);
    assert_true(near((double)take, (double)0.9F)); /* the warm-up */
    ema->prepare(options, 1.0, 1000, &take);
    ema->run(&call);
    for (int i = 0; i < 10; i++) assert_true(a[i] == 0.25F * (float)i);
    for (int i = 16; i < 21; i++) assert_true(a[i] == (float)i); /* states are copied */
    assert_true(a[10] == 0.0F && a[21] == 0.0F);
    ema->run(&call);
    for (int i = 0; i < 10; i++) assert_true(fabsf(a[i] - 0.4375F * (float)i) < 1e-6F);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosine),    cmocka_unit_test(test_constant),
        cmocka_unit_test(test_step),      cmocka_unit_test(test_short_training),
        cmocka_unit_test(test_ema_decay), cmocka_unit_test(test_ema_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
