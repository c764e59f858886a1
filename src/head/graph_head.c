/* SPDX-License-Identifier: MIT
 * head/graph_head.c: the forward pass of a head that is a network, and its tensors. The plan is
 * exact: logits have the same bits whatever the threads, the number of rows and the context. */
#include "head/graph_head.h"

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "head/graph_state.h"

enum { BATCH = 64 };

static duet_status make_forward(duet_context *ctx, duet_head *head) {
    duet_status status = DUET_OK;
    duet_graph_state *const s = head->state;
    duet_graph *graph = NULL;
    const duet_plan_options options = {.threads = duet_context_threads(ctx), .exact = true};
    DUET_DO(duet_graph_new(&graph));
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){BATCH, head->dim});
    const duet_value logits = head->kind->build(graph, head, x, DUET_NONE);
    DUET_DO(duet_graph_status(graph));
    DUET_DO(duet_slots_describe(&s->slots, graph));
    if (s->slots->count > DUET_HEAD_TENSORS)
        DUET_FAIL(DUET_UNSUPPORTED, "the head has %lld tensors, at most %d can be saved",
                  (long long)s->slots->count, DUET_HEAD_TENSORS);
    DUET_DO(duet_slots_alloc(s->slots));
    DUET_DO(duet_plan_new(&s->plan, graph, s->slots, &logits, 1, NULL, 0, &options));
    DUET_DO(duet_session_new(&s->session, s->plan, s->slots));
done:
    duet_graph_free(graph);
    return status;
}

duet_status duet_graph_head_make(duet_context *ctx, duet_head *head) {
    head->state = duet_arena_alloc(head->arena, 1, sizeof(duet_graph_state));
    DUET_TRY(duet_arena_status(head->arena));
    return make_forward(ctx, head);
}

void duet_graph_head_release(duet_head *head) {
    duet_graph_state *const s = head->state;
    if (s == NULL) return;
    duet_session_free(s->session);
    duet_plan_free(s->plan);
    duet_slots_free(s->slots);
}

int duet_graph_head_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]) {
    const duet_graph_state *const s = head->state;
    int count = 0;
    for (int64_t k = 0; k < s->slots->count; k++) {
        const duet_slot *slot = &s->slots->list[k];
        if (slot->of < 0) out[count++] = (duet_head_tensor){slot->name, slot->shape, slot->own};
    }
    return count;
}

void duet_graph_head_ready(duet_head *head) {
    duet_slots_touch(((duet_graph_state *)head->state)->slots, -1);
}

void duet_graph_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits) {
    const duet_graph_state *const s = head->state;
    float *const in = duet_session_input(s->session, "x");
    for (int64_t at = 0; at < rows; at += BATCH) {
        const int64_t count = rows - at < BATCH ? rows - at : BATCH;
        duet_head_standardise(head, x + at * head->dim, count, 1, in);
        memset(in + count * head->dim, 0, (size_t)((BATCH - count) * head->dim) * sizeof *in);
        /* a run of a plan that was made fails only where the system does */
        if (duet_session_run(s->session) != DUET_OK) {
            memset(logits + at * head->classes, 0,
                   (size_t)(count * head->classes) * sizeof *logits);
            continue;
        }
        memcpy(logits + at * head->classes, duet_session_output(s->session, 0),
               (size_t)(count * head->classes) * sizeof *logits);
    }
}
