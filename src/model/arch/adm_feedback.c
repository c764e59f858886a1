/* SPDX-License-Identifier: MIT
 * model/arch/adm_feedback.c: what the network knew in the end helps its beginning (DifFeed,
 * 2311.17921): a second pass, in which the encoder's block b gets, through layers of its own, what
 * the mirrored block n + 1 - b of the decoder gave in the first,
 *   h_b + W_b silu(norm_b(resize(first_(n+1-b)))),
 * without a gradient into the first pass. W_b is zero at first, then the second pass is the first.
 * The paper has a batch norm and ReLU behind its convolution; here rows do not depend on each
 * other. */
#include "model/arch/adm_blocks.h"
#include "model/nn.h"

duet_value duet_adm_feed_back(const duet_adm_builder *b, int block, duet_value x) {
    const int mirror = b->blocks + 1 - block;
    if (mirror <= block) return x;
    duet_graph *const g = b->g;
    const int64_t size = duet_dim(g, x, 1), channels = duet_dim(g, x, -1);
    const size_t mark = duet_scope_push(g, "feedback.%d", block);
    duet_value h = duet_detach(g, b->first[mirror]);
    while (duet_dim(g, h, 1) > size) h = duet_avg_pool(g, h, 1.0);
    h = duet_silu(g, duet_nn_group_norm(g, "norm", h, b->c->norm_groups));
    h = duet_nn_conv2d(g, "conv", h, channels, 1, 1, 0, true);
    while (duet_dim(g, h, 1) < size && duet_dim(g, h, 1) > 0) h = duet_upsample(g, h, 1.0);
    duet_scope_pop(g, mark);
    return duet_add(g, x, h);
}
