/* SPDX-License-Identifier: MIT
 * Licence, origin and what else a file of another program says of itself: from its metadata, a
 * config.json and a README.md; control characters, text that is none and more than there is room
 * for do no harm. */
#include "unit/data/fixtures.h"

#include "model/origin.h"

static void from_metadata(void **unused) {
    (void)unused;
    duet_store_pair pairs[] = {{"format", "pt"},
                               {"modelspec.title", "Flowers"},
                               {"modelspec.author", "A. Nonymous"},
                               {"modelspec.license", "CC-BY-4.0"},
                               {"best_prec1", "91.780001831054688"},
                               {"epoch", "30"},
                               {"deep.key", "1"},
                               {"3", "1234"},
                               {"note", "two\nlines\033[31m"},
                               {"broken", "\xff\xfe"}};
    const duet_store store = {.pairs = pairs, .pair_count = DUET_COUNT(pairs)};
    duet_card card = {.arch = ""};
    char folder[DUET_PATH_SIZE];
    fresh_folder(folder, "origin-empty");
    duet_origin_read(&card, &store, folder);
    assert_string_equal(card.licence, "CC-BY-4.0");
    assert_string_equal(card.origin, "Flowers; by A. Nonymous");
    assert_string_equal(card.says, "best_prec1 91.78; epoch 30; note two lines [31m");
}

static void from_a_folder(void **unused) {
    (void)unused;
    static const char readme[] = "---\ntags:\n- license: not-this\nlicense: "
                                 "apache-2.0\r\ndatasets: cifar10\n---\nlicense: nor-this\n";
    static const char config[] = "{\"_class_name\": \"UNet2DModel\", \"_diffusers_version\": "
                                 "\"0.2.4\", \"_name_or_path\": \"someone/ddpm\"}";
    const duet_store store = {.count = 0};
    char folder[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    fresh_folder(folder, "origin");
    put_file(folder, "README.md", readme, sizeof readme - 1);
    put_file(folder, "config.json", config, sizeof config - 1);
    duet_card card = {.arch = ""}, beside = {.arch = ""};
    duet_origin_read(&card, &store, folder);
    assert_string_equal(card.licence, "apache-2.0");
    assert_string_equal(card.origin, "someone/ddpm; diffusers 0.2.4; data cifar10");
    OK(duet_path_join(file, folder, "pytorch_model.bin"));
    duet_origin_read(&beside, &store, file);
    assert_string_equal(beside.licence, "apache-2.0");
    assert_string_equal(beside.origin, "data cifar10");
}

static void odd_readmes_do_no_harm(void **unused) {
    (void)unused;
    static char large[200000];
    static const char *const texts[] = {"",
                                        "---",
                                        "---\n",
                                        "---\nlicense:",
                                        "---\nlicense: \n",
                                        "---\nlicense: \xff\xfe\n---\n",
                                        "# no front matter\nlicense: MIT\n"};
    const duet_store store = {.count = 0};
    char folder[DUET_PATH_SIZE];
    fresh_folder(folder, "origin-odd");
    for (int i = 0; i <= DUET_COUNT(texts); i++) {
        duet_card card = {.arch = ""};
        memset(large, 'x', sizeof large);
        memcpy(large, "---\nlicense: ", 13);
        if (i < DUET_COUNT(texts))
            put_file(folder, "README.md", texts[i], (int64_t)strlen(texts[i]));
        else
            put_file(folder, "README.md", large, sizeof large);
        duet_origin_read(&card, &store, folder);
        assert_int_equal(strlen(card.licence), i < DUET_COUNT(texts) ? 0 : 60);
        assert_string_equal(card.origin, "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_metadata),
                                       cmocka_unit_test(from_a_folder),
                                       cmocka_unit_test(odd_readmes_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
