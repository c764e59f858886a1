/* SPDX-License-Identifier: MIT
 * Checkpoints of other programs, where they are at hand ($DUET_DATA/weights, else
 * ../shared/data/weights beside the sources): they open without flags and compute the reference
 * values of their description (computed in f64, independently of PyTorch). */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/mem.h"
#include "model/network.h"
#include "noise/noise.h"

enum { IMAGES = 8, PIXELS = 28 * 28 };

static char weights[DUET_PATH_SIZE];

static void read_values(void *out, size_t bytes, const char *name) {
    char path[DUET_PATH_SIZE];
    duet_bytes file = {0};
    OK(duet_path_join(path, weights, name));
    OK(duet_file_read(&file, path));
    assert_int_equal(file.size, bytes);
    memcpy(out, file.data, bytes);
    duet_bytes_free(&file);
}

static void predict(float *eps, duet_model *model, const float *x, const float *t) {
    duet_context *ctx = NULL;
    duet_network *network = NULL;
    const int64_t count = IMAGES * model->shape.size * model->shape.size;
    OK(duet_context_new(&ctx, NULL));
    OK(duet_network_open(ctx, &network, model, &(duet_network_spec){.batch = IMAGES}));
    assert_int_equal(duet_plan_fallbacks(duet_network_plan(network)), 0);
    memcpy(duet_network_in(network)->x, x, (size_t)(count * model->shape.in_channels) * sizeof *x);
    memcpy(duet_network_in(network)->net_t, t, IMAGES * sizeof *t);
    OK(duet_network_run(network));
    memcpy(eps, duet_network_out(network, 0),
           (size_t)(count * model->shape.out_channels) * sizeof *eps);
    duet_network_close(network);
    duet_context_free(ctx);
}

static void check_little(const char *set) {
    static float x[IMAGES * PIXELS], want[IMAGES * PIXELS], have[IMAGES * PIXELS];
    char name[64], path[DUET_PATH_SIZE];
    int32_t steps[IMAGES];
    float t[IMAGES];
    duet_model *model = NULL;
    snprintf(name, sizeof name, "%s.pt", set);
    OK(duet_path_join(path, weights, name));
    OK(duet_model_open(NULL, &model, path));
    assert_string_equal(duet_model_card(model)->arch, "ddpm_little");
    assert_int_equal(duet_model_parameters(model),
                     606852 - 2 * 7840); /* the norm that is not applied has no parameters here */
    assert_int_equal(duet_model_tap_count(model), 7);
    snprintf(name, sizeof name, "%s_ref_xt.f32", set);
    read_values(x, sizeof x, name);
    snprintf(name, sizeof name, "%s_ref_eps.f32", set);
    read_values(want, sizeof want, name);
    snprintf(name, sizeof name, "%s_ref_t.i32", set);
    read_values(steps, sizeof steps, name);
    for (int i = 0; i < IMAGES; i++) t[i] = (float)steps[i];
    predict(have, model, x, t);
    double error = 0.0, scale = 0.0;
    for (int i = 0; i < IMAGES * PIXELS; i++) {
        error += ((double)have[i] - (double)want[i]) * ((double)have[i] - (double)want[i]);
        scale += (double)want[i] * (double)want[i];
    }
    print_message("    %s: relative rms error %.2e\n", set, sqrt(error / scale));
    assert_true(sqrt(error / scale) < 1e-5);
    duet_model_close(model);
}

static void little_networks_compute_their_reference(void **unused) {
    (void)unused;
    check_little("ddpm_fashion");
    check_little("ddpm_mnist");
}

/* Mean squared error of the predicted noise over the first 64 test images, 8 at a time, all at step
 * t. */
static double noise_error(duet_model *model, const duet_dataset *set, const duet_noise *noise,
                          int64_t t) {
    static float x[IMAGES * PIXELS], eps[IMAGES * PIXELS], have[IMAGES * PIXELS];
    const duet_level level = duet_noise_level(noise, t);
    uint8_t pixels[PIXELS];
    float times[IMAGES];
    double sum = 0.0;
    for (int64_t first = 0; first < 64; first += IMAGES) {
        for (int64_t i = 0; i < IMAGES; i++) {
            OK(duet_dataset_read(set, DUET_TEST, first + i, &duet_model_card(model)->preprocess,
                                 pixels));
            duet_pixels_to_float(x + i * PIXELS, pixels, PIXELS);
            times[i] = (float)level.net_t;
            duet_image_noise(eps + i * PIXELS, 1, first + i, PIXELS);
        }
        duet_add_noise(x, x, eps, level, IMAGES * PIXELS);
        predict(have, model, x, times);
        for (int i = 0; i < IMAGES * PIXELS; i++)
            sum += ((double)have[i] - (double)eps[i]) * ((double)have[i] - (double)eps[i]);
    }
    return sum / (64.0 * PIXELS);
}

/* The errors that come with the weights; they were measured with other noise, and spread by 10 % (t
 * = 10) or less. */
static void little_networks_denoise_as_described(void **unused) {
    (void)unused;
    static const int steps[] = {10, 100, 300, 600, 900};
    static const struct {
        const char *weights, *data;
        double error[5];
    } rows[] = {{"ddpm_fashion", "fashion-mnist", {0.418, 0.131, 0.0415, 0.0094, 0.0038}},
                {"ddpm_mnist", "mnist", {0.153, 0.0672, 0.0316, 0.0086, 0.0028}}};
    for (int k = 0; k < DUET_COUNT(rows); k++) {
        char name[64], path[DUET_PATH_SIZE];
        duet_model *model = NULL;
        duet_dataset *set = NULL;
        duet_noise *noise = NULL;
        snprintf(name, sizeof name, "%s.pt", rows[k].weights);
        OK(duet_path_join(path, weights, name));
        OK(duet_model_open(NULL, &model, path));
        snprintf(name, sizeof name, "../%s", rows[k].data);
        OK(duet_path_join(path, weights, name));
        OK(duet_dataset_open(NULL, &set, path));
        OK(duet_noise_new(&noise, duet_model_card(model)->noise));
        for (int i = 0; i < DUET_COUNT(steps); i++) {
            const double error = noise_error(model, set, noise, steps[i]);
            print_message("    %s at t = %d: %.4f, described as %.4f\n", rows[k].weights, steps[i],
                          error, rows[k].error[i]);
            assert_true(fabs(error / rows[k].error[i] - 1.0) < 0.15);
        }
        duet_noise_free(noise);
        duet_dataset_close(set);
        duet_model_close(model);
    }
}

int main(void) {
    const char *given = getenv("DUET_DATA");
    snprintf(weights, sizeof weights, "%s/weights",
             given != NULL ? given : DUET_SOURCE_DIR "/../shared/data");
    if (!duet_path_is_folder(weights)) {
        printf("skipped: no foreign weights at '%s'; set DUET_DATA to the folder of the data\n",
               weights);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(little_networks_compute_their_reference),
                                       cmocka_unit_test(little_networks_denoise_as_described)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
