/* SPDX-License-Identifier: MIT
 * Checkpoints of other programs, where they are at hand ($DUET_DATA/weights, else ../shared/data/weights beside the sources): they
 * open without flags and compute the reference values of their description (computed in f64, independently of PyTorch). */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/mem.h"
#include "model/model.h"

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
    duet_graph *graph = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_model_inputs in;
    duet_value out;
    OK(duet_context_new(&ctx, NULL));
    OK(duet_graph_new(&graph));
    OK(duet_model_build(model, graph, IMAGES, false, &in, &out));
    OK(duet_forward_plan(ctx, &plan, graph, model->params, &out, 1));
    assert_int_equal(duet_plan_fallbacks(plan), 0);
    OK(duet_session_new(&session, plan, model->params));
    OK(duet_session_set(session, "x", x));
    OK(duet_session_set(session, "net_t", t));
    OK(duet_session_run(session));
    OK(duet_session_get(session, 0, -1, eps));
    duet_session_free(session);
    duet_plan_free(plan);
    duet_graph_free(graph);
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
    assert_int_equal(duet_model_parameters(model), 606852 - 2 * 7840); /* the norm that is not applied has no parameters here */
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

int main(void) {
    const char *given = getenv("DUET_DATA");
    snprintf(weights, sizeof weights, "%s/weights", given != NULL ? given : DUET_SOURCE_DIR "/../shared/data");
    if (!duet_path_is_folder(weights)) {
        printf("skipped: no foreign weights at '%s'; set DUET_DATA to the folder of the data\n", weights);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(little_networks_compute_their_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
