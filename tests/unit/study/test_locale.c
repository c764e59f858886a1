/* SPDX-License-Identifier: MIT
 * The library in a program whose locale writes decimals with a comma: what it reads and writes is
 * the same as without. The locale is made here; where it cannot be, the test is skipped. */
#include "unit/data/fixtures.h"

#include <locale.h>
#include <unistd.h>

#include <duet/report.h>
#include <duet/train.h>

#include "base/json.h"
#include "base/str.h"
#include "model/model.h"
#include "noise/noise.h"
#include "train/trainer.h"

#define COMMA "de_DE.UTF-8"
#define UNET                                                                                      \
    "diffusers_unet:sample_size=8,in_channels=1,out_channels=1,layers_per_block=1,"               \
    "block_out_channels=8/8,down_block_types=conv/conv,up_block_types=conv/conv,norm_num_groups=" \
    "4,attention_head_dim=0,norm_eps=1.5e-6"
#define DATA  "synth:size=8,classes=3,train=40,test=4"
#define NOISE "linear:steps=100,beta_start=0.00025,beta_end=0.0301"

static char folder[1024];

static void in_comma(bool comma) {
    assert_non_null(setlocale(LC_ALL, comma ? COMMA : "C"));
    char text[8];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, comma ? "0,5" : "0.5");
}

static duet_bytes content(const char *name, const char *file) {
    char path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    snprintf(path, sizeof path, "%s/%s%s", folder, name, file);
    OK(duet_file_read(&bytes, path));
    return bytes;
}

static void assert_same_file(const char *file) {
    duet_bytes with = content("comma", file), without = content("point", file);
    assert_int_equal(with.size, without.size);
    assert_memory_equal(with.data, without.data, (size_t)with.size);
    duet_bytes_free(&with);
    duet_bytes_free(&without);
}

/* Text of numbers, messages and specs. */
static void texts(void **state) {
    (void)state;
    duet_train_options o;
    duet_noise *noise = NULL;
    char text[64];
    in_comma(true);
    duet_params_default(&duet_train_params, &o);
    OK(duet_params_set(&duet_train_params, &o, NULL, "minutes", "2.5"));
    assert_true(o.minutes == 2.5);
    assert_int_equal(duet_params_set(&duet_train_params, &o, NULL, "minutes", "2,5"), DUET_ARG);
    duet_format(text, sizeof text, "%.2f %g", o.minutes, 1e-5);
    assert_string_equal(text, "2.50 1e-05");
    assert_int_equal(duet_noise_new(&noise, "linear:steps=3"), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "a variance of 6.66667 in one step"));
    OK(duet_noise_new(&noise, NOISE));
    const double alpha = duet_noise_level(noise, 50).alpha;
    duet_noise_free(noise);
    in_comma(false);
    assert_string_equal(setlocale(LC_NUMERIC, NULL), "C");
    OK(duet_noise_new(&noise, NOISE));
    assert_true(duet_noise_level(noise, 50).alpha == alpha);
    duet_noise_free(noise);
}

/* Cards in safetensors, folders of diffusers: the same bytes, and read in one as written in the
 * other. */
static void models(void **state) {
    (void)state;
    static const char *const names[] = {"point", "comma"};
    duet_model *model = NULL, *back = NULL;
    OK(duet_model_new(NULL, &model, UNET, 1));
    duet_card *const card = duet_model_card(model);
    (void)duet_copy_text(card->noise, sizeof card->noise, NOISE);
    (void)duet_copy_text(card->predict, sizeof card->predict, "eps");
    card->recommended = (duet_recommendation){
        .settings = duet_settings_of(5, 2, 1), .top1 = 61.25, .strength = 0.125};
    for (int comma = 0; comma < 2; comma++) {
        char path[DUET_PATH_SIZE];
        in_comma(comma == 1);
        snprintf(path, sizeof path, "%s/%s.safetensors", folder, names[comma]);
        OK(duet_model_save(model, path, DUET_F32));
        snprintf(path, sizeof path, "%s/%s-unet", folder, names[comma]);
        OK(duet_model_save_folder(model, path, DUET_F32));
        for (int other = 0; other < 2; other++) { /* read in either */
            in_comma(other == 1);
            snprintf(path, sizeof path, "%s/%s.safetensors", folder, names[comma]);
            OK(duet_model_open(NULL, &back, path));
            assert_string_equal(duet_model_config(back), duet_model_config(model));
            assert_true(duet_model_card(back)->recommended.top1 == 61.25);
            assert_string_equal(duet_model_card(back)->noise, NOISE);
            assert_true(duet_model_hash(back) == duet_model_hash(model));
            duet_model_close(back);
            snprintf(path, sizeof path, "%s/%s-unet", folder, names[comma]);
            OK(duet_model_open(NULL, &back, path));
            assert_string_equal(duet_model_config(back), duet_model_config(model));
            duet_noise *noise = NULL;
            OK(duet_noise_new(&noise, duet_model_card(back)->noise));
            duet_noise_free(noise);
            duet_model_close(back);
        }
    }
    duet_model_close(model);
    assert_same_file(".safetensors");
    assert_same_file("-unet/unet/config.json");
    assert_same_file("-unet/scheduler/scheduler_config.json");
}

/* Every line of a curve has as many fields as its header. */
static void assert_fields(const char *run) {
    char path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    int64_t wanted = -1, fields = 0, lines = 0;
    OK(duet_path_join(path, run, "loss.csv"));
    OK(duet_file_read(&bytes, path));
    for (int64_t i = 0; i < bytes.size; i++) {
        fields += bytes.data[i] == ',';
        if (bytes.data[i] != '\n') continue;
        if (wanted < 0) wanted = fields;
        assert_int_equal(fields, wanted);
        fields = 0;
        lines++;
    }
    assert_true(lines >= 2);
    duet_bytes_free(&bytes);
}

/* A run made with a comma goes on without one; its page is the same in both. */
static void runs(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE], data[4096];
    duet_train_options o, read;
    duet_train_result result;
    duet_dataset *dataset = NULL;
    duet_bytes page[2] = {0};
    snprintf(run, sizeof run, "%s/run", folder);
    OK(duet_folder_make(run));
    in_comma(true);
    duet_params_default(&duet_train_params, &o);
    (void)duet_copy_text(o.arch, sizeof o.arch,
                         "adm_unet:num_channels=8,channel_mult=1/2,num_res_blocks=1,norm_groups=4");
    o.batch = 8;
    o.steps = 3;
    o.clip = 0.9375;
    (void)duet_copy_text(o.ema, sizeof o.ema, "0.9375+power:std=0.125");
    o.seed = 17982163893102248868U;
    OK(duet_dataset_open(NULL, &dataset, DATA));
    OK(duet_train(NULL, &result, dataset, &o, run, false));
    for (int comma = 1; comma >= 0; comma--) {
        in_comma(comma == 1);
        OK(duet_train_options_load(&read, data, run));
        assert_true(strcmp(read.ema, o.ema) == 0 && read.seed == o.seed && read.clip == o.clip);
        OK(duet_report_write(NULL, run));
        page[comma] = content("run", "/report.html");
    }
    assert_int_equal(page[0].size, page[1].size);
    assert_memory_equal(page[0].data, page[1].data, (size_t)page[0].size);
    o.steps = 5;
    OK(duet_train(NULL, &result, dataset, &o, run, true));
    assert_int_equal(result.steps, 5);
    assert_fields(run);
    duet_bytes_free(&page[0]);
    duet_bytes_free(&page[1]);
    duet_dataset_close(dataset);
}

/* Numbers in JSON, and seeds of 64 bits. */
static void json(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    in_comma(true);
    char *text = NULL;
    json_t *root = json_pack("{s:f}", "x", 0.125);
    OK(duet_json_text(&text, root, false));
    assert_string_equal(text, "{\"x\":0.125}");
    json_decref(root);
    root = json_loads(text, 0, NULL);
    assert_true(json_real_value(json_object_get(root, "x")) == 0.125);
    json_decref(root);
    duet_release(text);
    for (int i = 0; i < DUET_COUNT(seeds); i++) {
        json_t *const value = duet_json_u64(seeds[i]);
        assert_true(duet_json_u64_value(value) == seeds[i]);
        json_decref(value);
    }
}

static int back_to_c(void **state) {
    (void)state;
    setlocale(LC_ALL, "C");
    return 0;
}

int main(void) {
    char command[2 * DUET_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/locale-%ld", DUET_TEST_TMP, (long)getpid());
    if (duet_folder_make(folder) != DUET_OK) return 1;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/" COMMA "' 2>&1", folder);
    const int made = system(command);
    setenv("LOCPATH", folder, 1);
    if (made != 0 || setlocale(LC_ALL, COMMA) == NULL) {
        printf("skipped: the locale " COMMA " cannot be made here (package 'locales')\n");
        return 77;
    }
    setlocale(LC_ALL, "C");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(texts, back_to_c), cmocka_unit_test_teardown(models, back_to_c),
        cmocka_unit_test_teardown(runs, back_to_c), cmocka_unit_test_teardown(json, back_to_c)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed;
}
