/* SPDX-License-Identifier: MIT
 * Resampling and the centre crop against Pillow 9.4 (tests/golden/make_image_goldens.py): every
 * byte must be equal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/mem.h"
#include "io/resize.h"

static duet_image load(const duet_store *store, const char *name) {
    const duet_store_entry *e = duet_store_find(store, name);
    assert_non_null(e);
    assert_int_equal(e->shape.rank, 3);
    duet_image image;
    assert_int_equal(duet_image_new(&image, e->shape.dim[1], e->shape.dim[0], (int)e->shape.dim[2]),
                     DUET_OK);
    assert_int_equal(duet_store_read(store, name, DUET_U8, image.pixels), DUET_OK);
    return image;
}

static void assert_same(const char *name, const duet_image *got, const duet_image *want) {
    assert_int_equal(got->width, want->width);
    assert_int_equal(got->height, want->height);
    assert_int_equal(got->channels, want->channels);
    int most = 0;
    for (int64_t i = 0; i < got->width * got->height * got->channels; i++) {
        const int d = got->pixels[i] - want->pixels[i];
        if (d > most || -d > most) most = d < 0 ? -d : d;
    }
    if (most) fail_msg("%s differs by up to %d", name, most);
}

static duet_filter filter_named(const char *name) {
    static const char *const names[] = {"box", "bilinear", "bicubic", "lanczos"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (duet_filter)i;
    fail_msg("unknown filter %s", name);
    return DUET_FILTER_BOX;
}

static void equals_pillow(void **unused) {
    (void)unused;
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/resize.npz"), DUET_OK);
    int resized = 0, cropped = 0;
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const char *name = duet_store_at(store, i)->name;
        char kind[32], image[32], input[64];
        assert_int_equal(sscanf(name, "%31[^/]/%31[^/]", kind, image), 2);
        if (strcmp(kind, "in") == 0) continue;
        snprintf(input, sizeof input, "in/%s", image);
        duet_image in = load(store, input), want = load(store, name), got = {0};
        if (strcmp(kind, "crop") == 0) {
            assert_int_equal(duet_image_center_crop(&got, &in, want.width), DUET_OK);
            cropped++;
        } else {
            assert_int_equal(
                duet_image_resize(&got, &in, want.width, want.height, filter_named(kind)), DUET_OK);
            resized++;
        }
        assert_same(name, &got, &want);
        duet_image_free(&got);
        duet_image_free(&want);
        duet_image_free(&in);
    }
    duet_store_close(store);
    assert_int_equal(resized, 80);
    assert_int_equal(cropped, 7);
}

static void crop_copies_the_window(void **unused) {
    (void)unused;
    duet_image in, out = {0};
    assert_int_equal(duet_image_new(&in, 5, 4, 3), DUET_OK);
    for (int i = 0; i < 60; i++) in.pixels[i] = (uint8_t)i;
    assert_int_equal(duet_image_crop(&out, &in, 2, 1, 3, 2), DUET_OK);
    for (int y = 0; y < 2; y++)
        for (int i = 0; i < 9; i++) assert_int_equal(out.pixels[y * 9 + i], (y + 1) * 15 + 6 + i);
    duet_image_free(&out);
    const int64_t outside[][4] = {{-1, 0, 2, 2}, {0, -1, 2, 2}, {4, 0, 2, 2}, {0, 3, 2, 2},
                                  {0, 0, 6, 1},  {0, 0, 1, 5},  {0, 0, 0, 1}};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_int_equal(
            duet_image_crop(&out, &in, outside[i][0], outside[i][1], outside[i][2], outside[i][3]),
            DUET_ARG);
    duet_image_free(&in);
}

static void refuses_bad_sizes(void **unused) {
    (void)unused;
    duet_image in, out = {.width = 7};
    assert_int_equal(duet_image_new(&in, 5, 4, 1), DUET_OK);
    assert_int_equal(duet_image_resize(&out, &in, 0, 4, DUET_FILTER_BOX), DUET_ARG);
    assert_int_equal(duet_image_resize(&out, &in, 4, -1, DUET_FILTER_BOX), DUET_ARG);
    assert_int_equal(duet_image_resize(&out, &in, 70000, 4, DUET_FILTER_BOX), DUET_NO_MEMORY);
    assert_int_equal(duet_image_resize(&out, &in, 3, 3, (duet_filter)9), DUET_ARG);
    assert_int_equal(duet_image_center_crop(&out, &in, 0), DUET_ARG);
    assert_int_equal(out.width, 7); /* untouched on failure */
    duet_image_free(&in);
}

/* Pillow's mode F. */
static duet_status bicubic(float *out, const duet_image *in, int64_t width, int64_t height) {
    float values[16 * 16 * 3];
    const int64_t count = in->width * in->height * in->channels;
    assert_true(count <= 16 * 16 * 3);
    for (int64_t i = 0; i < count; i++) values[i] = (float)in->pixels[i];
    return duet_resize_f32(out, values, in->height, in->width, in->channels, height, width,
                           DUET_FILTER_BICUBIC);
}

/* Values that networks which judge images were fed with: PyTorch's and TensorFlow's bilinear,
 * Pillow's bicubic; and torchvision's crop. */
static void equals_torch_and_tensorflow(void **unused) {
    (void)unused;
    int compared = 0;
    duet_store *store = NULL;
    assert_int_equal(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/bilinear.npz"),
                     DUET_OK);
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const e = duet_store_at(store, i);
        char kind[32], image[32], input[64];
        float *want = NULL, *have = NULL;
        assert_int_equal(sscanf(e->name, "%31[^/]/%31[^/]", kind, image), 2);
        if (strcmp(kind, "in") == 0) continue;
        if (strcmp(kind, "crop") == 0) {
            snprintf(input, sizeof input, "in/%s", image);
            duet_image whole = load(store, input), part = {0}, expected = load(store, e->name);
            assert_int_equal(duet_image_imagenet_crop(&part, &whole, 42, DUET_FILTER_BILINEAR),
                             DUET_OK);
            assert_same(e->name, &part, &expected);
            duet_image_free(&whole);
            duet_image_free(&part);
            duet_image_free(&expected);
            continue;
        }
        const int64_t count = duet_shape_count(&e->shape);
        snprintf(input, sizeof input, "in/%s", image);
        duet_image in = load(store, input);
        assert_int_equal(duet_alloc(&want, count, sizeof *want), DUET_OK);
        assert_int_equal(duet_alloc(&have, count, sizeof *have), DUET_OK);
        assert_int_equal(duet_store_read(store, e->name, DUET_F32, want), DUET_OK);
        const int64_t width = e->shape.dim[1], height = e->shape.dim[0];
        const float limit = strcmp(kind, "pillow") == 0 ? 1e-4F : 1e-3F;
        assert_int_equal(strcmp(kind, "pillow") == 0
                             ? bicubic(have, &in, width, height)
                             : duet_image_bilinear(have, &in, width, height,
                                                   strcmp(kind, "tf1") == 0 ? DUET_BILINEAR_TF1
                                                                            : DUET_BILINEAR_TORCH),
                         DUET_OK);
        for (int64_t k = 0; k < count; k++)
            if (have[k] - want[k] > limit || want[k] - have[k] > limit)
                fail_msg("%s: value %d is %g, not %g", e->name, (int)k, (double)have[k],
                         (double)want[k]);
        duet_release(want);
        duet_release(have);
        duet_image_free(&in);
        compared++;
    }
    assert_int_equal(compared, 18);
    duet_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(equals_torch_and_tensorflow),
        cmocka_unit_test(crop_copies_the_window),
        cmocka_unit_test(refuses_bad_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
