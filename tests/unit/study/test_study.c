/* SPDX-License-Identifier: MIT
 * Sweep, probe, classify and neighbours on procedural images with an untrained tiny network: the
 * rows are complete, the winner is the best of them, the test split is never looked at by a sweep,
 * and the files hold what docs/run_folder.md says. */
#include "tiny_model.h"

#include <math.h>
#include <jansson.h>

#include <duet/study.h>

#include "io/image.h"

#define DATA "synth:size=8,classes=3,train=90,test=24"
enum { TIMES = 2, POOLS = 2, CLASSES = 3, TEST = 24 };

static duet_sweep_options sweep_options(void) {
    duet_sweep_options o = {.t = {.count = TIMES, .v = {0, 40}},
                            .pools = {.count = POOLS, .v = {1, 2}},
                            .fit_rows = 60,
                            .val_rows = 30,
                            .baselines = DUET_BASELINES,
                            .seed = 3,
                            .batch = 16};
    duet_copy_text(o.head, sizeof o.head, "linear");
    return o;
}

static duet_sweep_result sweep_on(const char *data, const duet_sweep_options *options,
                                  const char *folder) {
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data(data);
    duet_sweep_result result;
    OK(duet_sweep(ctx, &result, model, dataset, options));
    if (folder != NULL) OK(duet_sweep_save(&result, options, model, dataset, folder));
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
    return result;
}

static bool same_sweep(const duet_sweep_row *a, const duet_sweep_row *b, int64_t count) {
    bool same = true;
    for (int64_t i = 0; i < count; i++)
        same &= strcmp(a[i].reader, b[i].reader) == 0 &&
                duet_setting_equal(&a[i].setting, &b[i].setting) && a[i].dim == b[i].dim &&
                a[i].strength == b[i].strength && a[i].top1 == b[i].top1;
    return same;
}

/* The rows of one reader: each (t, tap, pool) once. Returns the best by the rule: accuracy, then
 * the smaller feature, then t. */
static const duet_sweep_row *check_rows(const duet_sweep_result *result, const char *reader,
                                        const int64_t *times, int time_count) {
    static const int64_t channels[TINY_TAPS] = {8, 8, 8, 16, 16, 16, 16, 8, 8};
    int seen[TIMES][TINY_TAPS][POOLS] = {{{0}}}, rows = 0;
    const duet_sweep_row *best = NULL;
    for (int64_t i = 0; i < result->count; i++) {
        const duet_sweep_row *row = &result->rows[i];
        if (strcmp(row->reader, reader) != 0) continue;
        int t = 0;
        while (t < time_count && times[t] != row->setting.t) t++;
        assert_true(t < time_count && row->setting.tap >= 1 && row->setting.tap <= TINY_TAPS &&
                    (row->setting.pool == 1 || row->setting.pool == 2));
        seen[t][row->setting.tap - 1][row->setting.pool - 1]++;
        assert_int_equal(row->dim,
                         channels[row->setting.tap - 1] * row->setting.pool * row->setting.pool);
        assert_true(row->top1 >= 0 && row->top1 <= 100 && row->strength > 0);
        rows++;
        if (best == NULL || row->top1 > best->top1 ||
            (row->top1 == best->top1 &&
             (row->dim < best->dim || (row->dim == best->dim && row->setting.t < best->setting.t))))
            best = row;
    }
    assert_int_equal(rows, time_count * TINY_TAPS * POOLS);
    for (int t = 0; t < time_count; t++)
        for (int b = 0; b < TINY_TAPS; b++) assert_true(seen[t][b][0] == 1 && seen[t][b][1] == 1);
    return best;
}

static void sweep_is_complete_and_names_the_best(void **unused) {
    (void)unused;
    const duet_sweep_options options = sweep_options();
    duet_sweep_result r = sweep_on(DATA, &options, NULL);
    assert_int_equal(r.count, TIMES * TINY_TAPS * POOLS + TINY_TAPS * POOLS + 1);
    const duet_sweep_row *best = check_rows(&r, "model", options.t.v, TIMES);
    assert_true(same_sweep(best, &r.best, 1));
    /* the untrained network at the winner's t */
    const duet_sweep_row *random = check_rows(&r, "random", &r.best.setting.t, 1);
    assert_true(same_sweep(random, &r.baselines[0], 1));
    assert_string_equal(r.baselines[1].reader, "pixels");
    assert_true(r.baselines[1].setting.t == 0 && r.baselines[1].setting.tap == 0 &&
                r.baselines[1].setting.pool == 0 && r.baselines[1].dim == 8 * 8 * 3);
    assert_true(same_sweep(&r.rows[r.count - 1], &r.baselines[1], 1));
    assert_true(r.fit_rows == 60 && r.val_rows == 30);
    duet_sweep_result_free(&r);
}

/* With time for everything a sweep is what it is without a limit; with none it has the smallest
 * pool and the fewest rows. */
static void sweep_keeps_to_its_minutes(void **unused) {
    (void)unused;
    const char data[] = "synth:size=8,classes=3,train=300,test=24";
    duet_sweep_options options = sweep_options();
    options.fit_rows = 200;
    options.val_rows = 100;
    options.taps = (duet_int_list){.count = 2, .v = {4, 5}};
    duet_sweep_result unlimited = sweep_on(data, &options, NULL);
    options.minutes = 1e6;
    duet_sweep_result ample = sweep_on(data, &options, NULL);
    options.minutes = 1e-9;
    duet_sweep_result none = sweep_on(data, &options, NULL);
    assert_true(ample.fit_rows == 200 && ample.val_rows == 100 && ample.pools.count == POOLS);
    assert_int_equal(ample.count, unlimited.count);
    assert_true(same_sweep(ample.rows, unlimited.rows, ample.count));
    assert_true(none.fit_rows == 50 && none.val_rows == 25);
    assert_true(none.pools.count == 1 && none.pools.v[0] == 1);
    assert_int_equal(none.count, TIMES * 2 + 2 + 1);
    duet_sweep_result_free(&unlimited);
    duet_sweep_result_free(&ample);
    duet_sweep_result_free(&none);
}

static void sweep_does_not_look_at_the_test_split(void **unused) {
    (void)unused;
    duet_sweep_options options = sweep_options();
    options.taps = (duet_int_list){.count = 2, .v = {4, 5}};
    duet_sweep_result with = sweep_on(DATA, &options, NULL),
                      without = sweep_on("synth:size=8,classes=3,train=90,test=0", &options, NULL);
    assert_int_equal(with.count, without.count);
    assert_true(same_sweep(with.rows, without.rows, with.count));
    assert_true(same_sweep(&with.best, &without.best, 1));
    /* That the rows can tell other data apart. */
    duet_sweep_result other =
        sweep_on("synth:size=8,classes=3,train=90,test=24,seed=9", &options, NULL);
    assert_int_equal(with.count, other.count);
    assert_false(same_sweep(with.rows, other.rows, with.count));
    duet_sweep_result_free(&with);
    duet_sweep_result_free(&without);
    duet_sweep_result_free(&other);
}

static json_t *load_json(const char *folder) {
    char path[DUET_PATH_SIZE];
    json_error_t error;
    OK(duet_path_join(path, folder, "result.json"));
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) fail_msg("%s: %s", path, error.text);
    return root;
}

/* keys: words that must be there. */
static void assert_keys(const json_t *object, const char *keys) {
    char copy[512], *rest = NULL;
    duet_copy_text(copy, sizeof copy, keys);
    for (const char *key = strtok_r(copy, " ", &rest); key; key = strtok_r(NULL, " ", &rest))
        if (json_object_get(object, key) == NULL) fail_msg("no key '%s'", key);
}

static double number(const json_t *object, const char *key) {
    assert_true(json_is_number(json_object_get(object, key)));
    return json_number_value(json_object_get(object, key));
}

static void sweep_writes_its_result(void **unused) {
    (void)unused;
    duet_sweep_options options = sweep_options();
    char folder[DUET_PATH_SIZE];
    fresh_folder(folder, "study-sweep");
    duet_sweep_result r = sweep_on(DATA, &options, folder);
    json_t *root = load_json(folder);
    assert_keys(root, "command data fit_rows val_rows seed seconds t pool taps rows best timings");
    assert_keys(json_object_get(root, "timings"), "features heads");
    assert_keys(json_array_get(json_object_get(root, "taps"), 0), "tap name channels height width");
    assert_int_equal(json_array_size(json_object_get(root, "taps")), TINY_TAPS);
    assert_string_equal(json_string_value(json_object_get(root, "command")), "sweep");
    assert_string_equal(json_string_value(json_object_get(root, "data")), "synth");
    assert_int_equal(json_array_size(json_object_get(root, "t")), TIMES);
    assert_int_equal(json_array_size(json_object_get(root, "pool")), POOLS);
    const json_t *rows = json_object_get(root, "rows"), *best = json_object_get(root, "best");
    assert_int_equal(json_array_size(rows), r.count);
    for (int64_t i = 0; i < r.count; i++) {
        const json_t *row = json_array_get(rows, (size_t)i);
        assert_keys(row, "reader t tap pool dim strength top1");
        assert_true(number(row, "t") == (double)r.rows[i].setting.t &&
                    number(row, "tap") == (double)r.rows[i].setting.tap &&
                    number(row, "pool") == (double)r.rows[i].setting.pool);
        assert_true(fabs(number(row, "top1") - r.rows[i].top1) < 1e-6);
    }
    assert_true(number(best, "tap") == (double)r.best.setting.tap &&
                number(best, "t") == (double)r.best.setting.t &&
                fabs(number(best, "top1") - r.best.top1) < 1e-6);
    json_decref(root);
    duet_sweep_result_free(&r);
}

/* ---- probe ---- */

static duet_probe_options probe_options(void) {
    duet_probe_options o = {.settings = duet_settings_of(10, 9, 2),
                            .setting_from = "given",
                            .noise_seeds = 3,
                            .baselines = DUET_BASELINES,
                            .seed = 4,
                            .batch = 16,
                            .neighbours = 3};
    duet_copy_text(o.head, sizeof o.head, "linear");
    return o;
}

/* The saved head on the test rows, by hand. */
static void check_head(duet_context *ctx, duet_model *model, const duet_dataset *dataset,
                       const duet_probe_result *r, const char *folder) {
    char path[DUET_PATH_SIZE];
    duet_head *head = NULL;
    duet_head_card card;
    duet_view view;
    duet_feature_table *test = NULL;
    duet_reader *reader = NULL;
    int64_t count = 0, confusion[CLASSES * CLASSES] = {0};
    float logits[TEST * CLASSES];
    OK(duet_path_join(path, folder, "head.safetensors"));
    OK(duet_head_load(&head, &card, path));
    assert_true(card.settings.count == 1 && card.settings.v[0].t == 10 &&
                card.settings.v[0].tap == 9 && card.settings.v[0].pool == 2 &&
                card.noise_seed == 4 && card.model_hash == duet_model_hash(model));
    assert_true(card.class_count == CLASSES && fabs(card.top1 - r->top1) < 1e-9);
    assert_string_equal(card.class_names[1], "ring");
    OK(duet_view_all(&view, dataset, DUET_TEST));
    const duet_reader_options reading = {.settings = duet_settings_of(10, 9, 2), .noise_seed = 4};
    const duet_features_options options = {.stored = DUET_F32};
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &reading));
    OK(duet_features(ctx, &test, &count, reader, dataset, &view, &options));
    duet_reader_close(reader);
    duet_head_logits(head, test->x, TEST, logits);
    for (int i = 0; i < TEST; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (logits[i * CLASSES + k] > logits[i * CLASSES + best]) best = k;
        confusion[i % CLASSES * CLASSES + best]++;
    }
    assert_memory_equal(confusion, r->confusion, sizeof confusion);
    duet_features_free(test, count);
    duet_view_free(&view);
    duet_head_free(head);
}

static void check_probe_json(const duet_probe_result *r, const char *folder) {
    json_t *root = load_json(folder);
    assert_keys(root, "command data head setting setting_from top1 top1_std noise_seeds top1_seeds "
                      "train_rows test_rows class_names per_class "
                      "confusion rows neighbours neighbours_k timings seconds");
    assert_keys(json_object_get(root, "setting"), "t tap pool");
    assert_keys(json_object_get(root, "timings"), "features head");
    assert_string_equal(json_string_value(json_object_get(root, "setting_from")), "given");
    assert_string_equal(json_string_value(json_object_get(root, "neighbours")), "neighbours.png");
    assert_int_equal(json_integer_value(json_object_get(root, "neighbours_k")), 8);
    assert_int_equal(json_array_size(json_object_get(root, "class_names")), CLASSES);
    assert_int_equal(json_array_size(json_object_get(root, "top1_seeds")), 3);
    for (size_t s = 0; s < 3; s++)
        assert_int_equal(
            json_integer_value(json_array_get(json_object_get(root, "noise_seeds"), s)), 4 + s);
    assert_true(fabs(number(root, "top1") - r->top1) < 1e-6);
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(json_object_get(root, "rows"), i);
        assert_keys(row, "reader t tap pool dim strength top1 val_top1");
        assert_string_equal(json_string_value(json_object_get(row, "reader")), r->rows[i].reader);
        assert_true(fabs(number(row, "top1") - r->rows[i].top1) < 1e-6);
    }
    const json_t *confusion = json_object_get(root, "confusion");
    for (size_t k = 0; k < CLASSES; k++)
        for (size_t j = 0; j < CLASSES; j++)
            assert_int_equal(json_integer_value(json_array_get(json_array_get(confusion, k), j)),
                             r->confusion[k * CLASSES + j]);
    json_decref(root);
}

static void probe_has_three_rows_and_their_details(void **unused) {
    (void)unused;
    const duet_probe_options options = probe_options();
    char run[DUET_PATH_SIZE], folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data(DATA);
    duet_probe_result r;
    fresh_folder(run, "study-probe");
    OK(duet_path_join(folder, run, "probe-001"));
    OK(duet_folder_make(folder));
    OK(duet_probe(ctx, &r, model, dataset, &options, folder));
    assert_true(r.row_count == 3 && r.train_rows == 90 && r.test_rows == TEST &&
                r.classes == CLASSES && r.seeds == 3);
    const char *const readers[] = {"model", "random", "pixels"};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(r.rows[i].reader, readers[i]);
        assert_true(r.rows[i].settings.count == (i < 2) &&
                    r.rows[i].settings.v[0].tap == (i < 2 ? 9 : 0) &&
                    r.rows[i].dim == (i < 2 ? 8 * 4 : 8 * 8 * 3));
        assert_true(r.rows[i].top1 >= 0 && r.rows[i].top1 <= 100 && r.rows[i].val_top1 >= 0 &&
                    r.rows[i].strength > 0);
    }
    double sum = 0, spread = 0;
    for (int s = 0; s < 3; s++) sum += r.top1_seeds[s];
    for (int s = 0; s < 3; s++) spread += (r.top1_seeds[s] - sum / 3) * (r.top1_seeds[s] - sum / 3);
    assert_true(fabs(r.top1 - sum / 3) < 1e-9 && fabs(r.top1_std - sqrt(spread / 2)) < 1e-9 &&
                r.rows[0].top1 == r.top1);
    int64_t right = 0, all = 0;
    for (int k = 0; k < CLASSES; k++) {
        int64_t row = 0;
        for (int j = 0; j < CLASSES; j++) row += r.confusion[k * CLASSES + j];
        assert_int_equal(row, TEST / CLASSES);
        assert_true(fabs(r.per_class[k] -
                         100.0 * (double)r.confusion[k * CLASSES + k] / (double)row) < 1e-9);
        right += r.confusion[k * CLASSES + k];
        all += row;
    }
    /* the details are those of the first draw */
    assert_true(fabs(r.top1_seeds[0] - 100.0 * (double)right / (double)all) < 1e-9);
    check_head(ctx, model, dataset, &r, folder);
    check_probe_json(&r, folder);
    OK(duet_path_join(path, run, "head.safetensors")); /* the run's newest head */
    assert_true(duet_path_exists(path));
    duet_image sheet = {0};
    OK(duet_path_join(path, folder, "neighbours.png"));
    OK(duet_image_read(&sheet, path, 3));
    duet_image_free(&sheet);
    duet_probe_result_free(&r);
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* Two trainings agree, fewer rows are fewer, and readers that were not asked for are not there. */
static void probe_does_what_it_is_told(void **unused) {
    (void)unused;
    duet_probe_options options = probe_options();
    char folder[DUET_PATH_SIZE], inside[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *dataset = open_data(DATA);
    duet_probe_result a, b;
    fresh_folder(folder, "study-told");
    OK(duet_path_join(inside, folder, "probe-001"));
    OK(duet_folder_make(inside));
    options.baselines[0] = '\0';
    options.noise_seeds = 0; /* one all the same */
    options.neighbours = 0;
    options.train_rows = 45;
    OK(duet_probe(ctx, &a, model, dataset, &options, inside));
    OK(duet_probe(ctx, &b, model, dataset, &options, inside));
    assert_true(a.row_count == 1 && a.seeds == 1 && a.train_rows == 45 && a.top1_std == 0);
    assert_true(a.rows[0].strength == b.rows[0].strength && a.rows[0].top1 == b.rows[0].top1 &&
                a.rows[0].val_top1 == b.rows[0].val_top1);
    assert_memory_equal(a.confusion, b.confusion, CLASSES * CLASSES * sizeof *a.confusion);
    duet_probe_result_free(&a);
    duet_probe_result_free(&b);
    options.train_rows = 5;
    FAILS(DUET_ARG, "5 images, which are too few to hold some out",
          duet_probe(ctx, &a, model, dataset, &options, inside));
    duet_dataset_close(dataset);
    dataset = open_data("synth:size=8,classes=3,train=90,test=0");
    options.train_rows = 0;
    FAILS(DUET_ARG, "no test or val split", duet_probe(ctx, &a, model, dataset, &options, inside));
    duet_dataset_close(dataset);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- classify ---- */

static void probe_keeps_to_its_minutes(void **unused) {
    (void)unused;
    static const double minutes[] = {0, 1e6, 1e-9};
    static const int64_t rows[] = {90, 90, 50};
    double top1[3];
    for (int i = 0; i < 3; i++) {
        duet_context *ctx = make_context(1, true);
        duet_model *model = make_model(ctx, TINY_ARCH, 1);
        duet_dataset *dataset = open_data(DATA);
        duet_probe_options options = probe_options();
        duet_probe_result r;
        char folder[DUET_PATH_SIZE];
        fresh_folder(folder, "study-probe-minutes/probe-001");
        options.minutes = minutes[i];
        OK(duet_probe(ctx, &r, model, dataset, &options, folder));
        assert_int_equal(r.train_rows, rows[i]);
        top1[i] = r.top1;
        duet_probe_result_free(&r);
        duet_dataset_close(dataset);
        duet_model_close(model);
        duet_context_free(ctx);
    }
    assert_true(top1[0] == top1[1]);
}

static void classify_uses_the_head(void **unused) {
    (void)unused;
    duet_probe_options options = probe_options();
    char folder[DUET_PATH_SIZE], inside[DUET_PATH_SIZE], path[DUET_PATH_SIZE],
        image_path[DUET_PATH_SIZE];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1), *other = make_model(ctx, TINY_ARCH, 2);
    duet_dataset *dataset = open_data(DATA);
    duet_probe_result r;
    duet_head *head = NULL;
    duet_head_card card;
    duet_image image = {0};
    fresh_folder(folder, "study-classify");
    OK(duet_path_join(inside, folder, "probe-001"));
    OK(duet_folder_make(inside));
    options.baselines[0] = '\0';
    OK(duet_probe(ctx, &r, model, dataset, &options, inside));
    OK(duet_path_join(path, folder, "head.safetensors"));
    OK(duet_head_load(&head, &card, path));
    OK(duet_image_new(&image, 8, 8, 3));
    OK(duet_dataset_read(dataset, DUET_TEST, 4, &duet_model_card(model)->preprocess, image.pixels));
    OK(duet_path_join(image_path, folder, "image.png"));
    OK(duet_image_write_png(image_path, &image, NULL, 0));
    const char *const paths[] = {image_path, path, image_path};
    duet_prediction out[3];
    OK(duet_classify(ctx, out, model, head, &card, paths, 3));
    assert_int_equal(out[0].status, DUET_OK);
    assert_int_equal(out[0].k, CLASSES);
    double total = 0;
    for (int i = 0; i < CLASSES; i++) {
        total += out[0].probability[i];
        assert_true(out[0].label[i] >= 0 && out[0].label[i] < CLASSES &&
                    (i == 0 || out[0].probability[i] <= out[0].probability[i - 1]));
    }
    assert_true(fabs(total - 1) < 1e-6 && out[0].label[0] != out[0].label[1]);
    assert_int_not_equal(out[1].status, DUET_OK); /* no image; the others are answered */
    assert_true(strlen(out[1].error) > 0);
    assert_memory_equal(out[0].probability, out[2].probability,
                        sizeof out[0].probability); /* whatever stands beside it */
    FAILS(DUET_ARG, "trained on another model's features; run 'duet probe'",
          duet_classify(ctx, out, other, head, &card, paths, 3));
    card.settings.v[0].pool = 1;
    FAILS(DUET_SHAPE, "takes 32 features, but its settings 't=10,tap=9,pool=1' give 8",
          duet_classify(ctx, out, model, head, &card, paths, 3));
    card.settings.v[0].tap = 99;
    FAILS(DUET_ARG, "no tap 99", duet_classify(ctx, out, model, head, &card, paths, 3));
    duet_image_free(&image);
    duet_head_free(head);
    duet_probe_result_free(&r);
    duet_dataset_close(dataset);
    duet_model_close(other);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- without labels ---- */

static void unlabelled_data_is_told_and_has_neighbours(void **unused) {
    (void)unused;
    const duet_sweep_options sweep = sweep_options();
    const duet_probe_options options = probe_options();
    char images[DUET_PATH_SIZE], folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE], name[32];
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_dataset *source = open_data(DATA);
    duet_sweep_result swept;
    duet_probe_result probed;
    fresh_folder(images, "study-unlabelled");
    fresh_folder(folder, "study-neighbours");
    for (int i = 0; i < 12; i++) {
        duet_image image = {0};
        OK(duet_image_new(&image, 8, 8, 3));
        OK(duet_dataset_read(source, DUET_TRAIN, i, &duet_model_card(model)->preprocess,
                             image.pixels));
        snprintf(name, sizeof name, "image%02d.png", i);
        OK(duet_path_join(path, images, name));
        OK(duet_image_write_png(path, &image, NULL, 0));
        duet_image_free(&image);
    }
    duet_dataset *dataset = open_data(images);
    assert_false(duet_dataset_describe(dataset)->labelled);
    FAILS(DUET_ARG, "no labels", duet_sweep(ctx, &swept, model, dataset, &sweep));
    FAILS(DUET_ARG, "no labels", duet_probe(ctx, &probed, model, dataset, &options, folder));
    OK(duet_neighbours(ctx, model, dataset, &options, folder));
    json_t *root = load_json(folder);
    assert_keys(root, "command data setting neighbours neighbours_k");
    assert_string_equal(json_string_value(json_object_get(root, "neighbours")), "neighbours.png");
    json_decref(root);
    duet_image sheet = {0};
    OK(duet_path_join(path, folder, "neighbours.png"));
    OK(duet_image_read(&sheet, path, 3));
    assert_true(sheet.width > sheet.height); /* three images with eight neighbours each */
    duet_image_free(&sheet);
    duet_dataset_close(dataset);
    duet_dataset_close(source);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweep_is_complete_and_names_the_best),
        cmocka_unit_test(sweep_keeps_to_its_minutes),
        cmocka_unit_test(sweep_does_not_look_at_the_test_split),
        cmocka_unit_test(sweep_writes_its_result),
        cmocka_unit_test(probe_has_three_rows_and_their_details),
        cmocka_unit_test(probe_does_what_it_is_told),
        cmocka_unit_test(probe_keeps_to_its_minutes),
        cmocka_unit_test(classify_uses_the_head),
        cmocka_unit_test(unlabelled_data_is_told_and_has_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
