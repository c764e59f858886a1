/* SPDX-License-Identifier: MIT
 * The bound that trains variances, its gradient and the coefficients of its steps, against
 * guided-diffusion's own code (tests/oracle/make_variance_golden.py). That code works in f32: where
 * the bound is nearly 0 it has lost digits. */
#include "tiny_model.h"

#include <math.h>

#include <duet/store.h>

#include "engine/graph/plan.h"
#include "train/task/denoise.h"

enum { ROWS = 6, SIDE = 3, CHANNELS = 2, VALUES = ROWS * SIDE * SIDE * CHANNELS };

static float v[VALUES], pred[VALUES], target[VALUES], x0[VALUES], dv[VALUES], t[ROWS], bound[ROWS],
    rows[ROWS * 4];

static void read_golden(void) {
    duet_store *store = NULL;
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/variance_bound.npz"));
    OK(duet_store_read(store, "v", DUET_F32, v));
    OK(duet_store_read(store, "pred", DUET_F32, pred));
    OK(duet_store_read(store, "target", DUET_F32, target));
    OK(duet_store_read(store, "x0", DUET_F32, x0));
    OK(duet_store_read(store, "dv", DUET_F32, dv));
    OK(duet_store_read(store, "t", DUET_F32, t));
    OK(duet_store_read(store, "bound", DUET_F32, bound));
    duet_store_close(store);
}

static void guided_diffusions_bound(void **state) {
    (void)state;
    static const int64_t image[] = {ROWS, SIDE, SIDE, CHANNELS};
    const duet_plan_options options = {.device = "cpu", .threads = 1};
    duet_noise *noise = NULL;
    duet_choice eps;
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value out[3], have_v = DUET_NONE;
    float have[ROWS], slope[VALUES];
    read_golden();
    OK(duet_noise_new(&noise, "linear"));
    OK(duet_choice_parse(&eps, &duet_family_predict, "eps"));
    for (int r = 0; r < ROWS; r++) {
        const duet_level level = duet_noise_level(noise, (int64_t)t[r]);
        const duet_predict_map map = duet_predict_of(eps.entry)->map(&eps.options, level);
        duet_denoise_variances(rows + 4 * r, noise, (int64_t)t[r], map.x0_raw);
    }
    OK(duet_graph_new(&graph));
    have_v = duet_input(graph, "v", DUET_F32, 4, image);
    duet_variance_bound(graph, have_v, duet_input(graph, "pred", DUET_F32, 4, image),
                        duet_input(graph, "target", DUET_F32, 4, image),
                        duet_input(graph, "x0", DUET_F32, 4, image),
                        duet_input(graph, "rows", DUET_F32, 2, (int64_t[]){ROWS, 4}), &out[0],
                        &out[1]);
    OK(duet_grad(graph, out[0], &have_v, 1, &out[2]));
    OK(duet_slots_new(&slots, graph));
    OK(duet_plan_new(&plan, graph, slots, out, 3, NULL, 0, &options));
    duet_graph_free(graph);
    OK(duet_session_new(&session, plan, slots));
    OK(duet_session_set(session, "v", v));
    OK(duet_session_set(session, "pred", pred));
    OK(duet_session_set(session, "target", target));
    OK(duet_session_set(session, "x0", x0));
    OK(duet_session_set(session, "rows", rows));
    OK(duet_session_run(session));
    OK(duet_session_get(session, 1, -1, have));
    OK(duet_session_get(session, 2, -1, slope));
    for (int r = 0; r < ROWS; r++)
        if (!(fabsf(have[r] - bound[r]) < 1e-6F + 1e-5F * bound[r]))
            fail_msg("t %g: %.9g, not %.9g", (double)t[r], (double)have[r], (double)bound[r]);
    for (int i = 0; i < VALUES; i++)
        if (!(fabsf(slope[i] - dv[i]) < 1e-7F + 1e-4F * fabsf(dv[i])))
            fail_msg("value %d: %.9g, not %.9g", i, (double)slope[i], (double)dv[i]);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_noise_free(noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(guided_diffusions_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
