/* SPDX-License-Identifier: MIT
 * Lists of images: with and without names of the columns, quoted, of any order; classes as numbers
 * or texts; what is wrong with a line is told with its number; every truncation and a lot of
 * changed bytes do no harm. */
#include "unit/data/fixtures.h"

#include <sys/stat.h>

#include "base/rng.h"

static char folder[DUET_PATH_SIZE], list[DUET_PATH_SIZE];

static const duet_preprocess plain = {.size = 4, .channels = 1};

/* The list, and images img/0.png to img/5.png of the colours 0, 10, … */
static void put_list(const char *text) {
    fresh_folder(folder, "csv");
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "img/%d.png", i);
        put_png(folder, name, 4, (uint8_t)(10 * i));
    }
    put_file(folder, "list.csv", text, (int64_t)strlen(text));
    OK(duet_path_join(list, folder, "list.csv"));
}

static duet_dataset *open_list(const char *text) {
    duet_dataset *set = NULL;
    put_list(text);
    OK(duet_dataset_open(NULL, &set, list));
    assert_string_equal(duet_dataset_describe(set)->layout, "csv");
    return set;
}

static int colour(const duet_dataset *set, duet_split split, int64_t index) {
    uint8_t pixels[16];
    OK(duet_dataset_read(set, split, index, &plain, pixels));
    return pixels[5];
}

static void without_names(void **state) {
    (void)state;
    duet_dataset *const set = open_list("img/3.png,dog,train\nimg/1.png,cat,test\r\n\nimg/"
                                        "0.png,\"a \"\"big\"\", cat\",\nimg/2.png,dog,val");
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_int_equal(info->count[DUET_TRAIN], 2);
    assert_int_equal(info->count[DUET_VAL], 1);
    assert_int_equal(info->count[DUET_TEST], 1);
    assert_int_equal(info->class_count, 3);
    assert_string_equal(info->class_names[0], "a \"big\", cat");
    assert_string_equal(info->class_names[2], "dog");
    assert_int_equal(colour(set, DUET_TRAIN, 0), 30);
    assert_int_equal(colour(set, DUET_TRAIN, 1), 0);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 2);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 1), 0);
    assert_int_equal(duet_dataset_label(set, DUET_TEST, 0), 1);
    assert_int_equal(colour(set, DUET_TEST, 0), 10);
    duet_dataset_close(set);
}

/* Numbers are sorted as numbers, columns found by their names; a row without a class has none. */
static void with_names(void **state) {
    (void)state;
    duet_dataset *const set =
        open_list("\xEF\xBB\xBFwidth,Label,Image\n4,10,img/4.png\n4,9,img/5.png\n4,,img/0.png\n");
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_int_equal(info->count[DUET_TRAIN], 3);
    assert_int_equal(info->class_count, 2);
    assert_string_equal(info->class_names[0], "9");
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 1);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 1), 0);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 2), -1);
    assert_int_equal(colour(set, DUET_TRAIN, 1), 50);
    duet_dataset_close(set);
    duet_dataset *const flat = open_list("img/4.png\nimg/5.png\n");
    assert_false(duet_dataset_describe(flat)->labelled);
    assert_int_equal(duet_dataset_describe(flat)->count[DUET_TRAIN], 2);
    duet_dataset_close(flat);
}

/* Lists of other programs: names of the columns, separators, splits, and rows without a file. */
static void lists_of_others(void **state) {
    (void)state;
    static const char *const texts[] = {
        "file_name,label\nimg/1.png,cat\nimg/2.png,dog\n",
        "\xEF\xBB\xBF Image Name ; Class \nimg/1.png; cat \nimg/2.png;dog\n",
        "photo\tanswer\nimg/1.png\tcat\nimg/2.png\tdog\n",
        "img/1.png;cat\nimg/2.png;dog\n",
        "IMAGE_ID,width,TARGET,Usage\nimg/1.png,3,cat,Training\nimg/2.png,4,dog,TRAIN\n",
        "img/1.png,cat\nimg/9.png,cat\nimg/2.png,dog\nimg/8.png,cow\n"};
    for (int i = 0; i < DUET_COUNT(texts); i++) {
        duet_dataset *const set = open_list(texts[i]);
        assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 2);
        assert_string_equal(duet_dataset_describe(set)->class_names[0], "cat");
        assert_int_equal(colour(set, DUET_TRAIN, 0), 10);
        const bool last = i == DUET_COUNT(texts) - 1;
        assert_int_equal(left_out(set, "rows of the list whose file is missing"), last ? 2 : 0);
        assert_int_equal(noticed(set, "classes without an image"), last ? 1 : 0);
        duet_dataset_close(set);
    }
    duet_dataset *const set =
        open_list("path,class,split\nimg/1.png,a,Training\nimg/2.png,b,VALID\nimg/3.png,,eval\n"
                  "img/4.png\n");
    assert_int_equal(duet_dataset_describe(set)->count[DUET_VAL], 1);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TEST], 1);
    assert_int_equal(noticed(set, "the split train that have no class"), 1);
    duet_dataset_close(set);
}

static void wrong_lines_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {{"", "lists no image"},
                {"path,label\n", "lists no image"},
                {"img/1.png,a\n,b\n", "line 2 has no path"},
                {"path,label,split\nimg/1.png,a,tset\n", "line 2 has split 'tset'"},
                {"img/7.png,a\nimg/8.png,b\n", "img/"}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_dataset *set = NULL;
        put_list(rows[i].text);
        assert_int_not_equal(duet_dataset_open(NULL, &set, list), DUET_OK);
        assert_null(set);
        if (strstr(duet_error_message(), rows[i].words) == NULL)
            fail_msg("no '%s' in: %s", rows[i].words, duet_error_message());
    }
    duet_dataset *set = NULL;
    put_list("x");
    put_file(folder, "list.csv", "img/1.png\0,a\n", 13);
    FAILS(DUET_FORMAT, "no text", duet_dataset_open(NULL, &set, list));
    char pipe[DUET_PATH_SIZE]; /* would wait for a writer */
    put_list("pipe,a\nimg,b\n");
    OK(duet_path_join(pipe, folder, "pipe"));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    FAILS(DUET_NOT_FOUND, "no file", duet_dataset_open(NULL, &set, list));
}

static void any_bytes_do_no_harm(void **state) {
    (void)state;
    static const char text[] =
        "path,label,split\n\"img/1.png\",a,train\nimg/2.png,\"b\"\"c\",test\r\nimg/3.png,,\n";
    static const char signs[] = "\",\n\r;a/.\t";
    put_list(text);
    for (uint64_t k = 0; k < 3000; k++) {
        const duet_rng rng = duet_rng_make(1, "csv", k);
        char changed[sizeof text];
        memcpy(changed, text, sizeof text);
        for (uint64_t i = 0; i < 4; i++)
            changed[duet_rng_below(rng, 2 * i, sizeof text - 1)] =
                signs[duet_rng_below(rng, 2 * i + 1, sizeof signs - 1)];
        const int64_t size =
            k % 2 ? (int64_t)sizeof text - 1 : (int64_t)duet_rng_below(rng, 9, sizeof text);
        duet_dataset *set = NULL;
        put_file(folder, "list.csv", changed, size);
        if (duet_dataset_open(NULL, &set, list) == DUET_OK) duet_dataset_close(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_names), cmocka_unit_test(with_names),
        cmocka_unit_test(lists_of_others), cmocka_unit_test(wrong_lines_are_told),
        cmocka_unit_test(any_bytes_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
