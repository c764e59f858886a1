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

static void put_parts(duet_image_sink *sink, int64_t count, int64_t part, int channels) {
    const int64_t bytes = SIDE * SIDE * channels;
    uint8_t *pixels = NULL;
    OK(duet_alloc(&pixels, part * bytes, 1));
    for (int64_t i = 0; i < count; i += part) {
        const int64_t n = count - i < part ? count - i : part;
        draw(pixels, i, n, bytes);
        OK(duet_image_sink_put(sink, pixels, n));
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
            OK(duet_image_sink_open(&sink, parts, 11, SIDE, channels, 4, "a note"));
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
    OK(duet_image_sink_open(&sink, path, count, SIDE, 3, 8, NULL));
    put_parts(sink, count, 4, 3);
    OK(duet_image_sink_commit(sink));
    return duet_alloc_peak(false) - before;
}

static void memory_does_not_grow(void **unused) {
    (void)unused;
    static const struct {
        const char *name;
        int64_t each; /* bytes an image may cost: its place in the list of members */
    } cases[] = {{"x.npz", 0}, {"x.zip", 400}};
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

static int64_t entries(const char *folder) {
    duet_listing list = {0};
    OK(duet_folder_list(&list, folder));
    const int64_t count = list.count;
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
        OK(duet_image_sink_open(&sink, path, 10, SIDE, 1, 4, NULL));
        OK(duet_image_sink_put(sink, pixels, 8));
        assert_int_equal(entries(folder), 0);
        FAILS(DUET_ARG, "3 images", duet_image_sink_put(sink, pixels, 3));
        FAILS(DUET_ARG, "8 of 10 images", duet_image_sink_commit(sink));
        assert_int_equal(entries(folder), 0);
        OK(duet_image_sink_open(&sink, path, 10, SIDE, 1, 4, NULL));
        OK(duet_image_sink_put(sink, pixels, 8));
        assert_int_equal(duet_image_sink_kept(sink), 0);
        duet_image_sink_abort(sink);
        assert_int_equal(entries(folder), 0);
    }
    OK(duet_path_join(path, folder, "images"));
    OK(duet_image_sink_open(&sink, path, 10, SIDE, 1, 4, NULL));
    OK(duet_image_sink_put(sink, pixels, 8));
    assert_int_equal(duet_image_sink_kept(sink), 8);
    duet_image_sink_abort(sink);
    assert_int_equal(entries(path), 8); /* whole ones stay */
    OK(duet_path_join(path, folder, "a.gif"));
    FAILS(DUET_ARG, "end it in .png", duet_image_sink_open(&sink, path, 1, SIDE, 1, 1, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_whole),
        cmocka_unit_test(memory_does_not_grow),
        cmocka_unit_test(unfinished_files_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
