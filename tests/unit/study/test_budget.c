/* SPDX-License-Identifier: MIT
 * What fits into the time: rows and pools of a sweep, rows of a probe, for costs that are given. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "study/budget.h"

static void cost_of_row(void **state) {
    (void)state;
    assert_true(duet_cost_of_row(2.0, 50, 4.0, 250) == 0.01);      /* 1.5 s are not of the rows */
    assert_true(duet_cost_of_row(3.0, 50, 2.0, 250) == 2.0 / 250); /* noise */
    assert_true(duet_cost_of_row(0.0, 250, 5.0, 250) == 5.0 / 250);
    assert_true(duet_cost_of_row(0.0, 0, 0.0, 0) == 0.0);
}

static void rows_within(void **state) {
    (void)state;
    assert_int_equal(duet_rows_within(100, 20, 0.01, 500, 60000), 8000);
    assert_int_equal(duet_rows_within(100, 20, 0.001, 500, 60000), 60000);
    assert_int_equal(duet_rows_within(100, 120, 0.01, 500, 60000), 500);
    assert_int_equal(duet_rows_within(100, 20, 0.01, 500, 300), 300);
    assert_int_equal(duet_rows_within(100, 20, 0.0, 500, 700), 700);
    assert_int_equal(duet_rows_within(-1, 0, 0.0, 500, 700), 500);
}

/* The same time for few and for many classes: a head of more classes costs more, so there are fewer
 * rows, then fewer pools, and the time holds. */
static void sweeps_keep_the_time(void **state) {
    (void)state;
    const int64_t most = 8000, least = 500, fewest = 60;
    int64_t before = most + 1;
    int pools_before = 3;
    for (int classes = 2; classes <= 102; classes++) {
        const duet_sweep_cost cost = {.pass = 4e-4,
                                      .head = 1.2e-8 * classes,
                                      .passes = 4,
                                      .pools = 2,
                                      .features = {60e3, 300e3}};
        const duet_sweep_size size = duet_sweep_within(&cost, 60.0, fewest, least, most);
        const double seconds =
            (double)size.rows * (1.5 * 4e-4 * 4 + cost.head * cost.features[size.pools - 1]);
        assert_true(seconds <= 60.0 && seconds == size.seconds);
        assert_true(size.rows == most || seconds > 0.9 * 60.0);
        assert_true(size.rows >= least);
        assert_true(size.pools <= pools_before);
        assert_true(size.pools < pools_before || size.rows <= before);
        before = size.rows;
        pools_before = size.pools;
    }
}

static void pools_are_left_out_before_rows(void **state) {
    (void)state;
    duet_sweep_cost cost = {
        .pass = 0, .head = 1e-6, .passes = 1, .pools = 3, .features = {1e3, 1e4, 1e5}};
    duet_sweep_size size = duet_sweep_within(&cost, 100.0, 10, 500, 8000);
    assert_true(size.pools == 3 && size.rows == 1000);
    size = duet_sweep_within(&cost, 20.0, 10, 500, 8000);
    assert_true(size.pools == 2 && size.rows == 2000);
    size = duet_sweep_within(&cost, 0.4, 10, 500, 8000);
    assert_true(size.pools == 1 && size.rows == 400); /* the time holds, with fewer rows */
    size = duet_sweep_within(&cost, 1e-3, 10, 500, 8000);
    assert_true(size.pools == 1 && size.rows == 10);
    size = duet_sweep_within(&cost, 10.0, 10, 500, 90); /* a small set: all of it */
    assert_true(size.pools == 3 && size.rows == 90);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cost_of_row), cmocka_unit_test(rows_within),
                                       cmocka_unit_test(sweeps_keep_the_time),
                                       cmocka_unit_test(pools_are_left_out_before_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
