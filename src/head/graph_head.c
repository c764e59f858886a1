/* SPDX-License-Identifier: MIT
 * head/graph_head.c: the forward pass of a head that is a network, and its tensors. The plan is
 * exact: logits have the same bits whatever the threads, the number of rows and the context. */
#include "head/graph_head.h"

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "head/graph_state.h"

static const int64_t batches[DUET_GRAPH_PASSES] = {[DUET_GRAPH_MANY] = 64, [DUET_GRAPH_ONE] = 1};

static duet_status make_slots(duet_graph_state *s, const duet_graph *graph) {
    DUET_TRY(duet_slots_describe(&s->slots, graph));
    if (s->slots->count > DUET_HEAD_TENSORS)
        return duet_fail(DUET_UNSUPPORTED, "the head has %lld tensors, at most %d can be saved",
                         (long long)s->slots->count, DUET_HEAD_TENSORS);
    return duet_slots_alloc(s->slots);
}

static duet_status make_forward(duet_context *ctx, duet_head *head, int pass) {
    duet_status status = DUET_OK;
    duet_graph_state *const s = head->state;
    duet_graph *graph = NULL;
    const duet_plan_options options = {.threads = duet_context_threads(ctx), .exact = true};
    DUET_DO(duet_graph_new(&graph));
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){batches[pass], head->dim});
    const duet_value logits = head->kind->build(graph, head, x, DUET_NONE);
    DUET_DO(duet_graph_status(graph));
    if (s->slots == NULL) DUET_DO(make_slots(s, graph));
    DUET_DO(duet_plan_new(&s->plan[pass], graph, s->slots, &logits, 1, NULL, 0, &options));
    DUET_DO(duet_session_new(&s->session[pass], s->plan[pass], s->slots));
done:
    duet_graph_free(graph);
    return status;
}

duet_status duet_graph_head_make(duet_context *ctx, duet_head *head) {
    head->state = duet_arena_alloc(head->arena, 1, sizeof(duet_graph_state));
    DUET_TRY(duet_arena_status(head->arena));
    for (int pass = 0; pass < DUET_GRAPH_PASSES; pass++) DUET_TRY(make_forward(ctx, head, pass));
    return DUET_OK;
}

void duet_graph_head_release(duet_head *head) {
    duet_graph_state *const s = head->state;
    if (s == NULL) return;
    for (int pass = 0; pass < DUET_GRAPH_PASSES; pass++) {
        duet_session_free(s->session[pass]);
        duet_plan_free(s->plan[pass]);
    }
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

/* Up to a batch of rows. A run of a plan that was made fails only where the system does: then there
 * is no answer. */
static void run_rows(const duet_head *head, int pass, const float *x, int64_t rows, float *logits) {
    const duet_graph_state *const s = head->state;
    duet_session *const session = s->session[pass];
    float *const in = duet_session_input(session, "x");
    const size_t size = (size_t)(rows * head->classes) * sizeof *logits;
    duet_head_standardise(head, x, rows, 1, in);
    memset(in + rows * head->dim, 0, (size_t)((batches[pass] - rows) * head->dim) * sizeof *in);
    if (duet_session_run(session) == DUET_OK)
        memcpy(logits, duet_session_output(session, 0), size);
    else
        memset(logits, 0, size);
}

void duet_graph_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits) {
    const int64_t batch = batches[DUET_GRAPH_MANY];
    const int pass = rows == 1 ? DUET_GRAPH_ONE : DUET_GRAPH_MANY;
    for (int64_t at = 0; at < rows; at += batch)
        run_rows(head, pass, x + at * head->dim, rows - at < batch ? rows - at : batch,
                 logits + at * head->classes);
}
