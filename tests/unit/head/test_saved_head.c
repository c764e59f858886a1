/* SPDX-License-Identifier: MIT
 * Heads in files: what was saved comes back bit for bit with its card, and a file that is damaged,
 * or no head, is named. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/head.h>
#include <duet/store.h>

#include "base/mem.h"
#include "base/rng.h"

#define PATH DUET_TEST_TMP "/case.head.safetensors"
enum { ROWS = 90, DIM = 7, CLASSES = 3 };

static float x[ROWS * DIM];
static const char *const names[] = {"cat", "Zebra crossing", "\xC3\xA9l\xC3\xA9phant"};

static duet_head *make_head(void) {
    int32_t y[ROWS];
    duet_rng_normal(duet_rng_make(1, "test", 0), 0, x, ROWS * DIM);
    for (int i = 0; i < ROWS; i++) {
        y[i] = i % CLASSES;
        x[i * DIM + y[i]] += 2.0f;
        x[i * DIM + 5] = 1000.0f + 3.0f * x[i * DIM + 5];
    }
    const duet_feature_table train = {.rows = ROWS, .dim = DIM, .x = x, .labels = y};
    const duet_head_fit fit = {.train = &train, .class_count = CLASSES, .strength = 0.01};
    duet_head *head = NULL;
    duet_head_result result;
    OK(duet_head_train(NULL, &head, "linear", &fit, &result));
    return head;
}

static duet_head_card make_card(void) {
    return (duet_head_card){.head = "linear:iterations=50",
                            .settings = duet_settings_of(-1, 9, 2),
                            .noise_seed = 0x8000000000000005u,
                            .model_hash = 0xFEDCBA9876543210u,
                            .top1 = 87.5,
                            .data = "set",
                            .class_count = CLASSES,
                            .class_names = names,
                            .calibration = {.rows = 3,
                                            .from = "folds",
                                            .temperature = 1.25,
                                            .score_count = 3,
                                            .scores = {0.125f, 0.5f, 1.0f}}};
}

static void save(void) {
    const duet_head_card card = make_card();
    duet_head *head = make_head();
    OK(duet_head_save(head, &card, PATH));
    duet_head_free(head);
}

static void comes_back_bit_for_bit(void **unused) {
    (void)unused;
    const duet_head_card card = make_card();
    duet_head *head = make_head(), *loaded = NULL;
    duet_head_card read;
    float before[ROWS * CLASSES], after[ROWS * CLASSES];
    OK(duet_head_save(head, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    duet_head_logits(head, x, ROWS, before);
    duet_head_logits(loaded, x, ROWS, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(duet_head_classes(loaded), CLASSES);
    assert_int_equal(duet_head_dim(loaded), DIM);
    assert_string_equal(read.head, card.head);
    assert_string_equal(read.data, card.data);
    assert_true(read.settings.count == 1 &&
                duet_setting_equal(&read.settings.v[0], &card.settings.v[0]));
    assert_true(read.noise_seed == card.noise_seed && read.model_hash == card.model_hash);
    assert_true(read.top1 == 87.5);
    assert_int_equal(read.class_count, CLASSES);
    for (int k = 0; k < CLASSES; k++) assert_string_equal(read.class_names[k], names[k]);
    assert_memory_equal(&read.calibration, &card.calibration, sizeof card.calibration);
    duet_head_free(head);
    duet_head_free(loaded);
}

static void unknown_accuracy_stays_unknown(void **unused) {
    (void)unused;
    duet_head_card card = make_card(), read;
    duet_head *head = make_head(), *loaded = NULL;
    card.top1 = NAN;
    card.class_count = 0;
    OK(duet_head_save(head, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    assert_true(isnan(read.top1));
    assert_int_equal(read.class_count, 0);
    duet_head_free(head);
    duet_head_free(loaded);
}

/* Heads of earlier versions have no calibration; of many rows there are fewer scores than rows. */
static void a_calibration_is_there_or_not(void **unused) {
    (void)unused;
    duet_head_card card = make_card(), read;
    duet_head *head = make_head(), *loaded = NULL;
    card.calibration = (duet_calibration){.rows = 0};
    OK(duet_head_save(head, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    assert_true(read.calibration.rows == 0 && read.calibration.temperature == 1 &&
                read.calibration.score_count == 0);
    duet_head_free(loaded);
    card = make_card();
    card.calibration.rows = 70000;
    card.calibration.score_count = DUET_MOST_SCORES;
    OK(duet_head_save(head, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    assert_memory_equal(&read.calibration, &card.calibration, sizeof card.calibration);
    duet_head_free(loaded);
    card.calibration.score_count = 7; /* not the scores of so many rows */
    OK(duet_head_save(head, &card, PATH));
    FAILS(DUET_FORMAT, "case.head.safetensors' is damaged", duet_head_load(&loaded, &read, PATH));
    duet_head_free(head);
}

static void names_must_be_text(void **unused) {
    (void)unused;
    const char *const latin[] = {"cat", "caf\xE9", "dog"};
    duet_head_card card = make_card();
    duet_head *head = make_head();
    card.class_names = latin;
    FAILS(DUET_FORMAT, "not UTF-8", duet_head_save(head, &card, PATH));
    duet_head_free(head);
}

static void every_truncation_is_refused(void **unused) {
    (void)unused;
    duet_bytes bytes = {0};
    save();
    OK(duet_file_read(&bytes, PATH));
    for (int64_t size = 0; size < bytes.size; size += size < 16 ? 1 : 37) {
        duet_head *head = NULL;
        duet_head_card card;
        FILE *file = fopen(PATH, "wb"); /* no fsync */
        assert_int_equal(fwrite(bytes.data, 1, (size_t)size, file), (size_t)size);
        fclose(file);
        assert_int_not_equal(duet_head_load(&head, &card, PATH), DUET_OK);
        assert_non_null(strstr(duet_error_message(), "case.head.safetensors"));
        assert_null(head);
    }
    duet_bytes_free(&bytes);
}

/* Writes a head with other tensors or another card. */
static void write_file(const duet_store_item *items, int64_t count, const char *key,
                       const char *text) {
    const duet_store_pair pair = {key, text};
    OK(duet_store_write(PATH, "safetensors", items, count, &pair, 1));
}

static void assert_refused(const char *words) {
    duet_head *head = NULL;
    duet_head_card card;
    FAILS(DUET_FORMAT, words, duet_head_load(&head, &card, PATH));
    assert_null(head);
}

/* Heads of several settings, and files from before there were several. */
static void settings_come_back(void **unused) {
    (void)unused;
    const float zeros[64] = {0};
    const duet_shape K = {.rank = 1, .dim = {2}}, D = {.rank = 1, .dim = {4}},
                     KD = {.rank = 2, .dim = {2, 4}};
    const duet_store_item items[] = {{"mean", DUET_F32, DUET_F32, D, zeros},
                                     {"scale", DUET_F32, DUET_F32, D, zeros},
                                     {"bias", DUET_F32, DUET_F32, K, zeros},
                                     {"weight", DUET_F32, DUET_F32, KD, zeros}};
    duet_head_card card = make_card(), read;
    duet_head *head = make_head(), *loaded = NULL;
    OK(duet_settings_parse(&card.settings, "t=5,tap=7,pool=7+t=-1,tap=10,pool=4,flip=true"));
    OK(duet_head_save(head, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    assert_int_equal(read.settings.count, 2);
    for (int i = 0; i < 2; i++)
        assert_true(duet_setting_equal(&read.settings.v[i], &card.settings.v[i]));
    duet_head_free(head);
    duet_head_free(loaded);
    write_file(items, 4, "duet.head",
               "{\"kind\":\"linear\",\"head\":\"linear\",\"dim\":4,\"t\":10,\"tap\":9,\"pool\":2,"
               "\"noise_seed\":7,\"model_hash\":\"fedcba9876543210\",\"top1\":87.5,"
               "\"data\":\"set\",\"classes\":[\"a\",\"b\"]}");
    OK(duet_head_load(&loaded, &read, PATH));
    assert_int_equal(read.settings.count, 1);
    assert_true(read.settings.v[0].t == 10 && read.settings.v[0].tap == 9 &&
                read.settings.v[0].pool == 2 && read.settings.v[0].draws == 1 &&
                read.noise_seed == 7);
    duet_head_free(loaded);
}

static void wrong_files_are_named(void **unused) {
    (void)unused;
    const float zeros[64] = {0};
    const duet_shape K = {.rank = 1, .dim = {2}}, D = {.rank = 1, .dim = {4}},
                     KD = {.rank = 2, .dim = {2, 4}}, DK = {.rank = 2, .dim = {4, 2}};
    const duet_store_item good[] = {{"mean", DUET_F32, DUET_F32, D, zeros},
                                    {"scale", DUET_F32, DUET_F32, D, zeros},
                                    {"bias", DUET_F32, DUET_F32, K, zeros},
                                    {"weight", DUET_F32, DUET_F32, KD, zeros}};
    duet_store_item bad[4];
    duet_head *head = NULL;
    duet_head_card card;
    write_file(good, 4, "duet.head", "{\"kind\":\"linear\",\"classes\":[\"a\",\"b\"]}");
    OK(duet_head_load(&head, &card, PATH));
    duet_head_free(head);
    write_file(good, 4, "duet.card", "{}");
    assert_refused("is not a head; 'duet probe' makes one");
    write_file(good, 4, "duet.head", "{\"kind\":");
    assert_refused("does not say what kind");
    write_file(good, 4, "duet.head", "[1]");
    assert_refused("does not say what kind");
    write_file(good, 4, "duet.head", "{\"kind\":\"linear\",\"classes\":[\"a\"]}");
    assert_refused("names 1 classes, but its tensors have 2");
    for (int i = 0; i < 4; i++) {
        memcpy(bad, good, sizeof bad);
        bad[i].name = "other";
        write_file(bad, 4, "duet.head", "{\"kind\":\"linear\"}");
        assert_refused("do not fit together");
    }
    memcpy(bad, good, sizeof bad);
    bad[3].shape = DK;
    write_file(bad, 4, "duet.head", "{\"kind\":\"linear\"}");
    assert_refused("do not fit together");
    write_file(good, 4, "duet.head", "{\"kind\":\"linaer\"}");
    head = NULL;
    FAILS(DUET_ARG, "did you mean 'linear'", duet_head_load(&head, &card, PATH));
    assert_null(head);
    FAILS(DUET_NOT_FOUND, "nothing here",
          duet_head_load(&head, &card, DUET_TEST_TMP "/nothing here"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),
        cmocka_unit_test(unknown_accuracy_stays_unknown),
        cmocka_unit_test(a_calibration_is_there_or_not),
        cmocka_unit_test(names_must_be_text),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(settings_come_back),
        cmocka_unit_test(wrong_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
