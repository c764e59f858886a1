/* SPDX-License-Identifier: MIT
 * study/classify.c: image files → features at the head's setting → probabilities. The noise is that
 * of image 0 under the head's seed, so an image's answer does not depend on what is classified with
 * it. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "study/study.h"

static void predict(duet_prediction *out, float *logits, int classes) {
    double most = -INFINITY, total = 0;
    for (int k = 0; k < classes; k++) most = fmax(most, (double)logits[k]);
    for (int k = 0; k < classes; k++) total += exp((double)logits[k] - most);
    out->k = classes < 5 ? classes : 5;
    for (int i = 0; i < out->k; i++) {
        int best = -1;
        for (int k = 0; k < classes; k++)
            if (isfinite(logits[k]) && (best < 0 || logits[k] > logits[best])) best = k;
        if (best < 0) {
            out->k = i;
            return;
        }
        out->label[i] = best;
        out->probability[i] = exp((double)logits[best] - most) / total;
        logits[best] = -INFINITY;
    }
}

/* Where the head, or the model's own classifier, reads. */
static duet_status setting(duet_reader_options *out, const duet_model *model, const duet_head *head,
                           const duet_head_card *card) {
    if (head == NULL)
        DUET_TRY(duet_own_setting(out, model));
    else
        *out = (duet_reader_options){.t = card->t,
                                     .taps = {.count = 1, .v = {card->tap}},
                                     .pools = {.count = 1, .v = {card->pool}},
                                     .noise_seed = card->noise_seed};
    out->batch = 1;
    return DUET_OK;
}

static duet_status check_fit(const duet_model *model, const duet_head *head,
                             const duet_head_card *card, const duet_reader *reader) {
    int tap = 0, pool = 0;
    int64_t dim = 0;
    if (head == NULL) return DUET_OK;
    if (card->model_hash != duet_model_hash(model))
        return duet_fail(
            DUET_ARG,
            "the head was trained on another model's features; run 'duet probe' with this model");
    duet_reader_column(reader, 0, &tap, &pool, &dim);
    if (dim != duet_head_dim(head))
        return duet_fail(DUET_SHAPE, "the head takes %lld features, tap %d with pool %d gives %lld",
                         (long long)duet_head_dim(head), tap, pool, (long long)dim);
    return DUET_OK;
}

duet_status duet_classify(duet_context *ctx, duet_prediction *out, duet_model *model,
                          duet_head *head, const duet_head_card *card, const char *const *paths,
                          int64_t count) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    uint8_t *pixels = NULL;
    float *row = NULL, *logits = NULL;
    const duet_preprocess *how = &duet_model_card(model)->preprocess;
    const int64_t noise_id = 0;
    const int classes = head != NULL ? duet_head_classes(head) : (int)duet_model_logits(model);
    duet_reader_options options;
    DUET_DO(setting(&options, model, head, card));
    DUET_DO(duet_reader_new(ctx, &reader, model, &options));
    DUET_DO(check_fit(model, head, card, reader));
    DUET_DO(duet_alloc(&pixels, how->size * how->size * how->channels, 1));
    DUET_DO(duet_alloc(&row, head != NULL ? duet_head_dim(head) : classes, sizeof *row));
    DUET_DO(duet_alloc(&logits, classes, sizeof *logits));
    for (int64_t i = 0; i < count; i++) {
        out[i] = (duet_prediction){.path = paths[i]};
        out[i].status = duet_image_load(paths[i], how, pixels);
        if (out[i].status != DUET_OK) {
            (void)duet_copy_text(out[i].error, sizeof out[i].error, duet_error_message());
            continue;
        }
        DUET_DO(duet_reader_run(reader, pixels, &noise_id, 1, &row));
        if (head != NULL)
            duet_head_logits(head, row, 1, logits);
        else
            memcpy(logits, row, (size_t)classes * sizeof *logits);
        predict(&out[i], logits, classes);
    }
done:
    duet_release(pixels);
    duet_release(row);
    duet_release(logits);
    duet_reader_free(reader);
    return status;
}
