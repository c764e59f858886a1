/* SPDX-License-Identifier: MIT
 * engine/op/attention_layout.h: where q, k and v of a head begin among the 3C channels of a token.
 */
#ifndef DUET_ENGINE_ATTENTION_LAYOUT_H
#define DUET_ENGINE_ATTENTION_LAYOUT_H

#include "engine/op/ops.h"

static inline void duet_attention_offsets(int64_t at[3], const duet_attention_attr *attr, int64_t C,
                                          int64_t head) {
    const int64_t size = C / attr->heads;
    for (int k = 0; k < 3; k++) at[k] = attr->legacy ? (3 * head + k) * size : k * C + head * size;
}

#endif
