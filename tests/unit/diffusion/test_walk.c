/* SPDX-License-Identifier: MIT
 * The way from noise: which steps are kept of which images, what the pictures show, and that
 * watching changes no image. */
#include "tiny_model.h"

#include <duet/sample.h>

#include "base/mem.h"
#include "base/str.h"
#include <duet/picture.h>

enum { SIDE = 4, DIM = SIDE * SIDE };

/* A pass of `rows` images from number `first`: x is 100 above the number of the step, x0 the number
 * itself, as pixels. */
static void pass(duet_walk *walk, int64_t first, int64_t rows, int64_t steps) {
    double x[8 * DIM];
    float x0[8 * DIM];
    int64_t index[8];
    for (int64_t r = 0; r < rows; r++) index[r] = first + 2 * r;
    for (int64_t k = 1; k <= steps; k++) {
        for (int64_t i = 0; i < rows * DIM; i++) x0[i] = (float)((double)k / 127.5 - 1);
        for (int64_t i = 0; i < rows * DIM; i++) x[i] = (double)(k + 100) / 127.5 - 1;
        const duet_generator_step step = {
            .done = k, .total = steps, .rows = rows, .index = index, .x = x, .x0 = x0};
        OK(duet_walk_watch(&step, walk));
    }
}

static void read_picture(duet_image *out, const duet_walk *walk, const char *what) {
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    fresh_folder(folder, "walk");
    OK(duet_path_join(path, folder, "w.png"));
    OK(duet_walk_write(walk, path, what, NULL));
    OK(duet_image_read(out, path, 1));
}

/* The value of a cell of the strip: cells are doubled, 2 apart. */
static int cell(const duet_image *image, int64_t line, int64_t column) {
    const int64_t step = 2 * SIDE + 2;
    return image->pixels[(line * step + 3) * image->width + column * step + 3];
}

static void strips_show_steps_evenly(void **unused) {
    (void)unused;
    duet_walk *walk = NULL;
    duet_image image = {0};
    OK(duet_walk_new(&walk, 3, SIDE, 1));
    assert_int_equal(duet_walk_frames(walk), 0);
    pass(walk, 10, 2, 40);
    pass(walk, 14, 2, 40); /* one of them finds room */
    assert_int_equal(duet_walk_frames(walk), 40);
    read_picture(&image, walk, "x0");
    assert_int_equal(image.width, 10 * (2 * SIDE + 2) + 2);
    assert_int_equal(image.height, 3 * (2 * SIDE + 2) + 2);
    for (int64_t line = 0; line < 3; line++)
        for (int64_t k = 0; k < 10; k++) assert_int_equal(cell(&image, line, k), 4 * (k + 1));
    duet_image_free(&image);
    read_picture(&image, walk, "both");
    assert_int_equal(image.height, 6 * (2 * SIDE + 2) + 2);
    assert_int_equal(cell(&image, 4, 9), 140);
    assert_int_equal(cell(&image, 5, 9), 40);
    duet_image_free(&image);
    duet_walk_free(walk);
}

/* Passes need not have the same number of steps; few steps give few columns. */
static void passes_may_differ(void **unused) {
    (void)unused;
    duet_walk *walk = NULL;
    duet_image image = {0};
    OK(duet_walk_new(&walk, 4, SIDE, 1));
    pass(walk, 0, 1, 4);
    pass(walk, 1, 1, 8);
    pass(walk, 2, 1, 2);
    assert_int_equal(duet_walk_frames(walk), 4);
    read_picture(&image, walk, "x0");
    assert_int_equal(image.height, 3 * (2 * SIDE + 2) + 2); /* those that were seen */
    for (int64_t k = 0; k < 4; k++) {
        assert_int_equal(cell(&image, 0, k), k + 1);
        assert_int_equal(cell(&image, 1, k), 2 * (k + 1));
    }
    assert_int_equal(cell(&image, 2, 1), 1);
    assert_int_equal(cell(&image, 2, 3), 2);
    duet_image_free(&image);
    duet_walk_free(walk);
}

static void noise_of_any_size_is_seen(void **unused) {
    (void)unused;
    double x[DIM];
    float x0[DIM] = {0};
    const int64_t index = 0;
    duet_walk *walk = NULL;
    duet_image image = {0};
    for (int i = 0; i < DIM; i++) x[i] = i % 2 == 0 ? 80 : -40;
    OK(duet_walk_new(&walk, 1, SIDE, 1));
    OK(duet_walk_watch(
        &(duet_generator_step){.done = 1, .total = 1, .rows = 1, .index = &index, .x = x, .x0 = x0},
        walk));
    read_picture(&image, walk, "x");
    assert_int_equal(image.pixels[3 * image.width + 3], 255);
    assert_in_range(image.pixels[3 * image.width + 5], 40, 55); /* -40 / 63.2, not black */
    duet_image_free(&image);
    duet_walk_free(walk);
}

static void refusals(void **unused) {
    (void)unused;
    duet_walk *walk = NULL;
    FAILS(DUET_ARG, "0 images", duet_walk_new(&walk, 0, SIDE, 1));
    OK(duet_walk_new(&walk, 1, SIDE, 1));
    FAILS(DUET_ARG, "nothing was seen", duet_walk_write(walk, "x.gif", "x", NULL));
    FAILS(DUET_ARG, "not 'noise'", duet_walk_write(walk, "x.gif", "noise", NULL));
    pass(walk, 0, 1, 2);
    FAILS(DUET_ARG, "end it in .png, .gif", duet_walk_write(walk, "x.mp4", "x", NULL));
    duet_walk_free(walk);
}

/* ---- a generator that is watched ---- */

typedef struct seen {
    int64_t calls, rows, ends;
    duet_walk *walk;
} seen;

static duet_status see(const duet_generator_step *step, void *user) {
    seen *const s = user;
    s->calls++;
    if (step->done == step->total) s->rows += step->rows;
    if (step->done == step->total) s->ends++;
    assert_int_equal(step->total, 3);
    return duet_walk_watch(step, s->walk);
}

static void watching_changes_nothing(void **unused) {
    (void)unused;
    enum { SIZE = 8, IMAGE = SIZE * SIZE * 3 };
    uint8_t alone[5 * IMAGE], watched[5 * IMAGE];
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    seen s = {0};
    duet_picture *picture = NULL;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 3);
    duet_sample_options options = {
        .sampler = "ddpm:steps=3", .count = 5, .seed = 4, .batch = 2, .label = -1};
    OK(duet_sample(ctx, model, &options, alone));
    OK(duet_walk_new(&s.walk, 5, SIZE, 3));
    options.watch = see;
    options.watcher = &s;
    OK(duet_sample(ctx, model, &options, watched));
    assert_memory_equal(alone, watched, sizeof alone);
    assert_true(s.calls == 9 && s.rows == 5 && s.ends == 3); /* 3 passes of 3 steps */
    assert_int_equal(duet_walk_frames(s.walk), 3);
    fresh_folder(folder, "walk-model");
    OK(duet_path_join(path, folder, "w.apng"));
    const duet_image_origin origin = {.model = "tiny", .sampler = options.sampler, .seed = 4};
    OK(duet_walk_write(s.walk, path, "both", &origin));
    OK(duet_picture_open(&picture, path));
    assert_int_equal(picture->frames, 3);
    assert_int_equal(picture->width, 5 * (2 * SIZE + 2) + 2);
    assert_non_null(strstr(picture->texts[0].value, "samples 0-4 of tiny"));
    duet_picture_close(picture);
    duet_walk_free(s.walk);
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strips_show_steps_evenly),  cmocka_unit_test(passes_may_differ),
        cmocka_unit_test(noise_of_any_size_is_seen), cmocka_unit_test(refusals),
        cmocka_unit_test(watching_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
