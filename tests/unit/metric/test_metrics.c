/* SPDX-License-Identifier: MIT
 * Metrics of logits against PyTorch and scikit-learn; softmax and sums at their limits; lists; real
 * images from sources. The expected values, in float64, with x the logits and y the labels below:
 *   nll: torch.nn.functional.cross_entropy(x, y); sklearn.metrics.log_loss gives the same
 *   classes_alike: numpy.exp(scipy.stats.entropy(numpy.bincount(x.argmax(1))))
 *   c, k = x.softmax(1).max(1); hit = (k == y).double()
 *   at = torch.bucketize(c, torch.linspace(0, 1, n + 1), right=True) - 1
 *   d = [abs(hit[at == i].mean() - c[at == i].mean()) for i in range(n) if (at == i).any()]
 *   mce: max(d); ece: the sum of d, each times (at == i).double().mean()
 * which is MulticlassCalibrationError of torchmetrics with norm "l1" and "max". */
#include "unit/data/fixtures.h"

#include <math.h>

#include "metric/metric.h"

enum { ROWS = 12, CLASSES = 4, SIDE = 8 };
#define LOGITS (DUET_METRIC_LABELS | DUET_METRIC_LOGITS)

static const int32_t y[ROWS] = {2, 3, 1, 0, 1, 2, 0, 3, 0, 2, 0, 3};
static const float x[ROWS * CLASSES] = {
    -4.625F,   -0.75F,     -0.125F,    2.0F,       -1.765625F, -2.546875F, -1.25F,     0.265625F,
    -2.59375F, 5.046875F,  0.640625F,  4.03125F,   4.265625F,  -2.453125F, 0.140625F,  0.671875F,
    0.3125F,   0.734375F,  -2.515625F, -1.453125F, -0.046875F, 0.421875F,  2.359375F,  -1.65625F,
    2.015625F, -0.484375F, -1.546875F, -3.1875F,   -1.375F,    2.96875F,   -0.890625F, -1.78125F,
    -0.1875F,  1.109375F,  -0.015625F, -2.4375F,   -2.53125F,  -2.234375F, 2.328125F,  1.859375F,
    1.3125F,   0.296875F,  -2.296875F, 3.75F,      -0.625F,    0.484375F,  -2.703125F, 0.484375F};

static double measure(const char *list, const char *name, const float *logits,
                      const int32_t *labels, int rows) {
    duet_metrics *m = NULL;
    duet_metric_result result;
    const duet_metric_setup setup = {.given = LOGITS, .classes = CLASSES};
    const duet_metric_batch batch = {.rows = rows, .labels = labels, .logits = logits};
    OK(duet_metrics_open(&m, list, &setup));
    OK(duet_metrics_add(m, &batch));
    OK(duet_metrics_finish(m, &result));
    const double value = duet_metric_find(&result, name, -1);
    duet_metrics_close(m);
    return value;
}

static void close_to(double got, double want) {
    if (!(fabs(got - want) <= 1e-10)) fail_msg("%.12f, not %.12f", got, want);
}

static void as_other_programs(void **state) {
    (void)state;
    close_to(measure("nll", "nll", x, y, ROWS), 1.201251099871);
    close_to(measure("ece", "ece", x, y, ROWS), 0.367050967264);
    close_to(measure("ece", "mce", x, y, ROWS), 0.844104379618);
    close_to(measure("ece:bins=5", "ece", x, y, ROWS), 0.259597357031);
    close_to(measure("ece:bins=5", "mce", x, y, ROWS), 0.509607909676);
    close_to(measure("classes", "classes_seen", x, y, ROWS), 4);
    close_to(measure("classes:least=0.2", "classes_seen", x, y, ROWS), 2); /* 5 and 3 of 12 rows */
    close_to(measure("classes", "classes_alike", x, y, ROWS), 3.701008637587);
    assert_true(measure("accuracy", "no_such", x, y, ROWS) == -1);
}

static void logits_at_their_limits(void **state) {
    (void)state;
    const float sure[CLASSES] = {3e38F, -3e38F, 0, 0}, none[CLASSES] = {NAN, NAN, NAN, NAN},
                endless[CLASSES] = {-INFINITY, INFINITY, 0, 0};
    const int32_t zero = 0, one = 1;
    assert_true(measure("nll", "nll", sure, &zero, 1) == 0.0);
    assert_true(measure("nll", "nll", sure, &one, 1) == 2147483648.0); /* the most that is summed */
    assert_true(measure("ece", "ece", sure, &zero, 1) == 0.0);         /* 1 is in the last bin */
    assert_true(measure("ece", "ece", sure, &one, 1) == 1.0);
    assert_true(measure("nll", "nll", endless, &one, 1) == 0.0);
    assert_true(isinf(measure("nll", "nll", endless, &zero, 1)));
    assert_true(isinf(measure("nll", "nll", none, &zero, 1))); /* nothing that is no number wins */
    close_to(measure("ece", "ece", none, &zero, 1), 0.25);
}

/* Each border b/n belongs to the bin above it. */
static void borders_of_bins(void **state) {
    (void)state;
    for (int classes = 2; classes <= CLASSES; classes++) { /* equal logits: confidence 1/classes */
        float equal[CLASSES] = {0};
        const int32_t label = 0;
        duet_metrics *m = NULL;
        duet_metric_result result;
        const duet_metric_setup setup = {.given = LOGITS, .classes = classes};
        const duet_metric_batch batch = {.rows = 1, .labels = &label, .logits = equal};
        OK(duet_metrics_open(&m, "ece:bins=12", &setup));
        OK(duet_metrics_add(m, &batch));
        OK(duet_metrics_finish(m, &result));
        assert_int_equal(result.tables[0].columns, 5);
        for (int64_t b = 0; b < 12; b++)
            assert_true(result.tables[0].cells[b * 5 + 2] == (b == 12 / classes ? 1 : 0));
        duet_metrics_close(m);
    }
}

static void sums_are_exact(void **state) {
    (void)state;
    int64_t up[2] = {0}, down[2] = {0};
    for (int i = 1; i <= 1000; i++) duet_fixed_add(up, 1.0 / i);
    for (int i = 1000; i >= 1; i--) duet_fixed_add(down, 1.0 / i);
    assert_true(duet_fixed_value(up) == duet_fixed_value(down));
    close_to(duet_fixed_value(up), 7.485470860550345 + 0.0);
    for (int i = 0; i < 3; i++) duet_fixed_add(up, 1e300);
    assert_true(fabs(duet_fixed_value(up) - 3 * 2147483648.0 - 7.4854708605) < 1e-4);
}

static void check_list(const char *list, const char *first, const char *second) {
    duet_metrics *m = NULL;
    duet_metric_result result;
    const duet_metric_setup setup = {.given = LOGITS, .classes = CLASSES};
    OK(duet_metrics_open(&m, list, &setup));
    OK(duet_metrics_finish(m, &result));
    assert_string_equal(result.values[0].metric, first);
    assert_string_equal(result.values[result.value_count - 1].metric, second);
    duet_metrics_close(m);
}

static void lists(void **state) {
    (void)state;
    check_list("accuracy", "accuracy", "accuracy");
    check_list("nll,accuracy", "nll", "accuracy");
    check_list("ece:bins=3,nll", "ece", "nll");
    check_list("accuracy,ece:bins=(3)", "accuracy", "ece");
    FAILS(DUET_ARG, "no metric '(nll", duet_metrics_check("ece,(nll,accuracy),nll", LOGITS));
    FAILS(DUET_ARG, "did you mean 'accuracy'", duet_metrics_check("acuracy", LOGITS));
    FAILS(DUET_ARG, "no key 'bin'", duet_metrics_check("nll,ece:bins=4,bin=2", LOGITS));
    FAILS(DUET_ARG, "given twice", duet_metrics_check("nll,ece,nll", LOGITS));
    FAILS(DUET_ARG, "is missing", duet_metrics_check("nll,,ece", LOGITS));
    FAILS(DUET_ARG, "is missing", duet_metrics_check("", LOGITS));
    FAILS(DUET_ARG, "needs images and real images", duet_metrics_check("damaged", LOGITS));
    duet_metrics *few = NULL, *many = NULL;
    OK(duet_metrics_open(&few, "ece:bins=3", &(duet_metric_setup){.given = LOGITS, .classes = 2}));
    OK(duet_metrics_open(&many, "ece:bins=4", &(duet_metric_setup){.given = LOGITS, .classes = 2}));
    FAILS(DUET_ARG, "the same ones only", duet_metrics_merge(few, many));
    duet_metrics_close(few);
    duet_metrics_close(many);
}

static duet_source *open_source(const char *spec) {
    duet_source *source = NULL;
    const duet_loader_options options = {.preprocess = {.size = SIDE, .channels = 1}, .batch = 7};
    OK(duet_source_open_path(NULL, &source, spec, &options));
    return source;
}

static duet_metrics *open_damaged(const char *real) {
    duet_metrics *m = NULL;
    const duet_metric_setup setup = {
        .given = DUET_METRIC_IMAGES | DUET_METRIC_REAL, .size = SIDE, .channels = 1};
    OK(duet_metrics_open(&m, "damaged", &setup));
    if (real == NULL) return m;
    duet_source *source = open_source(real);
    OK(duet_metrics_real(m, source));
    FAILS(DUET_ARG, "already", duet_metrics_real(m, source));
    duet_source_close(source);
    return m;
}

#define REAL "synth:size=8,train=50,test=0,classes=3"

/* Of the real images themselves the two at the ends are outside of the limits, and flat ones are.
 */
static void real_images_come_from_a_source(void **state) {
    (void)state;
    duet_metrics *m = open_damaged(REAL), *bare = open_damaged(NULL),
                 *other = open_damaged("synth:size=8,train=20,test=0,classes=3");
    const uint8_t grey[3 * SIDE * SIDE] = {0};
    const duet_metric_batch flat = {.rows = 3, .pixels = grey};
    duet_metric_result result;
    FAILS(DUET_ARG, "before the real images", duet_metrics_add(bare, &flat));
    duet_source *drawn = open_source(REAL);
    OK(duet_metrics_measure(m, drawn));
    duet_source_close(drawn);
    OK(duet_metrics_add(m, &flat));
    OK(duet_metrics_finish(m, &result));
    assert_true(duet_metric_find(&result, "rough", -1) == 1.0);
    assert_true(duet_metric_find(&result, "flat", -1) == 4.0);
    close_to(duet_metric_find(&result, "damaged", -1), 100.0 * 5 / 53);
    FAILS(DUET_ARG, "take the same real images", duet_metrics_merge(m, other));
    duet_source *large = NULL;
    const duet_loader_options options = {.preprocess = {.size = 9, .channels = 1}, .batch = 7};
    OK(duet_source_open_path(NULL, &large, REAL, &options));
    FAILS(DUET_SHAPE, "9 x 9", duet_metrics_real(bare, large));
    duet_source_close(large);
    duet_metrics_close(m);
    duet_metrics_close(bare);
    duet_metrics_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_other_programs),
        cmocka_unit_test(logits_at_their_limits),
        cmocka_unit_test(borders_of_bins),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(lists),
        cmocka_unit_test(real_images_come_from_a_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
