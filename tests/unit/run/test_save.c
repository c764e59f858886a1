/* SPDX-License-Identifier: MIT
 * Images that are written as they come: the same bytes in parts as at once, memory that does not
 * grow with their number, and nothing left of what was not finished. */
#include "unit/data/fixtures.h"

#include <duet/run.h>

#include "base/mem.h"

enum { SIDE = 16, MOST = 600 };

static void draw(uint8_t *out, int64_t first, int64_t count, int64_t bytes) {
    for (int64_t i = 0; i < count * bytes; i++)
        out[i] = (uint8_t)((first * bytes + i) * 2654435761U >> 13);
}

static duet_status open_sink(duet_image_sink **out, const char *path, int64_t count, int channels,
                             const char *note) {
    const duet_image_sink_options options = {
        .count = count, .size = SIDE, .channels = channels, .columns = 4, .note = note};
    return duet_image_sink_open(out, path, &options);
}

static void put_parts(duet_image_sink *sink, int64_t count, int64_t part, int channels) {
    const int64_t bytes = SIDE * SIDE * channels;
    uint8_t *pixels = NULL;
    OK(duet_alloc(&pixels, part * bytes, 1));
    for (int64_t i = 0; i < count; i += part) {
        const int64_t n = count - i < part ? count - i : part;
        draw(pixels, i, n, bytes);
        OK(duet_image_sink_put(sink, pixels, n, NULL, NULL));
    }
    duet_release(pixels);
}

static void assert_same(const char *a, const char *b) {
    duet_bytes x = {0}, y = {0};
    OK(duet_file_read(&x, a));
    OK(duet_file_read(&y, b));
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, (size_t)x.size);
    duet_bytes_free(&x);
    duet_bytes_free(&y);
}

static void parts_are_the_whole(void **unused) {
    (void)unused;
    static const char *const endings[] = {".png", ".npz", ".zip", ""};
    char folder[DUET_PATH_SIZE], whole[DUET_PATH_SIZE + 32], parts[DUET_PATH_SIZE + 32];
    uint8_t pixels[11 * SIDE * SIDE * 3];
    fresh_folder(folder, "save-parts");
    for (int channels = 1; channels <= 3; channels += 2) {
        draw(pixels, 0, 11, SIDE * SIDE * channels);
        for (int e = 0; e < DUET_COUNT(endings); e++) {
            duet_image_sink *sink = NULL;
            snprintf(whole, sizeof whole, "%s/whole%d%s", folder, channels, endings[e]);
            snprintf(parts, sizeof parts, "%s/parts%d%s", folder, channels, endings[e]);
            OK(duet_images_save(pixels, 11, SIDE, channels, 4, whole, "a note"));
            OK(open_sink(&sink, parts, 11, channels, "a note"));
            put_parts(sink, 11, 4, channels);
            OK(duet_image_sink_commit(sink));
            if (endings[e][0] == '\0') {
                strcat(whole, "/000010.png");
                strcat(parts, "/000010.png");
            }
            assert_same(whole, parts);
        }
    }
}

/* Peak of the blocks while `count` images go to a file. */
static int64_t peak_of(const char *path, int64_t count) {
    duet_image_sink *sink = NULL;
    (void)duet_alloc_peak(true);
    const int64_t before = duet_alloc_peak(false);
    OK(open_sink(&sink, path, count, 3, NULL));
    put_parts(sink, count, 4, 3);
    OK(duet_image_sink_commit(sink));
    return duet_alloc_peak(false) - before;
}

static void memory_does_not_grow(void **unused) {
    (void)unused;
    static const struct {
        const char *name;
        int64_t each; /* bytes an image may cost: number and label; place in the list of members */
    } cases[] = {{"x.npz", 16}, {"x.zip", 200}};
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    fresh_folder(folder, "save-memory");
    for (int i = 0; i < DUET_COUNT(cases); i++) {
        OK(duet_path_join(path, folder, cases[i].name));
        const int64_t few = peak_of(path, 60), many = peak_of(path, MOST);
        assert_true(few > 0);
        if (many - few > (MOST - 60) * cases[i].each)
            fail_msg("%s: %lld bytes for 60 images, %lld for %d", cases[i].name, (long long)few,
                     (long long)many, MOST);
    }
}

/* Entries of the folder; finished: without those that are being written. */
static int64_t entries(const char *folder, bool finished) {
    duet_listing list = {0};
    int64_t count = 0;
    OK(duet_folder_list(&list, folder));
    for (int64_t i = 0; i < list.count; i++)
        if (!finished || strstr(list.name[i], ".tmp.") == NULL) count++;
    duet_listing_free(&list);
    return count;
}

static void unfinished_files_are_not_there(void **unused) {
    (void)unused;
    static const char *const names[] = {"a.npz", "a.zip", "a.png"};
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    uint8_t pixels[8 * SIDE * SIDE];
    duet_image_sink *sink = NULL;
    draw(pixels, 0, 8, SIDE * SIDE);
    fresh_folder(folder, "save-unfinished");
    for (int i = 0; i < DUET_COUNT(names); i++) {
        OK(duet_path_join(path, folder, names[i]));
        OK(open_sink(&sink, path, 10, 1, NULL));
        OK(duet_image_sink_put(sink, pixels, 8, NULL, NULL));
        assert_int_equal(entries(folder, true), 0);
        FAILS(DUET_ARG, "3 images", duet_image_sink_put(sink, pixels, 3, NULL, NULL));
        FAILS(DUET_ARG, "8 of 10 images", duet_image_sink_commit(sink));
        assert_int_equal(entries(folder, false), 0);
        OK(open_sink(&sink, path, 10, 1, NULL));
        OK(duet_image_sink_put(sink, pixels, 8, NULL, NULL));
        assert_int_equal(duet_image_sink_kept(sink), 0);
        duet_image_sink_abort(sink);
        assert_int_equal(entries(folder, false), 0);
    }
    OK(duet_path_join(path, folder, "images"));
    OK(open_sink(&sink, path, 10, 1, NULL));
    OK(duet_image_sink_put(sink, pixels, 8, NULL, NULL));
    assert_int_equal(duet_image_sink_kept(sink), 8);
    duet_image_sink_abort(sink);
    assert_int_equal(entries(path, false), 8); /* whole ones stay */
    OK(duet_path_join(path, folder, "a.gif"));
    FAILS(DUET_ARG, "end it in .png", open_sink(&sink, path, 1, 1, NULL));
}

/* ---- labels and texts ---- */

static const char *const class_names[] = {"bag", "b\xC3\xA9ret", "shoe, \"left\""};
static const duet_image_origin origin = {.model = "tiny",
                                         .model_hash = 0x1234,
                                         .sampler = "ddpm:steps=50",
                                         .seed = UINT64_MAX,
                                         .class_names = class_names,
                                         .class_count = 3};

static void save_labelled(const char *path) {
    static const int32_t labels[] = {0, 1, 2, 0};
    static const int64_t index[] = {5, 6, 7, 12};
    const duet_image_sink_options options = {
        .count = 4, .size = SIDE, .channels = 3, .labelled = true, .origin = &origin};
    uint8_t pixels[4 * SIDE * SIDE * 3];
    duet_image_sink *sink = NULL;
    draw(pixels, 0, 4, SIDE * SIDE * 3);
    OK(duet_image_sink_open(&sink, path, &options));
    OK(duet_image_sink_put(sink, pixels, 1, labels, index));
    OK(duet_image_sink_put(sink, pixels + SIDE * SIDE * 3, 3, labels + 1, index + 1));
    OK(duet_image_sink_commit(sink));
}

/* Both archives are data sets with these labels. */
static void labels_go_along(void **unused) {
    (void)unused;
    static const char *const names[] = {"x.npz", "x.zip"};
    static const int read[2][4] = {{0, 1, 2, 0}, {0, 0, 1, 2}}; /* rows of zips go by class */
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    fresh_folder(folder, "save-labels");
    for (int i = 0; i < DUET_COUNT(names); i++) {
        duet_dataset *set = NULL;
        OK(duet_path_join(path, folder, names[i]));
        save_labelled(path);
        OK(duet_dataset_open(NULL, &set, path));
        const duet_dataset_info *const info = duet_dataset_describe(set);
        assert_true(info->labelled);
        assert_int_equal(info->class_count, 3);
        assert_int_equal(info->count[DUET_TRAIN], 4);
        for (int r = 0; r < 4; r++)
            assert_int_equal(duet_dataset_label(set, DUET_TRAIN, r), read[i][r]);
        if (i == 1) assert_string_equal(info->class_names[1], class_names[1]);
        duet_dataset_close(set);
    }
    const duet_image_sink_options options = {
        .count = 1, .size = SIDE, .channels = 1, .labelled = true};
    uint8_t pixels[SIDE * SIDE] = {0};
    duet_image_sink *sink = NULL;
    OK(duet_image_sink_open(&sink, path, &options));
    FAILS(DUET_ARG, "has no label", duet_image_sink_put(sink, pixels, 1, NULL, NULL));
    duet_image_sink_abort(sink);
}

/* The file holds these bytes. */
static bool holds(const char *path, const char *text) {
    duet_bytes file = {0};
    OK(duet_file_read(&file, path));
    const bool found = memmem(file.data, (size_t)file.size, text, strlen(text)) != NULL;
    duet_bytes_free(&file);
    return found;
}

static void pictures_say_where_they_come_from(void **unused) {
    (void)unused;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE + 16];
    fresh_folder(folder, "save-texts");
    save_labelled(folder);
    snprintf(path, sizeof path, "%s/000002.png", folder);
    assert_true(holds(path, "sample 7 of tiny, class 2 (shoe, \"left\")\n"
                            "Sampler: \"ddpm:steps=50\", Seed: 18446744073709551615, Sample: 7, "
                            "Size: 16x16, Model: tiny, Model hash: 0000000000001234, Class: 2, "
                            "Version: duet " DUET_VERSION));
    assert_true(holds(path, "\"model\":\"tiny\",\"model_hash\":\"0000000000001234\",\"sampler\":"
                            "\"ddpm:steps=50\",\"seed\":\"18446744073709551615\",\"sample\":7,"
                            "\"label\":2,\"class\":\"shoe, \\\"left\\\"\"}"));
    snprintf(path, sizeof path, "%s/000001.png", folder);
    assert_true(holds(path, "iTXtparameters")); /* not ASCII */
    snprintf(path, sizeof path, "%s/grid.png", folder);
    save_labelled(path);
    assert_true(holds(path, "samples 5-7, 12 of tiny\n"));
    assert_true(holds(path, "Samples: \"5-7, 12\""));
    assert_true(holds(path, "\"count\":4,\"columns\":2,\"samples\":[[5,7],[12,12]],"
                            "\"labels\":[0,1,2,0]}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_whole),
        cmocka_unit_test(memory_does_not_grow),
        cmocka_unit_test(unfinished_files_are_not_there),
        cmocka_unit_test(labels_go_along),
        cmocka_unit_test(pictures_say_where_they_come_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
