/* SPDX-License-Identifier: MIT
 * Nothing of a set is left out without being counted: endings, links, what lies beside the images,
 * in folders, tars, zips, lists and arrays; and what cannot be followed does not hang. */
#include "fixtures.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <duet/store.h>

static char dir[DUET_PATH_SIZE], path[DUET_PATH_SIZE];

static void put_text(const char *name, const char *text) {
    put_file(dir, name, text, (int64_t)strlen(text));
}

static void link_to(const char *target, const char *name) {
    place(path, dir, name);
    assert_int_equal(symlink(target, path), 0);
}

static int64_t train(const duet_dataset *set) {
    return duet_dataset_describe(set)->count[DUET_TRAIN];
}

static int value_of(const duet_dataset *set, int64_t index) {
    const duet_preprocess how = {.size = 8, .channels = 1};
    uint8_t pixels[64];
    OK(duet_dataset_read(set, DUET_TRAIN, index, &how, pixels));
    return pixels[0];
}

static int warnings;
static void count_warnings(duet_log_level level, const char *message, void *user) {
    (void)message, (void)user;
    warnings += level == DUET_LOG_WARNING;
}

static void folder_counts_what_it_leaves(void **state) {
    (void)state;
    fresh_folder(dir, "endings");
    const char *const images[] = {"a/0.PNG", "a/1.jfif", "b/2.JPE", "b/none", "b/x.bmp"};
    for (int i = 0; i < DUET_COUNT(images); i++) put_png(dir, images[i], 8, (uint8_t)(10 * i));
    put_text("a/3.bmp", "BM");
    put_text("b/4.BMP", "BM");
    put_text("b/5.gif", "GIF89a");
    put_text("b/strange", "GIF89a");
    put_text("b/inner.zip", "PK");
    put_text("metadata.jsonl", "{}");
    put_text("readme.txt", "hello");
    put_text("a/.hidden.png", "x");
    put_text("__MACOSX/a/._0.png", "x");
    OK(duet_path_join(path, dir, "empty/folder"));
    OK(duet_folder_make(path));
    duet_context *ctx = NULL;
    duet_dataset *set = NULL;
    OK(duet_context_new(&ctx, &(duet_context_options){.log = count_warnings}));
    warnings = 0;
    OK(duet_dataset_open(ctx, &set, dir));
    assert_int_equal(train(set), 5); /* by content, too: a PNG called .bmp, one without ending */
    assert_int_equal(left_out(set, ".bmp images"), 2);
    assert_int_equal(left_out(set, ".gif images"), 1);
    assert_int_equal(left_out(set, "files that are a GIF image"), 1);
    assert_int_equal(left_out(set, "archives"), 1);
    assert_int_equal(left_out(set, "tables"), 1);
    assert_int_equal(left_out(set, "folders without an image"), 2);
    assert_int_equal(left_out(set, "files that are not images"), 1);
    assert_int_equal(left_out(set, "hidden"), 1);
    assert_int_equal(warnings, 6); /* one a reason; not of texts and hidden files */
    duet_dataset_close(set);
    duet_context_free(ctx);
}

static void folder_follows_links(void **state) {
    (void)state;
    fresh_folder(dir, "links");
    put_png(dir, "real/a/0.png", 8, 30);
    put_png(dir, "set/b/0.png", 8, 40);
    link_to("../real/a", "set/a");
    link_to("../../real/a/0.png", "set/b/1.png");
    link_to("nowhere", "set/b/2.png");
    link_to("..", "set/b/up");
    OK(duet_path_join(path, dir, "set"));
    duet_dataset *const set = open_set(path);
    assert_int_equal(train(set), 3);
    assert_int_equal(duet_dataset_describe(set)->class_count, 2);
    assert_int_equal(value_of(set, 2), 30);
    assert_int_equal(left_out(set, "links that do not lead to an image"), 1);
    assert_int_equal(left_out(set, "links to a folder that they lie in"), 1);
    duet_dataset_close(set);
}

static void tar_follows_links(void **state) {
    (void)state;
    fresh_folder(dir, "tar_links");
    place(path, dir, "x.tar");
    FILE *const tar = tar_begin(path);
    put_tar_link(tar, "a/later.png", "../b/0.png", '2'); /* before its target, and a chain */
    put_tar_png(tar, "./a/0.png", 10);
    put_tar_png(tar, "b/0.png", 20);
    put_tar_link(tar, "b/1.png", "./a/0.png", '1');
    put_tar_link(tar, "b/2.png", "1.png", '2');
    put_tar_link(tar, "b/3.png", "/etc/x.png", '2');
    put_tar_link(tar, "b/4.png", "../../x.png", '2');
    put_tar_link(tar, "b/5.png", "6.png", '2'); /* a circle */
    put_tar_link(tar, "b/6.png", "5.png", '2');
    put_tar_link(tar, "b/.7.png", "0.png", '2');
    put_member(tar, "b/x.bmp", "BM", 2);
    put_tar_png(tar, "../evil.png", 9);
    tar_end(tar);
    duet_dataset *const set = open_set(path);
    assert_int_equal(train(set), 5);
    assert_int_equal(value_of(set, 0), 10); /* a/0, a/later, b/0, b/1, b/2 */
    assert_int_equal(value_of(set, 1), 20);
    assert_int_equal(value_of(set, 3), 10);
    assert_int_equal(value_of(set, 4), 10);
    assert_int_equal(left_out(set, "links that do not lead to an image"), 4);
    assert_int_equal(left_out(set, ".bmp images"), 1);
    assert_int_equal(left_out(set, "leads outside"), 1);
    duet_dataset_close(set);
}

static void add_to_zip(zip_t *zip, const char *name, const void *bytes, int64_t size,
                       zip_int32_t method, uint32_t mode) {
    zip_source_t *const source = zip_source_buffer(zip, bytes, (zip_uint64_t)size, 0);
    const zip_int64_t index = zip_file_add(zip, name, source, 0);
    assert_true(index >= 0);
    assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, method, 0), 0);
    if (mode != 0)
        assert_int_equal(zip_file_set_external_attributes(zip, (zip_uint64_t)index, 0,
                                                          ZIP_OPSYS_UNIX, mode << 16),
                         0);
}

static void zip_counts_what_it_leaves(void **state) {
    (void)state;
    static const char *const names[] = {"set\\Train\\cat\\0.png", "set\\Train\\dog\\0.png",
                                        "set\\TEST\\cat\\1.png", "../out.png"};
    fresh_folder(dir, "zips");
    place(path, dir, "x.ZIP");
    duet_bytes png = png_of(8, 8, 7, 7, 7);
    zip_t *const zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    for (int i = 0; i < DUET_COUNT(names); i++)
        add_to_zip(zip, names[i], png.data, png.size, ZIP_CM_STORE, 0);
    add_to_zip(zip, "set/Train/dog/link.png", "../cat/0.png", 12, ZIP_CM_STORE, S_IFLNK | 0777);
    add_to_zip(zip, "set/Train/dog/bad.png", "nowhere", 7, ZIP_CM_STORE, S_IFLNK | 0777);
    add_to_zip(zip, "set/Train/dog/packed.png", png.data, png.size, ZIP_CM_BZIP2, 0);
    add_to_zip(zip, "set/Train/dog/x.gif", "GIF89a", 6, ZIP_CM_STORE, 0);
    add_to_zip(zip, "__MACOSX/set/._0.png", "x", 1, ZIP_CM_STORE, 0);
    assert_true(zip_dir_add(zip, "set/Train/bird", 0) >= 0);
    assert_int_equal(zip_close(zip), 0);
    duet_bytes_free(&png);
    duet_dataset *const set = open_set(path);
    assert_int_equal(train(set), 3);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TEST], 1);
    assert_string_equal(duet_dataset_describe(set)->class_names[1], "dog");
    assert_int_equal(left_out(set, "links that do not lead to an image"), 1);
    assert_int_equal(left_out(set, "compressed by a method other than DEFLATE"), 1);
    assert_int_equal(left_out(set, "leads outside"), 1);
    assert_int_equal(left_out(set, ".gif images"), 1);
    assert_int_equal(left_out(set, "hidden"), 1);
    assert_int_equal(left_out(set, "folders without an image"), 1);
    assert_int_equal(noticed(set, "the split train has and test has not"), 1);
    duet_dataset_close(set);
}

/* EDM's list in the folder around everything, in a zip and on disk. */
static void labels_in_a_folder(void **state) {
    (void)state;
    static const char list[] =
        "{\"labels\": [[\"0/a.png\", 5], [\"0/b.png\", 3], [\"0/gone.png\", 3]]}";
    fresh_folder(dir, "edm");
    put_png(dir, "on/set/0/a.png", 8, 50);
    put_png(dir, "on/set/0/b.png", 8, 30);
    put_text("on/set/dataset.json", list);
    place(path, dir, "edm.zip");
    duet_bytes png = png_of(8, 8, 50, 50, 50), other = png_of(8, 8, 30, 30, 30);
    zip_t *const zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    assert_true(zip_dir_add(zip, "set/0", 0) >= 0);
    add_to_zip(zip, "set/0/a.png", png.data, png.size, ZIP_CM_STORE, 0);
    add_to_zip(zip, "set/0/b.png", other.data, other.size, ZIP_CM_STORE, 0);
    add_to_zip(zip, "set/dataset.json", list, (int64_t)strlen(list), ZIP_CM_STORE, 0);
    assert_int_equal(zip_close(zip), 0);
    duet_bytes_free(&png);
    duet_bytes_free(&other);
    char folder[DUET_PATH_SIZE];
    OK(duet_path_join(folder, dir, "on"));
    const char *const places[] = {path, folder};
    for (int k = 0; k < DUET_COUNT(places); k++) {
        duet_dataset *const set = open_set(places[k]);
        assert_int_equal(duet_dataset_describe(set)->class_count, 2);
        assert_string_equal(duet_dataset_describe(set)->class_names[1], "5");
        assert_int_equal(value_of(set, 0), 30);
        assert_int_equal(left_out(set, "labels of dataset.json"), 1);
        assert_int_equal(left_out(set, "folders without"), 0);
        duet_dataset_close(set);
    }
}

static void shards_count_samples(void **state) {
    (void)state;
    fresh_folder(dir, "shards");
    for (int k = 0; k < 2; k++) {
        place(path, dir, k ? "Test/0.tar" : "train/0.tar");
        FILE *const tar = tar_begin(path);
        put_tar_png(tar, "0.png", 1);
        put_tar_png(tar, "0.seg.png", 1);
        put_member(tar, "0.cls", "0", 1);
        put_member(tar, "1.cls", "0", 1);
        put_tar_png(tar, "2.png", 2);
        put_tar_png(tar, "3.png", 3);
        put_member(tar, "3.cls", "1", 1);
        put_member(tar, "3.json", "{}", 2);
        tar_end(tar);
    }
    duet_dataset *const set = open_set(dir);
    assert_string_equal(duet_dataset_describe(set)->layout, "webdataset");
    assert_int_equal(train(set), 3);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TEST], 3);
    assert_int_equal(left_out(set, "samples without an image"), 2);
    assert_int_equal(left_out(set, "further images of a sample"), 2);
    assert_int_equal(left_out(set, "fields .json"), 2);
    assert_int_equal(noticed(set, "the split train that have no class"), 1);
    duet_dataset_close(set);
}

static void arrays_are_found_and_counted(void **state) {
    (void)state;
    static uint8_t pixels[6 * 4 * 5];
    static const int64_t classes[6] = {0, 1, 0, 1, 0, 1};
    const duet_shape images = {.rank = 3, .dim = {6, 4, 5}}, six = {.rank = 1, .dim = {6}};
    const duet_store_item items[] = {
        {.name = "X_Train", .dtype = DUET_U8, .stored = DUET_U8, .shape = images, .data = pixels},
        {.name = "training_labels",
         .dtype = DUET_I64,
         .stored = DUET_I64,
         .shape = six,
         .data = classes},
        {.name = "images_valid",
         .dtype = DUET_U8,
         .stored = DUET_U8,
         .shape = images,
         .data = pixels},
        {.name = "y_eval", .dtype = DUET_I64, .stored = DUET_I64, .shape = six, .data = classes},
        {.name = "x_mean", .dtype = DUET_I64, .stored = DUET_I64, .shape = six, .data = classes}};
    fresh_folder(dir, "arrays");
    place(path, dir, "x.npz");
    OK(duet_store_write(path, "npz", items, DUET_COUNT(items), NULL, 0));
    duet_dataset *const set = open_set(path);
    assert_int_equal(train(set), 6);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_VAL], 6);
    assert_int_equal(duet_dataset_describe(set)->height, 4);
    assert_int_equal(duet_dataset_describe(set)->width, 5);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 1), 1);
    assert_int_equal(left_out(set, "arrays that are not read"), 2);
    assert_int_equal(noticed(set, "the split val that have no class"), 6);
    duet_dataset_close(set);
}

/* The first rows are grey, a later one is in colour, and one is transparent. */
static void loader_counts_colours(void **state) {
    (void)state;
    const duet_preprocess how = {.size = 8, .channels = 1};
    fresh_folder(dir, "grey");
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d/%03d.pgm", i % 2, i);
        char text[80] = "P5 8 8 255\n";
        put_file(dir, name, text, 11 + 64);
    }
    duet_bytes png = png_of(8, 8, 200, 10, 10);
    put_file(dir, "0/006.pgm", png.data, png.size); /* rows 3 and 4, which are not looked at */
    put_file(dir, "0/008.pgm", png.data, png.size);
    duet_bytes_free(&png);
    duet_context *ctx = NULL;
    duet_dataset *set = NULL;
    duet_loader *loader = NULL;
    duet_view view = {0};
    OK(duet_context_new(&ctx, &(duet_context_options){.log = count_warnings}));
    OK(duet_dataset_open(ctx, &set, dir));
    assert_int_equal(duet_dataset_describe(set)->channels, 1);
    OK(duet_view_all(&view, set, DUET_TRAIN));
    const duet_loader_options options = {.preprocess = how, .batch = 16, .workers = 2};
    warnings = 0;
    OK(duet_loader_open(ctx, &loader, set, &view, &options));
    for (duet_batch batch = {.count = 1}; batch.count > 0;) OK(duet_loader_next(loader, &batch));
    assert_int_equal(warnings, 1); /* the first, by name */
    assert_non_null(strstr(duet_dataset_describe(set)->name, "grey"));
    duet_loader_close(loader);
    assert_int_equal(warnings, 2); /* and how many there were */
    duet_view_free(&view);
    duet_dataset_close(set);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(folder_counts_what_it_leaves),
                                       cmocka_unit_test(folder_follows_links),
                                       cmocka_unit_test(tar_follows_links),
                                       cmocka_unit_test(zip_counts_what_it_leaves),
                                       cmocka_unit_test(labels_in_a_folder),
                                       cmocka_unit_test(shards_count_samples),
                                       cmocka_unit_test(arrays_are_found_and_counted),
                                       cmocka_unit_test(loader_counts_colours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
