/* SPDX-License-Identifier: MIT
 * What duet_dataset_pack keeps and counts: names of classes, in a zip, beside images on disk and in
 * shards, of sets that have names only; images that lost their colour or their transparency. Links
 * in archives whose labels stand in a list of their own. */
#include "unit/data/fixtures.h"

#include "io/archive.h"

static char dir[DUET_PATH_SIZE], path[DUET_PATH_SIZE];

/* Of three classes with names, two have images to pack: 0 and 2 of "ant", "bee \"b\"", "c". */
static duet_dataset *named_set(void) {
    fresh_folder(dir, "pack-named");
    put_png(dir, "set/train/ant/0.png", 8, 10);
    put_png(dir, "set/train/c/1.png", 8, 20);
    put_png(dir, "set/train/c/2.png", 8, 30);
    put_png(dir, "set/test/bee \"b\"/3.png", 8, 40);
    OK(duet_path_join(path, dir, "set"));
    return open_set(path);
}

static bool holds(const char *file, const char *words) {
    duet_bytes bytes = {0};
    OK(duet_file_read(&bytes, file));
    const bool found = memmem(bytes.data, (size_t)bytes.size, words, strlen(words)) != NULL;
    duet_bytes_free(&bytes);
    return found;
}

static void names_come_back(void **unused) {
    (void)unused;
    static const char *const names[] = {"x.zip", "x.tar", "x-{0..1}.tar"};
    static const int values[] = {10, 20, 30};
    duet_dataset *const set = named_set();
    assert_int_equal(duet_dataset_describe(set)->class_count, 3);
    for (int k = 0; k < DUET_COUNT(names); k++) {
        duet_pack_result result;
        OK(duet_path_join(path, dir, names[k]));
        OK(duet_dataset_pack(NULL, &result, set, DUET_TRAIN, 0, path, NULL));
        assert_int_equal(result.images, 3);
        duet_dataset *const again = open_set(path);
        const duet_dataset_info *const info = duet_dataset_describe(again);
        assert_int_equal(info->class_count, 2);
        assert_string_equal(info->class_names[0], "ant");
        assert_string_equal(info->class_names[1], "c");
        assert_int_equal(info->left_out_count, 0);
        for (int64_t i = 0; i < 3; i++) {
            uint8_t pixels[8 * 8];
            OK(duet_dataset_read(again, DUET_TRAIN, i, &(duet_preprocess){.size = 8, .channels = 1},
                                 pixels));
            assert_int_equal(pixels[0], values[i]);
            assert_int_equal(duet_dataset_label(again, DUET_TRAIN, i), i > 0);
        }
        duet_dataset_close(again);
    }
    OK(duet_path_join(path, dir, "t.zip"));
    OK(duet_dataset_pack(NULL, NULL, set, DUET_TEST, 0, path, NULL));
    assert_true(holds(path, "\"classes\": [\"ant\", \"bee \\\"b\\\"\", \"c\"]}"));
    duet_dataset_close(set);
}

/* Their archives are as they always were. */
static void numbers_are_no_names(void **unused) {
    (void)unused;
    static const char *const names[] = {"n.zip", "n.tar"};
    fresh_folder(dir, "pack-numbers");
    put_png(dir, "set/0/0.png", 8, 10);
    put_png(dir, "set/1/1.png", 8, 20);
    OK(duet_path_join(path, dir, "set"));
    duet_dataset *const set = open_set(path);
    for (int k = 0; k < DUET_COUNT(names); k++) {
        OK(duet_path_join(path, dir, names[k]));
        OK(duet_dataset_pack(NULL, NULL, set, DUET_TRAIN, 0, path, NULL));
        assert_false(holds(path, "classes"));
        duet_dataset *const again = open_set(path);
        assert_string_equal(duet_dataset_describe(again)->class_names[1], "1");
        duet_dataset_close(again);
    }
    duet_dataset_close(set);
}

static void lists_on_disk(void **unused) {
    (void)unused;
    static const struct {
        const char *classes, *first, *second;
    } rows[] = {{"[\"a\", \"b\", \"c\", \"d\"]", "b", "d"},
                {"[\"a\", \"b\", \"c\"]", "1", "3"},        /* too short */
                {"[\"a\", \"b\", \"c\", \"b\"]", "1", "3"}, /* two of one name */
                {"[\"a\", \"b\", \"c\", 5]", "1", "3"},     /* no names */
                {"[\"a\", \"b\", \"c\", \"\"]", "1", "3"},
                {"{\"a\": 0}", "1", "3"},
                {"null", "1", "3"}};
    for (int k = 0; k < DUET_COUNT(rows); k++) {
        char json[256];
        fresh_folder(dir, "pack-disk");
        put_png(dir, "x.png", 8, 10);
        put_png(dir, "y.png", 8, 20);
        const int size = snprintf(json, sizeof json,
                                  "{\"labels\": [[\"x.png\", 1], [\"y.png\", 3]], \"classes\": %s}",
                                  rows[k].classes);
        put_file(dir, "dataset.json", json, size);
        duet_dataset *const set = open_set(dir);
        assert_int_equal(duet_dataset_describe(set)->class_count, 2);
        assert_string_equal(duet_dataset_describe(set)->class_names[0], rows[k].first);
        assert_string_equal(duet_dataset_describe(set)->class_names[1], rows[k].second);
        duet_dataset_close(set);
    }
}

static void put_shard(const char *name, const char *classes, uint8_t first) {
    place(path, dir, name);
    FILE *const tar = tar_begin(path);
    if (classes != NULL)
        put_member(tar, "__meta__/classes.json", classes, (int64_t)strlen(classes));
    for (int i = 0; i < 2; i++) {
        char member[32];
        snprintf(member, sizeof member, "%d.png", first + i);
        put_tar_png(tar, member, (uint8_t)(first + i));
        snprintf(member, sizeof member, "%d.cls", first + i);
        put_member(tar, member, i ? "1" : "0", 1);
    }
    tar_end(tar);
}

static void lists_of_shards(void **unused) {
    (void)unused;
    static const struct {
        const char *list[2], *second, *words;
    } rows[] = {{{"{\"classes\": [\"a\", \"b\"]}", "{\"classes\": [\"a\", \"b\"]}"}, "b", NULL},
                {{"{\"classes\": [\"a\", \"b\"]}", NULL}, "b", NULL},
                {{"{\"classes\": [\"a\", \"b\"]}", "{\"classes\": [\"b\", \"a\"]}"},
                 "1",
                 "otherwise than the first"},
                {{"{\"classes\"", NULL}, "1", "damaged"},
                {{"{}", NULL}, "1", NULL}};
    for (int k = 0; k < DUET_COUNT(rows); k++) {
        fresh_folder(dir, "pack-shards");
        put_shard("s-0.tar", rows[k].list[0], 10);
        put_shard("s-1.tar", rows[k].list[1], 20);
        OK(duet_path_join(path, dir, "s-{0..1}.tar"));
        duet_dataset *const set = open_set(path);
        const duet_dataset_info *const info = duet_dataset_describe(set);
        assert_int_equal(info->count[DUET_TRAIN], 4);
        assert_string_equal(info->class_names[1], rows[k].second);
        assert_int_equal(info->left_out_count, 0);
        if (rows[k].words != NULL) assert_int_equal(noticed(set, rows[k].words), 1);
        duet_dataset_close(set);
    }
}

static int warnings;

static void count_warnings(duet_log_level level, const char *message, void *user) {
    (void)user;
    warnings += level == DUET_LOG_WARNING && strstr(message, "packed as grey: 2") != NULL;
    warnings += level == DUET_LOG_WARNING && strstr(message, "over white: 1") != NULL;
}

/* A grey set of 30 with two images in colour, and a transparent one, that opening does not see. */
static void lost_colours_are_counted(void **unused) {
    (void)unused;
    duet_context *ctx = NULL;
    duet_bytes rgba = {0};
    fresh_folder(dir, "pack-lost");
    for (int i = 0; i < 30; i++) {
        char name[32], text[80] = "P5 8 8 255\n";
        snprintf(name, sizeof name, "set/%03d.pgm", i);
        put_file(dir, name, text, 11 + 64);
    }
    duet_bytes png = png_of(8, 8, 200, 10, 10);
    put_file(dir, "set/005.pgm", png.data, png.size);
    OK(duet_file_read(&rgba, DUET_SOURCE_DIR "/tests/golden/images/rgba.png"));
    put_file(dir, "set/006.pgm", rgba.data, rgba.size);
    OK(duet_context_new(&ctx, &(duet_context_options){.log = count_warnings}));
    OK(duet_path_join(path, dir, "set"));
    duet_dataset *const set = open_set(path);
    assert_int_equal(duet_dataset_describe(set)->channels, 1);
    for (int64_t size = 0; size <= 8; size += 8) {
        duet_pack_result result;
        warnings = 0;
        OK(duet_path_join(path, dir, "x.tar"));
        OK(duet_dataset_pack(ctx, &result, set, DUET_TRAIN, size, path, NULL));
        assert_int_equal(result.images, 30);
        assert_int_equal(result.greyed, 2); /* the transparent one is in colour, too */
        assert_int_equal(result.opaque, 1);
        assert_non_null(strstr(result.first_greyed, "005.pgm"));
        assert_non_null(strstr(result.first_opaque, "006.pgm"));
        assert_int_equal(warnings, 2);
    }
    duet_dataset_close(set);
    duet_context_free(ctx);
    duet_bytes_free(&png);
    duet_bytes_free(&rgba);
}

/* ---- links where labels stand in a list ---- */

static void add(zip_t *zip, const char *name, const void *bytes, int64_t size, bool link) {
    zip_source_t *const source = zip_source_buffer(zip, bytes, (zip_uint64_t)size, 0);
    const zip_int64_t index = zip_file_add(zip, name, source, 0);
    assert_true(index >= 0);
    if (link)
        assert_int_equal(zip_file_set_external_attributes(zip, (zip_uint64_t)index, 0,
                                                          ZIP_OPSYS_UNIX, 0120777u << 16),
                         0);
}

static void labelled_zip_follows_links(void **unused) {
    (void)unused;
    static const char list[] =
        "{\"labels\": [[\"0/a.png\", 5], [\"0/b.png\", 3], [\"1/c.png\", 3], "
        "[\"1/d.png\", 5]]}";
    fresh_folder(dir, "pack-links");
    place(path, dir, "x.zip");
    duet_bytes a = png_of(8, 8, 50, 50, 50), b = png_of(8, 8, 30, 30, 30);
    zip_t *const zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    add(zip, "0/a.png", a.data, a.size, false);
    add(zip, "0/b.png", b.data, b.size, false);
    add(zip, "1/c.png", "../0/a.png", 10, true); /* the image of a, its own label */
    add(zip, "1/d.png", "nowhere.png", 11, true);
    add(zip, "1/e.png", "../0/a.png", 10, true); /* no label */
    add(zip, "dataset.json", list, sizeof list - 1, false);
    assert_int_equal(zip_close(zip), 0);
    duet_dataset *const set = open_set(path);
    static const int values[] = {30, 50, 50}, labels[] = {0, 0, 1}; /* b, c of 3; a of 5 */
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 3);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    for (int64_t i = 0; i < 3; i++) {
        uint8_t pixels[8 * 8];
        OK(duet_dataset_read(set, DUET_TRAIN, i, &(duet_preprocess){.size = 8, .channels = 1},
                             pixels));
        assert_int_equal(pixels[0], values[i]);
        assert_int_equal(duet_dataset_label(set, DUET_TRAIN, i), labels[i]);
    }
    assert_int_equal(left_out(set, "links that do not lead to an image"), 1);
    assert_int_equal(left_out(set, "links without a label in dataset.json"), 1);
    assert_int_equal(left_out(set, "labels of dataset.json"), 0);
    duet_dataset_close(set);
    duet_bytes_free(&a);
    duet_bytes_free(&b);
}

/* WebDataset's own readers pass over them, too. */
static void shards_count_links(void **unused) {
    (void)unused;
    fresh_folder(dir, "pack-shard-links");
    place(path, dir, "x.tar");
    FILE *const tar = tar_begin(path);
    put_tar_png(tar, "0.png", 10);
    put_member(tar, "0.cls", "0", 1);
    put_tar_link(tar, "1.png", "0.png", '1');
    put_member(tar, "1.cls", "1", 1);
    put_tar_png(tar, "2.png", 20);
    put_member(tar, "2.cls", "1", 1);
    put_tar_link(tar, "3.png", "0.png", '2');
    tar_end(tar);
    duet_dataset *const set = open_set(path);
    assert_string_equal(duet_dataset_describe(set)->layout, "webdataset");
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 2);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    assert_int_equal(left_out(set, "links and devices in a shard"), 2);
    assert_int_equal(left_out(set, "samples without an image"), 1);
    duet_dataset_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(numbers_are_no_names),
        cmocka_unit_test(lists_on_disk),
        cmocka_unit_test(lists_of_shards),
        cmocka_unit_test(lost_colours_are_counted),
        cmocka_unit_test(labelled_zip_follows_links),
        cmocka_unit_test(shards_count_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
