/* SPDX-License-Identifier: MIT
 * Probes with few labels, their curve, and the calibration of the head that is saved: by which
 * rows, what classify makes of it, and that neither threads nor what else is asked for change
 * anything. */
#include "tiny_model.h"

#include <math.h>
#include <jansson.h>

#include <duet/study.h>

#define DATA "synth:size=8,classes=3,train=90,test=45"
enum { CLASSES = 3, TESTS = 45 };

static char run[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];

static duet_probe_options usual(void) {
    duet_probe_options o = {.settings = duet_settings_of(10, 9, 2), .noise_seeds = 1, .seed = 4};
    duet_copy_text(o.head, sizeof o.head, "linear");
    return o;
}

typedef struct made { /* a probe and what it needs */
    duet_context *ctx;
    duet_model *model;
    duet_dataset *set;
    duet_probe_result r;
    duet_head *head; /* that it saved */
    duet_head_card card;
} made;

static made probe(const char *data, const duet_probe_options *options, int threads) {
    made m = {.ctx = make_context(threads, true)};
    char path[DUET_PATH_SIZE];
    m.model = make_model(m.ctx, TINY_ARCH, 1);
    m.set = open_data(data);
    fresh_folder(run, "probe-labels");
    OK(duet_path_join(folder, run, "probe-001"));
    OK(duet_folder_make(folder));
    OK(duet_probe(m.ctx, &m.r, m.model, m.set, options, folder));
    OK(duet_path_join(path, folder, "head.safetensors"));
    OK(duet_head_load(&m.head, &m.card, path));
    return m;
}

static void done(made *m) {
    duet_head_free(m->head);
    duet_probe_result_free(&m->r);
    duet_dataset_close(m->set);
    duet_model_close(m->model);
    duet_context_free(m->ctx);
}

static json_t *result(void) {
    char path[DUET_PATH_SIZE];
    json_error_t error;
    OK(duet_path_join(path, folder, "result.json"));
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) fail_msg("%s: %s", path, error.text);
    return root;
}

/* ---- which rows calibrate ---- */

static void check_calibration(const char *data, const duet_probe_options *o, const char *from,
                              int64_t rows, int64_t train) {
    made m = probe(data, o, 1);
    const duet_calibration *c = &m.r.calibration.made;
    assert_string_equal(c->from, from);
    assert_true(c->rows == rows && m.r.train_rows == train && c->temperature > 0);
    assert_string_equal(m.card.calibration.from, from);
    assert_true(m.card.calibration.rows == rows &&
                m.card.calibration.temperature == c->temperature);
    assert_memory_equal(m.card.calibration.scores, c->scores, sizeof c->scores);
    done(&m);
}

static void rows_set_apart_come_first(void **state) {
    (void)state;
    duet_probe_options o = usual();
    check_calibration(DATA, &o, "folds", 90, 90);
    check_calibration("synth:size=8,classes=3,train=90,val=33,test=45", &o, "val", 33, 90);
    check_calibration("synth:size=8,classes=3,train=90,val=33,test=0", &o, "folds", 90, 90);
    check_calibration("synth:size=8,classes=3,train=2000,test=9", &o, "held", 200, 2000);
    o.calibration_rows = 30;
    check_calibration(DATA, &o, "apart", 30, 60);
    o.calibration_rows = 0;
    o.labels.rows = 42; /* the labels of val would come on top */
    check_calibration("synth:size=8,classes=3,train=90,val=33,test=45", &o, "folds", 42, 42);
}

/* The calibration does not touch what was there before it. */
static void accuracy_does_not_depend_on_it(void **state) {
    (void)state;
    const duet_probe_options o = usual();
    made m = probe(DATA, &o, 1),
         other = probe("synth:size=8,classes=3,train=90,val=33,test=45", &o, 1);
    assert_true(m.r.top1 == other.r.top1 && m.r.rows[0].strength == other.r.rows[0].strength);
    assert_true(m.r.calibration.made.temperature != other.r.calibration.made.temperature);
    done(&m);
    done(&other);
}

/* What the probe says of the test rows is what the saved head does on them. */
static void the_saved_head_is_as_honest_as_said(void **state) {
    (void)state;
    const duet_probe_options o = usual();
    made m = probe(DATA, &o, 1);
    const duet_probe_calibration *c = &m.r.calibration;
    for (int s = 0; s < DUET_CONFORMAL_LEVELS; s++) {
        const duet_classify_options how = {.conformal = c->sets[s].level};
        duet_evaluation e;
        OK(duet_evaluate(m.ctx, &e, m.model, m.head, &m.card, m.set, DUET_TEST, "ece,nll", &how,
                         NULL));
        assert_true(e.coverage == c->sets[s].coverage && e.mean_size == c->sets[s].mean_size);
        assert_true(fabs(duet_metric_find(&e.result, "ece", NAN) - c->ece[1]) < 1e-9 &&
                    fabs(duet_metric_find(&e.result, "nll", NAN) - c->nll[1]) < 1e-9);
        duet_evaluation_free(&e);
        assert_true(s == 0 || c->sets[s].coverage >= c->sets[s - 1].coverage);
    }
    m.card.calibration.rows = 0; /* as a head of an earlier version */
    duet_evaluation plain;
    OK(duet_evaluate(m.ctx, &plain, m.model, m.head, &m.card, m.set, DUET_TEST, "ece,nll", NULL,
                     NULL));
    assert_true(fabs(duet_metric_find(&plain.result, "ece", NAN) - c->ece[0]) < 1e-9);
    assert_true(isnan(plain.coverage));
    duet_evaluation_free(&plain);
    const duet_classify_options how = {.conformal = 0.9}, too_much = {.conformal = 1};
    FAILS(DUET_ARG, "the head is not calibrated, which sets of classes need; 'duet probe'",
          duet_evaluate(m.ctx, &plain, m.model, m.head, &m.card, m.set, DUET_TEST, "", &how, NULL));
    FAILS(DUET_ARG, "the model's own classifier is not calibrated",
          duet_evaluate(m.ctx, &plain, m.model, NULL, NULL, m.set, DUET_TEST, "", &how, NULL));
    FAILS(DUET_ARG, "between 0 and 1",
          duet_evaluate(m.ctx, &plain, m.model, m.head, &m.card, m.set, DUET_TEST, "", &too_much,
                        NULL));
    done(&m);
}

/* ---- sets of classes ---- */

typedef struct heard {
    const duet_calibration *calibration;
    double level;
    int count, ones;
} heard;

static void hear(const duet_prediction *p, void *user) {
    heard *h = user;
    const double least = duet_conformal_least(h->calibration, h->level);
    double sum = 0;
    assert_int_equal(p->classes, CLASSES);
    for (int i = 0; i < p->classes; i++) {
        sum += p->probabilities[i];
        assert_true(p->ranking[i] == p->label[i] && p->probabilities[i] == p->probability[i]);
        assert_true(i == 0 || p->probabilities[i] <= p->probabilities[i - 1]);
        assert_true((i < p->set) == (i == 0 || p->probabilities[i] >= least));
    }
    assert_true(fabs(sum - 1) < 1e-12);
    h->ones += p->set == 1;
    h->count++;
}

static void sets_are_the_most_probable_classes(void **state) {
    (void)state;
    const duet_probe_options o = usual();
    made m = probe(DATA, &o, 1);
    static char path[TESTS][DUET_PATH_SIZE];
    const char *paths[TESTS];
    const duet_classify_options small = {.conformal = 0.3}, all = {.conformal = 0.995};
    for (int i = 0; i < TESTS; i++) {
        duet_image image = {0};
        char name[32];
        snprintf(name, sizeof name, "%d.png", i);
        OK(duet_path_join(path[i], run, name));
        OK(duet_image_new(&image, 8, 8, 3));
        OK(duet_dataset_read(m.set, DUET_TEST, i, &duet_model_card(m.model)->preprocess,
                             image.pixels));
        OK(duet_image_write_png(path[i], &image, NULL, 0));
        duet_image_free(&image);
        paths[i] = path[i];
    }
    heard few = {.calibration = &m.card.calibration, .level = small.conformal}, many = few;
    many.level = all.conformal;
    OK(duet_classify_each(m.ctx, m.model, m.head, &m.card, paths, TESTS, &small, hear, &few));
    OK(duet_classify_each(m.ctx, m.model, m.head, &m.card, paths, TESTS, &all, hear, &many));
    assert_true(few.count == TESTS && few.ones > 0);
    assert_true(many.ones == 0); /* 90 rows are too few for 99.5 %: all classes */
    done(&m);
}

/* ---- budgets of labels ---- */

static void shots_are_drawn_for_each_seed(void **state) {
    (void)state;
    duet_probe_options o = usual();
    duet_copy_text(o.baselines, sizeof o.baselines, "pixels");
    o.noise_seeds = 3;
    o.labels.shots = 5;
    made m = probe(DATA, &o, 1);
    assert_true(m.r.label_draws == 3 && m.r.label_classes == CLASSES && m.r.train_rows == 15 &&
                m.r.seeds == 3 && m.r.row_count == 2);
    double sum = 0;
    for (int s = 0; s < 3; s++) sum += m.r.top1_seeds[s];
    assert_true(fabs(m.r.top1 - sum / 3) < 1e-9 && m.r.rows[0].top1_std == m.r.top1_std &&
                m.r.top1_std > 0 && m.r.rows[1].top1_std > 0);
    json_t *root = result();
    const json_t *labels = json_object_get(root, "labels");
    assert_int_equal(json_integer_value(json_object_get(labels, "shots")), 5);
    assert_int_equal(json_integer_value(json_object_get(labels, "rows")), 15);
    assert_int_equal(json_integer_value(json_object_get(labels, "draws")), 3);
    assert_null(json_object_get(root, "few"));
    json_decref(root);
    /* the head that is saved is that of the first draw */
    o.noise_seeds = 1;
    made one = probe(DATA, &o, 1);
    assert_true(one.r.top1 == m.r.top1_seeds[0] && one.r.rows[1].top1_std == 0);
    assert_memory_equal(one.r.confusion, m.r.confusion, sizeof(int64_t) * CLASSES * CLASSES);
    assert_memory_equal(&one.card.calibration, &m.card.calibration, sizeof one.card.calibration);
    done(&one);
    done(&m);
}

/* With one label a class there is nothing to choose or calibrate by. */
static void one_label_a_class_is_not_calibrated(void **state) {
    (void)state;
    duet_probe_options o = usual();
    o.labels.shots = 1;
    made m = probe(DATA, &o, 1);
    assert_true(m.r.train_rows == 3 && m.r.calibration.made.rows == 0 &&
                m.card.calibration.rows == 0 && isnan(m.r.rows[0].val_top1));
    json_t *root = result();
    assert_null(json_object_get(root, "calibration"));
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(root, "rows"), 0), "val_top1")));
    json_decref(root);
    done(&m);
}

static void heads_of_all_kinds_take_few_labels(void **state) {
    (void)state;
    static const char *const heads[] = {"ridge", "knn", "mlp:epochs=3"};
    for (int i = 0; i < DUET_COUNT(heads); i++) {
        duet_probe_options o = usual();
        o.labels.fraction = 0.2;
        duet_copy_text(o.head, sizeof o.head, heads[i]);
        made m = probe(DATA, &o, 1);
        assert_true(m.r.train_rows == 18 && m.r.calibration.made.rows == 18);
        done(&m);
    }
}

static void lists_choose_the_rows(void **state) {
    (void)state;
    duet_probe_options o = usual();
    o.noise_seeds = 2;
    char lists[DUET_PATH_SIZE];
    fresh_folder(lists, "probe-lists");
    static const char names[] = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\nnowhere\n";
    put_file(lists, "rows.txt", names, (int64_t)strlen(names));
    OK(duet_path_join(o.labels.list, lists, "rows.txt"));
    made m = probe(DATA, &o, 1);
    assert_true(m.r.train_rows == 12 && m.r.label_draws == 1 && m.r.seeds == 2 &&
                m.r.listed.names == 13 && m.r.listed.unknown == 1);
    json_t *root = result();
    const json_t *labels = json_object_get(root, "labels");
    assert_int_equal(json_integer_value(json_object_get(labels, "found")), 12);
    assert_string_equal(json_string_value(json_object_get(labels, "first_not_found")), "nowhere");
    json_decref(root);
    duet_probe_result r;
    put_file(lists, "rows.txt", "0\n3\n6\n", 6); /* of class 0 */
    FAILS(DUET_ARG, "the labels are of 1 class", duet_probe(m.ctx, &r, m.model, m.set, &o, folder));
    o.train_rows = 30;
    FAILS(DUET_ARG, "exclude each other", duet_probe(m.ctx, &r, m.model, m.set, &o, folder));
    o.train_rows = 0;
    o.minutes = 1;
    FAILS(DUET_ARG, "exclude each other", duet_probe(m.ctx, &r, m.model, m.set, &o, folder));
    o = usual();
    o.calibration_rows = 46;
    FAILS(DUET_ARG, "more than half", duet_probe(m.ctx, &r, m.model, m.set, &o, folder));
    done(&m);
}

/* ---- the curve, and threads ---- */

static void the_curve_has_all_readers_and_threads_change_nothing(void **state) {
    (void)state;
    duet_probe_options o = usual();
    duet_copy_text(o.baselines, sizeof o.baselines, DUET_BASELINES);
    o.few = true;
    made one = probe(DATA, &o, 1);
    json_t *root = result();
    const json_t *few = json_object_get(root, "few");
    const int64_t points = one.r.few_count / 3; /* 1, 2, 5, 10 and 20 of 30 a class */
    assert_true(points == 5 && one.r.few_count == 15 &&
                json_array_size(few) == (size_t)one.r.few_count);
    static const char *const readers[] = {"model", "random", "pixels"};
    for (int64_t i = 0; i < one.r.few_count; i++) {
        const duet_few_row *row = &one.r.few[i];
        const json_t *said = json_array_get(few, (size_t)i);
        assert_string_equal(row->reader, readers[i / points]);
        assert_true(row->shots == one.r.few[i % points].shots && row->labels == 3 * row->shots &&
                    row->draws == one.r.few[i % points].draws);
        assert_true(fabs(json_number_value(json_object_get(said, "top1")) - row->top1) < 1e-6);
        assert_true(json_is_null(json_object_get(said, "top1_std")) == isnan(row->top1_std));
    }
    assert_string_equal(json_string_value(json_object_get(root, "few_head")), "ridge");
    json_decref(root);
    made three = probe(DATA, &o, 3);
    for (int64_t i = 0; i < one.r.few_count; i++)
        assert_true(one.r.few[i].top1 == three.r.few[i].top1);
    assert_memory_equal(&one.card.calibration, &three.card.calibration,
                        sizeof one.card.calibration);
    assert_memory_equal(one.r.calibration.sets, three.r.calibration.sets,
                        sizeof one.r.calibration.sets);
    assert_true(one.r.top1 == three.r.top1);
    done(&three);
    o.few = false; /* it changes nothing else */
    made without = probe(DATA, &o, 1);
    assert_true(without.r.few_count == 0 && without.r.top1 == one.r.top1 &&
                without.r.rows[2].top1 == one.r.rows[2].top1);
    done(&without);
    done(&one);
}

static void the_curve_keeps_to_the_minutes(void **state) {
    (void)state;
    duet_probe_options o = usual();
    o.few = true;
    o.minutes = 1e-9;
    made m = probe(DATA, &o, 1);
    assert_true(m.r.few_count == 0 && m.r.train_rows == 50);
    done(&m);
    o.minutes = 1e6;
    m = probe(DATA, &o, 1);
    assert_true(m.r.few_count == 5 && m.r.train_rows == 90);
    done(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_set_apart_come_first),
        cmocka_unit_test(accuracy_does_not_depend_on_it),
        cmocka_unit_test(the_saved_head_is_as_honest_as_said),
        cmocka_unit_test(sets_are_the_most_probable_classes),
        cmocka_unit_test(shots_are_drawn_for_each_seed),
        cmocka_unit_test(one_label_a_class_is_not_calibrated),
        cmocka_unit_test(heads_of_all_kinds_take_few_labels),
        cmocka_unit_test(lists_choose_the_rows),
        cmocka_unit_test(the_curve_has_all_readers_and_threads_change_nothing),
        cmocka_unit_test(the_curve_keeps_to_the_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
