/* SPDX-License-Identifier: MIT
 * diffusion/reuse.c: see reuse.h. The shallow network is the same graph with the tap's map replaced
 * by an input; what only led to that map is then needed by nothing. */
#include "diffusion/reuse.h"

#include <string.h>

#include "base/error.h"

typedef struct cutting {
    int tap;
    bool replace;
    duet_value map;        /* of the tap; DUET_NONE = not met */
    duet_value outputs[2]; /* raw, map */
} cutting;

static duet_value cut(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    cutting *c = user;
    if (tap->block != c->tap) return x;
    const duet_shape shape = duet_value_arg(graph, x)->shape;
    c->map = c->replace ? duet_input(graph, "deep", DUET_F32, shape.rank, shape.dim) : x;
    return c->map;
}

static duet_status outputs(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                           int64_t *count) {
    cutting *c = user;
    (void)graph;
    c->outputs[0] = raw;
    c->outputs[1] = c->map;
    *out = c->outputs;
    *count = c->replace ? 1 : 2;
    return DUET_OK;
}

/* The first map of the full size behind the smallest; 0 = there is none. */
static int choose(const duet_model *model) {
    int64_t least = INT64_MAX;
    int smallest = 0;
    for (int i = 0; i < model->tap_count; i++) {
        if (model->taps[i].height > least) continue;
        least = model->taps[i].height;
        smallest = i;
    }
    for (int i = smallest + 1; i < model->tap_count; i++)
        if (model->taps[i].height == model->shape.size) return i + 1;
    return 0;
}

static duet_status open_networks(duet_context *ctx, duet_reuse *reuse, duet_model *model,
                                 int64_t batch) {
    cutting c = {.tap = reuse->tap, .map = DUET_NONE};
    duet_network_spec spec = {.batch = batch, .tap = cut, .outputs = outputs, .user = &c};
    DUET_TRY(duet_network_open(ctx, &reuse->whole, model, &spec));
    c = (cutting){.tap = reuse->tap, .map = DUET_NONE, .replace = true};
    DUET_TRY(duet_network_open(ctx, &reuse->shallow, model, &spec));
    reuse->in = duet_network_input(reuse->shallow, "deep");
    if (reuse->in == NULL)
        return duet_fail(DUET_ARG, "nothing comes after tap %d that could reuse it", reuse->tap);
    return DUET_OK;
}

duet_status duet_reuse_open(duet_context *ctx, duet_reuse *reuse, duet_model *model, int64_t batch,
                            int64_t every, int64_t tap) {
    duet_status status = DUET_OK;
    *reuse = (duet_reuse){.every = every, .tap = tap > 0 ? (int)tap : choose(model)};
    if (reuse->tap < 1 || reuse->tap > model->tap_count)
        return duet_fail(DUET_ARG, "reuse needs a tap from 1 to %d; %lld is none", model->tap_count,
                         (long long)tap);
    const duet_tap_row *row = &model->taps[reuse->tap - 1];
    reuse->values = batch * row->channels * row->height * row->width;
    DUET_DO(duet_alloc(&reuse->deep, reuse->values, sizeof *reuse->deep));
    DUET_DO(open_networks(ctx, reuse, model, batch));
    return DUET_OK;
done:
    duet_reuse_close(reuse);
    return status;
}

void duet_reuse_close(duet_reuse *reuse) {
    duet_network_close(reuse->whole);
    duet_network_close(reuse->shallow);
    duet_release(reuse->deep);
    *reuse = (duet_reuse){0};
}

duet_network *duet_reuse_next(const duet_reuse *reuse) {
    return reuse->count % reuse->every == 0 ? reuse->whole : reuse->shallow;
}

duet_status duet_reuse_run(duet_reuse *reuse) {
    duet_network *network = duet_reuse_next(reuse);
    const size_t bytes = (size_t)reuse->values * sizeof(float);
    if (network == reuse->shallow) memcpy(reuse->in, reuse->deep, bytes);
    DUET_TRY(duet_network_run(network));
    if (network == reuse->whole) memcpy(reuse->deep, duet_network_out(network, 1), bytes);
    reuse->count++;
    return DUET_OK;
}
