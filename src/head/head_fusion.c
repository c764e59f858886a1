/* SPDX-License-Identifier: MIT
 * head/head_fusion.c: DifFormer (2311.17921): the maps of each level are read by the same
 * transformer, the classifier sees what it found at all levels side by side. With settings of one
 * level it is the attention head. */
#include "head/transformer.h"
#include "model/nn.h"

typedef struct fusion_options {
    duet_transformer transformer;
} fusion_options;
DUET_TRANSFORMER_FIRST(fusion_options);

static const duet_param params[] = {
    DUET_TRANSFORMER_ROWS("2"),
    DUET_GRAPH_FIT_ROWS("20", "128", "0.001", "0.05", "0.1"),
};

/* Whether an earlier map is of the level of map i. */
static bool seen(const duet_feature_maps *maps, int i) {
    for (int k = 0; k < i; k++)
        if (maps->v[k].t == maps->v[i].t) return true;
    return false;
}

static duet_value read_level(duet_graph *graph, const duet_head *head, int first, duet_value x,
                             duet_value sample_id) {
    const duet_feature_maps *const maps = &head->maps;
    duet_value tokens = DUET_NONE;
    for (int i = first; i < maps->count; i++)
        if (maps->v[i].t == maps->v[first].t)
            tokens = duet_transformer_join(graph, tokens,
                                           duet_transformer_tokens(graph, head, i, x, sample_id));
    return duet_transformer_read(graph, head, tokens, sample_id);
}

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    duet_value all = DUET_NONE;
    int level = 0;
    for (int i = 0; i < head->maps.count; i++) {
        if (seen(&head->maps, i)) continue;
        /* a pass of its own, so that its dropout draws anew */
        const duet_part_mark mark = duet_part_push(graph, graph->part, level++);
        const duet_value one = read_level(graph, head, i, x, sample_id);
        duet_part_pop(graph, mark);
        all = all == DUET_NONE ? one : duet_concat(graph, all, one);
    }
    return duet_nn_linear(graph, "out", all, head->classes, 0, false);
}

const duet_head_kind duet_head_fusion = {
    .info = {.name = "fusion",
             .help = "DifFormer: one transformer over the maps of each level, joined at the end",
             .params = DUET_TABLE(params, fusion_options)},
    .build = build,
    DUET_GRAPH_HEAD,
};
