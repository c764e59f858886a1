/* SPDX-License-Identifier: MIT
 * Accuracy of a classifier on sets whose classes stand in another order, are fewer or are others:
 * matched by name, refused where nothing tells which is which; and answers to many files, which are
 * those to one. */
#include "tiny_model.h"

#include <math.h>

#include <duet/study.h>

#include "io/image.h"

enum { OUTPUTS = 5, IMAGES = 40, SIDE = 16 };

/* In the order of the outputs, and not of the alphabet. */
static const char *const names[OUTPUTS] = {"Maple Tree", "ash", "oak", "beech", "lime"};
static char folder[DUET_PATH_SIZE];

static void put_image(const char *name, int i) {
    duet_bytes png = png_of(SIDE, SIDE, (uint8_t)(i * 37), (uint8_t)(i * 91), (uint8_t)(i * 153));
    put_file(folder, name, png.data, png.size);
    duet_bytes_free(&png);
}

static duet_model *open_model(duet_context *ctx) {
    duet_model *model = NULL;
    OK(duet_model_open(ctx, &model, DUET_SOURCE_DIR "/tests/golden/vit_torchvision.pt"));
    assert_int_equal(duet_model_logits(model), OUTPUTS);
    return model;
}

/* Folders that are called as the model answers: every row is right when names are what counts. The
 * number of them; their names go to *classes. */
static int put_answered_set(duet_context *ctx, duet_model *model, int *classes) {
    char path[IMAGES][DUET_PATH_SIZE], name[64];
    const char *paths[IMAGES];
    static duet_prediction answers[IMAGES];
    bool seen[OUTPUTS] = {false};
    fresh_folder(folder, "evaluate-flat");
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "%02d.png", i);
        put_image(name, i);
        OK(duet_path_join(path[i], folder, name));
        paths[i] = path[i];
    }
    OK(duet_classify(ctx, answers, model, NULL, NULL, paths, IMAGES));
    fresh_folder(folder, "evaluate-set");
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(answers[i].status, DUET_OK);
        snprintf(name, sizeof name, "test/%s/%02d.png",
                 answers[i].label[0] == 0 ? "maple_tree" : names[answers[i].label[0]], i);
        put_image(name, i);
        seen[answers[i].label[0]] = true;
    }
    *classes = 0;
    for (int k = 0; k < OUTPUTS; k++) *classes += seen[k];
    return IMAGES;
}

static void classes_are_matched_by_name(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = open_model(ctx);
    duet_evaluation e = {0};
    int classes = 0;
    const int rows = put_answered_set(ctx, model, &classes);
    assert_true(classes >= 2 && classes < OUTPUTS); /* else the set has no other order */
    duet_dataset *set = open_data(folder);
    assert_int_equal(duet_dataset_describe(set)->class_count, classes);
    FAILS(DUET_SHAPE, "--classes FILE",
          duet_evaluate(ctx, &e, model, NULL, NULL, set, DUET_TEST, "", NULL, NULL));
    OK(duet_card_set_classes(model, names, OUTPUTS));
    OK(duet_evaluate(ctx, &e, model, NULL, NULL, set, DUET_TEST, "", NULL, NULL));
    assert_true(e.by_name);
    assert_int_equal(e.matched, classes);
    assert_int_equal(e.unmatched, 0);
    assert_int_equal(e.rows, rows);
    assert_true(duet_metric_find(&e.result, "top1", -1) == 100.0);
    assert_int_equal(e.outputs, OUTPUTS);
    duet_evaluation_free(&e);
    /* Of a class that the model does not know no row counts. */
    put_image("test/willow/1.png", 1);
    put_image("test/willow/2.png", 2);
    duet_dataset_close(set);
    set = open_data(folder);
    OK(duet_evaluate(ctx, &e, model, NULL, NULL, set, DUET_TEST, "", NULL, NULL));
    assert_int_equal(e.matched, classes);
    assert_int_equal(e.unmatched, 2);
    assert_string_equal(e.others, "'willow'");
    assert_int_equal(e.rows, rows);
    assert_true(duet_metric_find(&e.result, "top1", -1) == 100.0);
    duet_evaluation_free(&e);
    /* No name in common, as many classes or not. */
    static const char *const others[OUTPUTS] = {"a", "b", "c", "d", "e"};
    OK(duet_card_set_classes(model, others, OUTPUTS));
    FAILS(DUET_ARG, "is among the 5",
          duet_evaluate(ctx, &e, model, NULL, NULL, set, DUET_TEST, "", NULL, NULL));
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void numbers_go_by_their_order_where_all_are_there(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = open_model(ctx);
    duet_evaluation e = {0};
    duet_dataset *set = open_data("synth:size=16,classes=5,train=4,test=20"),
                 *fewer = open_data("synth:size=16,classes=4,train=4,test=20");
    OK(duet_evaluate(ctx, &e, model, NULL, NULL, set, DUET_TEST, "", NULL, NULL));
    assert_false(e.by_name);
    assert_int_equal(e.matched, OUTPUTS);
    assert_int_equal(e.rows, 20);
    duet_evaluation_free(&e);
    FAILS(DUET_SHAPE, "5 outputs and data set 'synth' 4 classes",
          duet_evaluate(ctx, &e, model, NULL, NULL, fewer, DUET_TEST, "", NULL, NULL));
    duet_dataset_close(fewer);
    duet_dataset_close(set);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* -log of the probability of class `label`, whose logits are the mean over 3 draws of the noise,
 * each of the image and its mirror image. */
static double nll_of_looks(duet_reader *reader, const duet_head *head, const duet_head_card *card,
                           const uint8_t *pixels, int64_t id, int label) {
    uint8_t turned[8 * 8 * 3];
    float x[512], logits[3];
    double mean[3] = {0}, total = 0;
    for (int i = 0; i < 8 * 8 * 3; i++)
        turned[i] = pixels[(i / 24 * 8 + 7 - i / 3 % 8) * 3 + i % 3];
    for (int look = 0; look < 6; look++) {
        const int64_t drawn = id + ((int64_t)(look / 2) << 48);
        OK(duet_reader_join(reader, look % 2 == 1 ? turned : pixels, &drawn, 1, x));
        duet_head_logits(head, x, 1, logits);
        for (int k = 0; k < 3; k++) mean[k] += (double)logits[k] / 6;
    }
    for (int k = 0; k < 3; k++)
        total += exp((mean[k] - mean[label]) / card->calibration.temperature);
    return log(total);
}

static void check_first(const duet_prediction *p, void *user) {
    *(duet_prediction *)user = *p;
}

/* Answers are means over looks, of files and of sets. */
static void check_looks(duet_context *ctx, duet_model *model, const duet_dataset *set,
                        duet_head *head, const duet_head_card *card, const char *path) {
    const duet_classify_options looks = {.draws = 3, .flip = true};
    const duet_reader_options reading = {.settings = card->settings,
                                         .noise_seed = card->noise_seed};
    duet_reader *reader = NULL;
    duet_prediction p;
    duet_evaluation e = {0};
    uint8_t pixels[8 * 8 * 3];
    double sum = 0;
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &reading));
    OK(duet_dataset_read(set, DUET_TEST, 5, &duet_model_card(model)->preprocess, pixels));
    OK(duet_classify_each(ctx, model, head, card, &path, 1, &looks, check_first, &p));
    for (int k = 0; k < 3; k++)
        assert_true(fabs(-log(p.probability[k]) -
                         nll_of_looks(reader, head, card, pixels, 0, p.label[k])) < 1e-5);
    OK(duet_evaluate(ctx, &e, model, head, card, set, DUET_TEST, "nll", &looks, NULL));
    for (int64_t r = 0; r < 24; r++) {
        OK(duet_dataset_read(set, DUET_TEST, r, &duet_model_card(model)->preprocess, pixels));
        sum += nll_of_looks(reader, head, card, pixels, (int64_t)DUET_TEST << 40 | r,
                            duet_dataset_label(set, DUET_TEST, r)) /
               24;
    }
    assert_true(fabs(duet_metric_find(&e.result, "nll", -1) - sum) < 1e-5);
    duet_evaluation_free(&e);
    duet_reader_close(reader);
}

/* An image file has the probabilities of the head on the joined features of the card's settings,
 * with the noise of image 0. */
static void check_file(duet_context *ctx, duet_model *model, const duet_dataset *set,
                       duet_head *head, const duet_head_card *card, const char *run) {
    const duet_reader_options reading = {.settings = card->settings,
                                         .noise_seed = card->noise_seed};
    const int64_t none = 0;
    duet_image image = {0};
    duet_reader *reader = NULL;
    duet_prediction p;
    char path[DUET_PATH_SIZE];
    const char *const paths[] = {path};
    float x[512], logits[3];
    double total = 0;
    OK(duet_path_join(path, run, "one.png"));
    OK(duet_image_new(&image, 8, 8, 3));
    OK(duet_dataset_read(set, DUET_TEST, 5, &duet_model_card(model)->preprocess, image.pixels));
    OK(duet_image_write_png(path, &image, NULL, 0));
    OK(duet_classify(ctx, &p, model, head, card, paths, 1));
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &reading));
    assert_true(duet_reader_dim(reader) <= 512);
    assert_int_equal(duet_reader_dim(reader), duet_head_dim(head));
    OK(duet_reader_join(reader, image.pixels, &none, 1, x));
    duet_head_logits(head, x, 1, logits);
    assert_true(card->calibration.rows > 0);
    const double b = 1 / card->calibration.temperature, most = (double)logits[p.label[0]];
    for (int k = 0; k < 3; k++) total += exp(b * ((double)logits[k] - most));
    for (int k = 0; k < 3; k++)
        assert_true(fabs(p.probability[k] - exp(b * ((double)logits[p.label[k]] - most)) / total) <
                    1e-15);
    if (card->settings.v[0].draws <= 1) check_looks(ctx, model, set, head, card, path);
    duet_reader_close(reader);
    duet_image_free(&image);
}

/* The head of a probe reaches on its own set what the probe says. */
static void check_head(const char *settings, const char *name) {
    char run[DUET_PATH_SIZE], inside[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1), *other = make_model(ctx, TINY_ARCH, 2);
    duet_dataset *set = open_data("synth:size=8,classes=3,train=60,test=24");
    duet_probe_options options = {.noise_seeds = 2, .seed = 7};
    OK(duet_settings_parse(&options.settings, settings));
    duet_copy_text(options.head, sizeof options.head, name);
    duet_probe_result r;
    duet_evaluation e = {0};
    duet_head *head = NULL;
    duet_head_card card;
    fresh_folder(run, "evaluate-head");
    OK(duet_path_join(inside, run, "probe-001"));
    OK(duet_folder_make(inside));
    OK(duet_probe(ctx, &r, model, set, &options, inside));
    OK(duet_path_join(path, run, "head.safetensors"));
    OK(duet_head_load(&head, &card, path));
    OK(duet_evaluate(ctx, &e, model, head, &card, set, DUET_TEST, "", NULL, NULL));
    assert_true(e.by_name); /* "0", "1", "2" in the head and in the set */
    assert_int_equal(e.rows, 24);
    assert_true(duet_metric_find(&e.result, "top1", -1) == r.top1_seeds[0]);
    assert_int_equal(e.result.table_count, 2);
    assert_string_equal(e.result.tables[1].name, "confusion");
    assert_memory_equal(e.result.tables[1].counts, r.confusion, 9 * sizeof *r.confusion);
    duet_evaluation_free(&e);
    check_file(ctx, model, set, head, &card, run);
    FAILS(DUET_ARG, "another model's features",
          duet_evaluate(ctx, &e, other, head, &card, set, DUET_TEST, "", NULL, NULL));
    duet_probe_result_free(&r);
    duet_head_free(head);
    duet_dataset_close(set);
    duet_model_close(other);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void a_saved_head_is_measured(void **state) {
    (void)state;
    check_head("t=20,tap=5,pool=2", "linear");
}

/* Settings of one level and of others, means over draws and views of the test rows. */
static void a_head_of_several_settings_is_measured(void **state) {
    (void)state;
    check_head("t=20,tap=5,pool=2+t=20,tap=8,pool=1+t=4,tap=3,pool=2", "linear");
    check_head("t=20,tap=5,pool=2,draws=2+t=4,tap=8,pool=1,flip=true", "mlp:epochs=3");
}

typedef struct told {
    int count, failed;
    duet_prediction all[IMAGES];
} told;

static void tell(const duet_prediction *p, void *user) {
    told *t = user;
    t->failed += p->status != DUET_OK;
    t->all[t->count++] = *p;
}

static void many_files_are_answered_as_one(void **state) {
    (void)state;
    static told t;
    char path[IMAGES][DUET_PATH_SIZE], name[32];
    const char *paths[IMAGES];
    duet_context *ctx = make_context(1, true);
    duet_model *model = open_model(ctx);
    fresh_folder(folder, "evaluate-many");
    for (int i = 0; i < IMAGES; i++) { /* a whole batch of bad ones, and the last */
        const bool bad = i == 0 || (i >= 30 && i < 36) || i == IMAGES - 1;
        snprintf(name, sizeof name, "%02d.png", i);
        if (bad)
            put_file(folder, name, "nothing", 7);
        else
            put_image(name, i);
        OK(duet_path_join(path[i], folder, name));
        paths[i] = path[i];
    }
    OK(duet_classify_each(ctx, model, NULL, NULL, paths, IMAGES, NULL, tell, &t));
    assert_int_equal(t.count, IMAGES);
    assert_int_equal(t.failed, 8);
    for (int i = 0; i < IMAGES; i++) {
        duet_prediction one;
        OK(duet_classify(ctx, &one, model, NULL, NULL, &paths[i], 1));
        assert_ptr_equal(t.all[i].path, paths[i]);
        assert_int_equal(t.all[i].k, one.k);
        assert_memory_equal(t.all[i].label, one.label, sizeof one.label);
        assert_memory_equal(t.all[i].probability, one.probability, sizeof one.probability);
        assert_int_equal(t.all[i].status == DUET_OK, one.status == DUET_OK);
        assert_string_equal(t.all[i].error, one.error);
        if (one.status != DUET_OK) assert_non_null(strstr(one.error, paths[i]));
    }
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_matched_by_name),
        cmocka_unit_test(numbers_go_by_their_order_where_all_are_there),
        cmocka_unit_test(a_saved_head_is_measured),
        cmocka_unit_test(a_head_of_several_settings_is_measured),
        cmocka_unit_test(many_files_are_answered_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
