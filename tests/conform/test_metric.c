/* SPDX-License-Identifier: MIT
 * What every member of the family `metric` keeps to: any division of the rows into batches and
 * shards gives the same bits, nothing is counted twice or lost, what is missing is named, and names
 * of values are unique. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/rng.h"
#include "base/str.h"
#include "metric/metric.h"

enum { ROWS = 61, CLASSES = 7, SIDE = 8, CHANNELS = 3, IMAGE = SIDE * SIDE * CHANNELS };
enum { DIM = 5, SPATIAL = 3, REAL = 40 };
#define EVERYTHING                                                                         \
    (DUET_METRIC_LABELS | DUET_METRIC_LOGITS | DUET_METRIC_IMAGES | DUET_METRIC_FEATURES | \
     DUET_METRIC_REAL | DUET_METRIC_SPATIAL)

static int32_t labels[ROWS];
static float logits[ROWS * CLASSES], features[ROWS * DIM], spatial[ROWS * SPATIAL];
static float real_features[REAL * DIM], real_spatial[REAL * SPATIAL];
static uint8_t pixels[ROWS * IMAGE];

/* Rows of all kinds: without a label, sure, unsure, with logits that are no numbers. */
static int setup(void **state) {
    (void)state;
    const duet_rng rng = duet_rng_make(3, "metric", 0);
    duet_rng_normal(rng, 0, logits, ROWS * CLASSES);
    duet_rng_normal(duet_rng_make(3, "metric", 1), 0, features, ROWS * DIM);
    duet_rng_normal(duet_rng_make(3, "metric", 2), 0, spatial, ROWS * SPATIAL);
    duet_rng_normal(duet_rng_make(3, "metric", 3), 0, real_features, REAL * DIM);
    duet_rng_normal(duet_rng_make(3, "metric", 4), 0, real_spatial, REAL * SPATIAL);
    memcpy(features + 7 * DIM, features, DIM * sizeof *features); /* equal rows */
    memcpy(features + 9 * DIM, real_features, DIM * sizeof *features);
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % 9 == 8 ? -1 : (i * 5) % CLASSES;
        for (int k = 0; k < CLASSES; k++) logits[i * CLASSES + k] *= (float)(1 << i % 6);
        if (labels[i] >= 0 && i % 2 == 0) logits[i * CLASSES + labels[i]] += 3.0F;
        if (i % 20 == 3) logits[i * CLASSES + (labels[i] + 1) % CLASSES] = NAN;
    }
    for (int i = 0; i < ROWS * IMAGE; i++) pixels[i] = (uint8_t)(i * (i / IMAGE + 1) % 251);
    return 0;
}

/* The images of a source, with features of their numbers. */
static void give_real(duet_metrics *m) {
    duet_source *real = NULL;
    duet_batch batch;
    const duet_loader_options options = {.preprocess = {.size = SIDE, .channels = CHANNELS},
                                         .batch = 8};
    OK(duet_source_open_path(NULL, &real, "synth:size=8,train=40,test=0,classes=2", &options));
    do {
        OK(duet_source_next(real, &batch));
        const int64_t first = batch.count > 0 ? batch.index[0] : 0;
        const duet_metric_batch one = {.rows = batch.count,
                                       .pixels = batch.pixels,
                                       .logits = logits,
                                       .features = real_features + first * DIM,
                                       .spatial = real_spatial + first * SPATIAL,
                                       .index = batch.index};
        OK(duet_metrics_real_add(m, &one));
    } while (batch.count > 0);
    duet_source_close(real);
}

static duet_metrics *open_metrics(const char *list, int classes) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    duet_metrics *m = NULL;
    const duet_metric_setup all = {.given = EVERYTHING,
                                   .classes = classes,
                                   .class_names = names,
                                   .size = SIDE,
                                   .channels = CHANNELS,
                                   .dim = DIM,
                                   .spatial_dim = SPATIAL,
                                   .threads = 2};
    OK(duet_metrics_open(&m, list, &all));
    give_real(m);
    return m;
}

static duet_metric_batch rows_of(int first, int count) {
    return (duet_metric_batch){.rows = count,
                               .labels = labels + first,
                               .logits = logits + first * CLASSES,
                               .pixels = pixels + first * IMAGE,
                               .features = features + first * DIM,
                               .spatial = spatial + first * SPATIAL};
}

static void add(duet_metrics *m, int first, int count) {
    const duet_metric_batch batch = rows_of(first, count);
    OK(duet_metrics_add(m, &batch));
}

static bool same_number(double a, double b) {
    return isnan(a) ? isnan(b) : a == b;
}

static void assert_same(duet_metrics *a, duet_metrics *b) {
    duet_metric_result x, y;
    OK(duet_metrics_finish(a, &x));
    OK(duet_metrics_finish(b, &y));
    assert_int_equal(x.value_count, y.value_count);
    assert_int_equal(x.table_count, y.table_count);
    for (int i = 0; i < x.value_count; i++)
        if (!same_number(x.values[i].value, y.values[i].value))
            fail_msg("%s: %.17g and %.17g", x.values[i].name, x.values[i].value, y.values[i].value);
    for (int i = 0; i < x.table_count; i++) {
        const duet_metric_table *p = &x.tables[i], *q = &y.tables[i];
        assert_true(p->rows == q->rows && p->columns == q->columns);
        for (int64_t k = 0; k < p->rows * p->columns; k++)
            if (p->counts != NULL)
                assert_int_equal(p->counts[k], q->counts[k]);
            else
                assert_true(same_number(p->cells[k], q->cells[k]));
    }
}

static void divided(const char *name) {
    duet_metrics *whole = open_metrics(name, CLASSES), *batches = open_metrics(name, CLASSES);
    add(whole, 0, ROWS);
    for (int first = 0, n = 1; first < ROWS; first += n, n = n % 5 + 1)
        add(batches, first, first + n < ROWS ? n : ROWS - first);
    assert_same(whole, batches);
    for (uint64_t seed = 0; seed < 8; seed++) { /* each row into a shard drawn at random */
        duet_metrics *shard[4];
        const duet_rng rng = duet_rng_make(seed, "shards", 0);
        for (int s = 0; s < 4; s++) shard[s] = open_metrics(name, CLASSES);
        for (int i = ROWS - 1; i >= 0; i--) {
            add(shard[(int)(3.0 * duet_rng_uniform(rng, (uint64_t)i))], i, 1);
        }
        OK(duet_metrics_merge(shard[3], shard[1])); /* shard 3 is empty */
        OK(duet_metrics_merge(shard[2], shard[0]));
        OK(duet_metrics_merge(shard[3], shard[2]));
        assert_same(whole, shard[3]);
        for (int s = 0; s < 4; s++) duet_metrics_close(shard[s]);
    }
    duet_metrics_close(whole);
    duet_metrics_close(batches);
}

static void nothing_counted(const char *name, const duet_metric_kind *kind) {
    duet_metrics *empty = open_metrics(name, CLASSES), *unlabelled = open_metrics(name, CLASSES);
    duet_metric_result result;
    OK(duet_metrics_finish(empty, &result));
    assert_int_equal(result.value_count, kind->scalar_count);
    assert_true(isnan(result.values[0].value));
    int32_t kept[ROWS];
    memcpy(kept, labels, sizeof kept);
    for (int i = 0; i < ROWS; i++) labels[i] = -1;
    if ((kind->needs & DUET_METRIC_LABELS) != 0) add(unlabelled, 0, ROWS);
    memcpy(labels, kept, sizeof kept);
    add(unlabelled, 0, 0);
    assert_same(empty, unlabelled);
    duet_metrics_close(empty);
    duet_metrics_close(unlabelled);
}

static void missing(const char *name, const duet_metric_kind *kind) {
    for (unsigned bit = 1; bit <= DUET_METRIC_SPATIAL; bit <<= 1) {
        duet_metrics *m = NULL;
        const duet_metric_setup some = {.given = EVERYTHING & ~bit,
                                        .classes = CLASSES,
                                        .size = SIDE,
                                        .channels = CHANNELS,
                                        .dim = DIM,
                                        .spatial_dim = SPATIAL};
        if ((kind->needs & bit) == 0) {
            OK(duet_metrics_check(name, some.given));
            continue;
        }
        FAILS(DUET_ARG, name, duet_metrics_open(&m, name, &some));
        FAILS(DUET_ARG, "not at hand", duet_metrics_check(name, some.given));
    }
    duet_metrics *m = open_metrics(name, CLASSES);
    const duet_metric_batch bare = {.rows = 1};
    FAILS(DUET_ARG, "without all of its inputs", duet_metrics_add(m, &bare));
    duet_metrics_close(m);
}

static void every_member(void **state) {
    (void)state;
    for (int i = 0; i < duet_family_metric.count; i++) {
        const duet_entry *entry = duet_family_metric.entries[i];
        const duet_metric_kind *kind = duet_metric_of(entry);
        print_message("%s\n", entry->name);
        assert_true(kind->scalar_count >= 1 && kind->scalar_count <= DUET_METRIC_SCALARS);
        assert_true(kind->needs != 0);
        if ((kind->needs & DUET_METRIC_REAL) == 0) assert_null(kind->real);
        divided(entry->name);
        nothing_counted(entry->name, kind);
        missing(entry->name, kind);
    }
}

static void names_are_unique(void **state) {
    (void)state;
    const char *seen[256];
    int count = 0;
    for (int i = 0; i < duet_family_metric.count; i++) {
        const duet_metric_kind *kind = duet_metric_of(duet_family_metric.entries[i]);
        for (int k = 0; k < kind->scalar_count; k++) {
            const duet_metric_scalar *s = &kind->scalars[k];
            assert_true(*s->name != '\0' && *s->title != '\0' && s->unit != NULL);
            assert_true(s->better == 1 || s->better == -1);
            for (int p = 0; p < count; p++) assert_string_not_equal(seen[p], s->name);
            seen[count++] = s->name;
        }
    }
    assert_true(count >= duet_family_metric.count);
}

/* All members at once say what each says alone. */
static void together_as_alone(void **state) {
    (void)state;
    char list[1024] = "";
    for (int i = 0; i < duet_family_metric.count; i++) {
        duet_copy_text(list + strlen(list), sizeof list - strlen(list), i > 0 ? "," : "");
        duet_copy_text(list + strlen(list), sizeof list - strlen(list),
                       duet_family_metric.entries[i]->name);
    }
    duet_metrics *all = open_metrics(list, CLASSES);
    duet_metric_result together, alone;
    int at = 0;
    add(all, 0, ROWS);
    OK(duet_metrics_finish(all, &together));
    for (int i = 0; i < duet_family_metric.count; i++) {
        duet_metrics *one = open_metrics(duet_family_metric.entries[i]->name, CLASSES);
        add(one, 0, ROWS);
        OK(duet_metrics_finish(one, &alone));
        for (int k = 0; k < alone.value_count; k++, at++) {
            assert_string_equal(together.values[at].name, alone.values[k].name);
            assert_string_equal(together.values[at].metric, duet_family_metric.entries[i]->name);
            assert_true(same_number(together.values[at].value, alone.values[k].value));
        }
        FAILS(DUET_ARG, "the same ones only",
              duet_metrics_merge(one, all)); /* another list does not merge */
        duet_metrics_close(one);
    }
    assert_int_equal(at, together.value_count);
    duet_metrics_close(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(together_as_alone),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
