/* SPDX-License-Identifier: MIT
 * head/graph_fit.c: training of heads that are networks. A mini-batch is a stretch of a new
 * permutation of the rows in each epoch; the last one of an epoch is filled up with rows without a
 * label, which do not count in the loss. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"
#include "head/graph_head.h"
#include "head/graph_state.h"
#include "optim/lr/lr.h"
#include "optim/program.h"

typedef struct fitting {
    duet_context *ctx;
    duet_head *head;
    duet_graph_fit how;
    const duet_head_fit *fit;
    duet_choice optim, lr;
    const duet_lr *rule; /* of lr */
    duet_program *program;
    int64_t *order; /* [rows] */
    float *best;    /* all tensors, one after the other, of the best epoch */
    float *logits;  /* [validation rows, K] */
    int64_t step, steps;
} fitting;

static duet_slots *slots_of(const fitting *f) {
    return ((duet_graph_state *)f->head->state)->slots;
}

static duet_status make_program(fitting *f) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    const int64_t B = f->how.batch;
    duet_value out[2] = {DUET_NONE, DUET_NONE}; /* loss, per sample */
    const duet_group group = {.optim = &f->optim, .clip = 1.0};
    duet_program_spec program = {.outputs = out,
                                 .output_count = 2,
                                 .groups = &group,
                                 .group_count = 1,
                                 .parts = 1,
                                 .options = duet_plan_options_of(f->ctx)};
    DUET_DO(duet_graph_new(&graph));
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){B, f->head->dim}),
                     y = duet_input(graph, "y", DUET_I32, 1, &B),
                     id = duet_input(graph, "sample_id", DUET_I32, 1, &B);
    duet_cross_entropy(graph, f->head->kind->build(graph, f->head, x, id), y, f->how.smoothing,
                       &out[0], &out[1]);
    DUET_DO(duet_graph_status(graph));
    program.loss = out[0];
    DUET_DO(duet_program_add_slots(slots_of(f), graph, &program));
    DUET_DO(duet_slots_alloc(slots_of(f)));
    duet_slots_init(slots_of(f), f->how.seed, false);
    DUET_DO(duet_program_new(&f->program, graph, slots_of(f), &program));
done:
    duet_graph_free(graph);
    return status;
}

static void shuffle(fitting *f, int64_t epoch) {
    const duet_rng rng = duet_rng_make(f->how.seed, "order", (uint64_t)epoch);
    const int64_t rows = f->fit->train->rows;
    for (int64_t i = 0; i < rows; i++) f->order[i] = i;
    for (int64_t i = rows - 1; i > 0; i--) {
        const int64_t k = (int64_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)i + 1);
        const int64_t held = f->order[i];
        f->order[i] = f->order[k];
        f->order[k] = held;
    }
}

static void fill_batch(const fitting *f, int64_t first) {
    const duet_feature_table *const table = f->fit->train;
    duet_session *const session = duet_program_session(f->program);
    float *const x = duet_session_input(session, "x");
    int32_t *const y = duet_session_input(session, "y"), *const id = duet_session_input(
                                                             session, "sample_id");
    for (int64_t b = 0; b < f->how.batch; b++) {
        const bool real = first + b < table->rows;
        const int64_t row = f->order[real ? first + b : 0], D = table->dim;
        duet_head_standardise(f->head, table->x + row * D, 1, 1, x + b * D);
        y[b] = real ? table->labels[row] : -1;
        if (id != NULL) id[b] = (int32_t)b;
    }
}

static duet_status run_epoch(fitting *f, int64_t epoch) {
    shuffle(f, epoch);
    for (int64_t first = 0; first < f->fit->train->rows; first += f->how.batch) {
        fill_batch(f, first);
        duet_session_seed(duet_program_session(f->program), f->how.seed, (uint64_t)f->step);
        const double factor = f->rule->factor(&f->lr.options, f->step, f->steps);
        DUET_TRY(duet_program_run(f->program, 0, &factor, f->step + 1));
        if (!duet_program_ok(f->program))
            return duet_fail(DUET_NUMERIC,
                             "the training of the head diverged in epoch %lld; lower "
                             "its 'rate'",
                             (long long)epoch + 1);
        f->step++;
    }
    return DUET_OK;
}

/* Tensors of the head to `best`, or back. */
static void copy_best(const fitting *f, bool back) {
    duet_head_tensor list[DUET_HEAD_TENSORS];
    float *at = f->best;
    const int count = duet_graph_head_tensors(f->head, list);
    for (int i = 0; i < count; i++) {
        const int64_t size = duet_shape_count(&list[i].shape);
        memcpy(back ? list[i].data : at, back ? at : list[i].data, (size_t)size * sizeof *at);
        at += size;
    }
    if (back) duet_graph_head_ready(f->head);
}

/* A rule that is named alone gets the head's rate; one with options has its own. */
static duet_status choose_rules(fitting *f) {
    const duet_graph_fit *const how = &f->how;
    const int64_t warmup = (f->steps + 19) / 20;
    char spec[DUET_SPEC_SIZE];
    (void)duet_copy_text(spec, sizeof spec, how->optim);
    if (strchr(spec, ':') == NULL)
        duet_format(spec, sizeof spec, "%s:rate=%.9g,weight_decay=%.9g", how->optim, how->rate,
                    how->weight_decay);
    DUET_TRY(duet_choice_parse(&f->optim, &duet_family_optim, spec));
    (void)duet_copy_text(spec, sizeof spec, how->lr);
    if (spec[0] == '\0')
        duet_format(spec, sizeof spec, "cosine:warmup=%lld,floor=0", (long long)warmup);
    DUET_TRY(duet_choice_parse(&f->lr, &duet_family_lr, spec));
    f->rule = duet_lr_of(f->lr.entry);
    return DUET_OK;
}

static duet_status prepare(fitting *f) {
    duet_head_tensor list[DUET_HEAD_TENSORS];
    const duet_feature_table *const val = f->fit->val;
    const int64_t rows = f->fit->train->rows, batches = (rows + f->how.batch - 1) / f->how.batch;
    int64_t size = 0;
    const int count = duet_graph_head_tensors(f->head, list);
    for (int i = 0; i < count; i++) size += duet_shape_count(&list[i].shape);
    f->steps = batches * f->how.epochs;
    DUET_TRY(choose_rules(f));
    DUET_TRY(make_program(f));
    DUET_TRY(duet_alloc(&f->order, rows, sizeof *f->order));
    DUET_TRY(duet_alloc(&f->best, size, sizeof *f->best));
    return duet_alloc(&f->logits, val != NULL ? val->rows * f->head->classes : 1,
                      sizeof *f->logits);
}

/* Runs epochs up to `last`; *best is the one whose weights the head has then. */
static duet_status run_epochs(fitting *f, int64_t last, duet_head_result *result, int64_t *best) {
    *best = last;
    for (int64_t epoch = 0; epoch < last; epoch++) {
        DUET_TRY(duet_check_cancelled(f->ctx));
        DUET_TRY(run_epoch(f, epoch));
        duet_progress_report(f->ctx, "training the head", "epochs", (double)(epoch + 1),
                             (double)last, "");
        if (f->fit->val == NULL) continue;
        const double top1 = duet_head_top1(f->head, f->fit->val, f->logits);
        if (epoch > 0 && !(top1 > result->val_top1)) continue;
        result->val_top1 = top1;
        *best = epoch + 1;
        copy_best(f, false);
    }
    if (f->fit->val != NULL) copy_best(f, true);
    return DUET_OK;
}

enum {
    FEW_STEPS = 100, /* so few take no time; less of them would not do */
    LEAST_BATCH = 16
};

/* Few rows in large batches make too few steps: with 540 rows (60 a class of Fashion-MNIST) `mlp`
 * in batches of 256 ends at 81.7 %, of 16 at 83.4. */
static int64_t batch_of(const duet_graph_fit *how, int64_t rows) {
    int64_t batch = how->batch;
    if (how->steps > 0 && rows / how->steps < batch) {
        batch = rows / how->steps;
        if (batch < LEAST_BATCH) batch = how->batch < LEAST_BATCH ? how->batch : LEAST_BATCH;
    }
    return batch < rows ? batch : rows;
}

/* Options begin with a duet_graph_fit. */
static duet_graph_fit *fit_of(duet_choice *choice) {
    return (duet_graph_fit *)&choice->options;
}

duet_status duet_graph_head_fit(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                                duet_head_result *result) {
    duet_status status = DUET_OK;
    fitting f = {.ctx = ctx, .head = head, .how = *fit_of(&head->choice), .fit = fit};
    duet_graph_fit *const how = &f.how;
    how->batch = batch_of(how, fit->train->rows);
    if (fit->quick && how->epochs > 6 && how->epochs * fit->train->rows > FEW_STEPS * how->batch)
        how->epochs /= 3;
    const int64_t last = how->stop > 0 && how->stop < how->epochs ? how->stop : how->epochs;
    int64_t best = last;
    *result = (duet_head_result){.val_top1 = NAN, .converged = true, .iterations = (int)last};
    DUET_DO(prepare(&f));
    DUET_DO(run_epochs(&f, last, result, &best));
    if (fit->val != NULL) {
        duet_choice chosen = head->choice;
        fit_of(&chosen)->stop = best;
        DUET_DO(duet_choice_spell(&chosen, result->chosen, sizeof result->chosen));
    }
done:
    duet_program_free(f.program);
    duet_release(f.order);
    duet_release(f.best);
    duet_release(f.logits);
    return status;
}
