/* SPDX-License-Identifier: MIT
 * config.json of timm beside a recogniser: mean, deviation and side of the images are taken from
 * it, and no longer assumed; what it does not say, or says wrongly, stays assumed. */
#include "unit/data/fixtures.h"

#include <duet/model.h>

static char folder[DUET_PATH_SIZE];

static duet_model *open_beside(const char *golden, const char *file, const char *config) {
    char from[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    duet_model *model = NULL;
    fresh_folder(folder, "timm");
    snprintf(from, sizeof from, "%s/tests/golden/%s", DUET_SOURCE_DIR, golden);
    OK(duet_file_read(&bytes, from));
    put_file(folder, file, bytes.data, bytes.size);
    put_file(folder, "config.json", config, (int64_t)strlen(config));
    duet_bytes_free(&bytes);
    OK(duet_model_open(NULL, &model, folder));
    return model;
}

static void colours_are_taken(void **unused) {
    (void)unused;
    static const char *const configs[] = {
        "{\"architecture\": \"vit_x\", \"num_classes\": 5, \"pretrained_cfg\": {\"mean\": [0.25, "
        "0.5, 1], \"std\": [0.125, 0.5, 2.0], \"input_size\": [3, 24, 24]}}",
        "{\"architecture\": \"vit_x\", \"mean\": [0.25, 0.5, 1], \"std\": [0.125, 0.5, 2]}"};
    for (int i = 0; i < DUET_COUNT(configs); i++) {
        duet_model *const model = open_beside("vit_timm.pt", "pytorch_model.bin", configs[i]);
        const duet_card *const card = duet_model_card(model);
        assert_true(card->preprocess.mean[0] == 0.25 && card->preprocess.mean[1] == 0.5 &&
                    card->preprocess.mean[2] == 1.0);
        assert_true(card->preprocess.std[0] == 0.125 && card->preprocess.std[1] == 0.5 &&
                    card->preprocess.std[2] == 2.0);
        assert_int_equal(card->preprocess.size, 24);
        assert_string_equal(card->assumed,
                            "heads (1), resizing (short side to 256; bilinear; centre), norm eps "
                            "(1e-6), activation (GELU)");
        duet_model_close(model);
    }
}

/* A residual network runs at any side. */
static void sides_are_taken(void **unused) {
    (void)unused;
    duet_model *const model = open_beside(
        "resnet_basic.pt", "pytorch_model.bin",
        "{\"architecture\": \"resnet_x\", \"pretrained_cfg\": {\"input_size\": [3, 96, 96]}}");
    const duet_card *const card = duet_model_card(model);
    assert_int_equal(card->preprocess.size, 96);
    assert_null(strstr(card->assumed, "image_size"));
    assert_non_null(strstr(card->assumed, "mean and deviation of the colours (ImageNet's)"));
    duet_model_close(model);
}

static void what_is_wrong_stays_assumed(void **unused) {
    (void)unused;
    static const char *const configs[] = {
        "{\"architecture\": \"x\"}",
        "{\"architecture\": \"x\", \"mean\": null, \"std\": null, \"input_size\": null}",
        "{\"architecture\": \"x\", \"mean\": [0.5, 0.5], \"std\": [0.5, 0.5, 0.5]}",
        "{\"architecture\": \"x\", \"mean\": [0.5, 0.5, NaN], \"std\": [0.5, 0.5, 0.5]}",
        "{\"architecture\": \"x\", \"mean\": [0.5, 0.5, 0.5], \"std\": [0.5, 0, 0.5]}",
        "{\"architecture\":\"x\",\"pretrained_cfg\":{},\"mean\":[0.1,0.1,1],\"std\":[1,1,1]}"};
    for (int i = 0; i < DUET_COUNT(configs); i++) {
        duet_model *const model = open_beside("resnet_basic.pt", "pytorch_model.bin", configs[i]);
        const duet_card *const card = duet_model_card(model);
        assert_true(card->preprocess.mean[0] == 0.485 && card->preprocess.std[2] == 0.225);
        assert_int_equal(card->preprocess.size, 224);
        assert_non_null(strstr(card->assumed, "mean and deviation of the colours (ImageNet's)"));
        assert_non_null(strstr(card->assumed, "image_size (224)"));
        duet_model_close(model);
    }
}

/* Beside a file of another name it is there by chance, and one of another program says nothing. */
static void other_files_are_not_meant(void **unused) {
    (void)unused;
    static const char theirs[] = "{\"architecture\": \"x\", \"mean\": [0.5, 0.5, 0.5], \"std\": "
                                 "[0.5, 0.5, 0.5]}";
    char path[DUET_PATH_SIZE];
    duet_model *model = open_beside("resnet_basic.pt", "pytorch_model.bin",
                                    "{\"model_type\": \"resnet\", \"mean\": [0.5, 0.5, 0.5], "
                                    "\"std\": [0.5, 0.5, 0.5]}");
    assert_true(duet_model_card(model)->preprocess.mean[0] == 0.485);
    duet_model_close(model);
    duet_model_close(open_beside("resnet_basic.pt", "pytorch_model.bin", theirs));
    OK(duet_path_join(path, folder, "pytorch_model.bin"));
    OK(duet_model_open(NULL, &model, path));
    assert_true(duet_model_card(model)->preprocess.mean[0] == 0.5);
    duet_model_close(model);
    duet_bytes bytes = {0};
    OK(duet_file_read(&bytes, path));
    put_file(folder, "mine.pt", bytes.data, bytes.size);
    duet_bytes_free(&bytes);
    OK(duet_path_join(path, folder, "mine.pt"));
    OK(duet_model_open(NULL, &model, path));
    assert_true(duet_model_card(model)->preprocess.mean[0] == 0.485);
    duet_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_are_taken),
        cmocka_unit_test(sides_are_taken),
        cmocka_unit_test(what_is_wrong_stays_assumed),
        cmocka_unit_test(other_files_are_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
