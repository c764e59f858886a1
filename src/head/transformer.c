/* SPDX-License-Identifier: MIT
 * head/transformer.c: head/transformer.h. A block is x + attention(LN(x)), x + W2 gelu(W1 LN(x)); a
 * last norm stands behind the blocks. */
#include "head/transformer.h"

#include <string.h>

#include "base/error.h"
#include "model/nn.h"

#define NORM_EPS 1e-5

static const duet_transformer *how_of(const duet_head *head) {
    return (const duet_transformer *)&head->choice.options;
}

static int64_t width_of(const duet_head *head) {
    return how_of(head)->width > 0 ? how_of(head)->width : head->maps.v[0].channels;
}

/* gain and bias of the shape of the last `axes` axes of x */
static duet_value layer_norm(duet_graph *g, const char *name, duet_value x, int64_t axes) {
    int64_t dims[4] = {0};
    for (int64_t a = 0; a < axes; a++) dims[a] = duet_dim(g, x, (int)(a - axes));
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value gain = duet_parameter(g, "weight", DUET_WEIGHT,
                                           (duet_init){.kind = DUET_INIT_ONE}, (int)axes, dims),
                     bias = duet_parameter(g, "bias", DUET_WEIGHT,
                                           (duet_init){.kind = DUET_INIT_ZERO}, (int)axes, dims);
    x = duet_layer_norm(g, x, gain, bias, axes, NORM_EPS);
    duet_scope_pop(g, mark);
    return x;
}

/* A learnt vector of n numbers. */
static duet_value vector(duet_graph *g, const char *name, int64_t n) {
    return duet_parameter(g, name, DUET_WEIGHT,
                          (duet_init){.kind = DUET_INIT_NORMAL, .scale = 0.02}, 1, &n);
}

static duet_value flat(duet_graph *g, duet_value x) {
    return duet_reshape(g, x, 2, (int64_t[]){duet_dim(g, x, 0), -1});
}

/* The first map of this tap and size. */
static int first_alike(const duet_feature_maps *maps, int i) {
    const duet_feature_map *const m = &maps->v[i];
    for (int k = 0; k < i; k++)
        if (maps->v[k].tap == m->tap && maps->v[k].side == m->side &&
            maps->v[k].channels == m->channels)
            return k;
    return i;
}

duet_value duet_transformer_tokens(duet_graph *g, const duet_head *head, int i, duet_value x,
                                   duet_value sample_id) {
    const duet_transformer *const o = how_of(head);
    const duet_feature_map *const map = &head->maps.v[i];
    const int64_t W = width_of(head), T = map->side * map->side;
    const size_t mark = duet_scope_push(g, "map%d", first_alike(&head->maps, i));
    x = duet_maps_take(g, &head->maps, i, x);
    if (strcmp(o->tokens, "layer") == 0) x = layer_norm(g, "norm", x, 3);
    if (strcmp(o->tokens, "batch") == 0)
        x = duet_nn_batch_norm_train(g, "norm", x, 0.1, NORM_EPS,
                                     sample_id != DUET_NONE ? DUET_NN_UPDATE : DUET_NN_STORED);
    if (strcmp(o->tokens, "plain") != 0)
        x = duet_nn_linear(g, "proj", x, W, 0, false);
    else if (map->channels != W)
        duet_graph_fail(g, DUET_ARG,
                        "plain tokens need a width of %lld, the channels of the map; width is %lld",
                        (long long)map->channels, (long long)W);
    x = flat(g, x);
    if (o->positions) x = duet_add_bias(g, x, vector(g, "position", T * W));
    duet_scope_pop(g, mark);
    return duet_reshape(g, x, 3, (int64_t[]){duet_dim(g, x, 0), T, W});
}

duet_value duet_transformer_join(duet_graph *g, duet_value a, duet_value b) {
    if (a == DUET_NONE) return b;
    const int64_t B = duet_dim(g, b, 0), W = duet_dim(g, b, 2);
    const int64_t T = duet_dim(g, a, 1) + duet_dim(g, b, 1);
    return duet_reshape(g, duet_concat(g, flat(g, a), flat(g, b)), 3, (int64_t[]){B, T, W});
}

/* The class token in front. */
static duet_value with_class(duet_graph *g, duet_value tokens, int64_t W) {
    const duet_value none = duet_fill(g, 0.0, 2, (int64_t[]){duet_dim(g, tokens, 0), W});
    const duet_value token = duet_add_bias(g, none, vector(g, "class", W));
    return duet_transformer_join(
        g, duet_reshape(g, token, 3, (int64_t[]){duet_dim(g, tokens, 0), 1, W}), tokens);
}

static duet_value drop(duet_graph *g, double share, duet_value x, duet_value sample_id) {
    return share > 0 && sample_id != DUET_NONE ? duet_dropout(g, x, sample_id, share) : x;
}

static duet_value block(duet_graph *g, const duet_transformer *o, duet_value x,
                        duet_value sample_id) {
    const int64_t W = duet_dim(g, x, 2);
    duet_value h = duet_nn_linear(g, "qkv", layer_norm(g, "norm1", x, 1), 3 * W, 0, false);
    h = duet_nn_linear(g, "proj", duet_attention(g, h, o->heads, false), W, 0, false);
    size_t mark = duet_scope_push(g, "drop1");
    x = duet_add(g, x, drop(g, o->dropout, h, sample_id));
    duet_scope_pop(g, mark);
    h = duet_gelu(g,
                  duet_nn_linear(g, "fc1", layer_norm(g, "norm2", x, 1), o->ratio * W, 0, false));
    h = duet_nn_linear(g, "fc2", h, W, 0, false);
    mark = duet_scope_push(g, "drop2");
    x = duet_add(g, x, drop(g, o->dropout, h, sample_id));
    duet_scope_pop(g, mark);
    return x;
}

duet_value duet_transformer_read(duet_graph *g, const duet_head *head, duet_value tokens,
                                 duet_value sample_id) {
    const duet_transformer *const o = how_of(head);
    const int64_t W = width_of(head);
    if (W % o->heads != 0)
        duet_graph_fail(g, DUET_ARG, "width %lld is not a multiple of heads, %lld", (long long)W,
                        (long long)o->heads);
    duet_value x = with_class(g, drop(g, o->dropout, tokens, sample_id), W);
    for (int64_t k = 0; k < o->blocks; k++) {
        const size_t mark = duet_scope_push(g, "block%lld", (long long)k);
        x = block(g, o, x, sample_id);
        duet_scope_pop(g, mark);
    }
    x = duet_slice(g, flat(g, x), 0, W);
    return layer_norm(g, "norm", x, 1);
}
