/* SPDX-License-Identifier: MIT
 * study/classify.c: image files → loader → features at the head's settings → probabilities (at the
 * temperature of the head's calibration) and sets of classes, batch by batch. The noise is that of
 * image 0 under the head's seed, so that the prediction of an image does not depend on the other
 * images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/file_list.h"
#include "study/answer.h"
#include "study/calibrate.h"
#include "study/study.h"

/* A class with its logit, for the ranking. */
typedef struct ranked {
    float logit;
    int label;
} ranked;

/* Descending; equal ones by label. */
static int by_logit(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit)
                                : x->label - y->label;
}

/* The setting at which the model's own classifier is read. */
static duet_status own_setting(duet_settings *out, const duet_model *model) {
    if (duet_model_logits(model) == 0)
        return duet_fail(
            DUET_ARG, "the model has no classifier of its own; 'duet probe' makes a head for it");
    const duet_tap_row *last = duet_model_tap(model, duet_model_tap_count(model) - 1);
    *out = duet_settings_of(-1, last->block, 1);
    return DUET_OK;
}

duet_status duet_classifier_open(duet_context *ctx, duet_reader **out, duet_model *model,
                                 const duet_head *head, const duet_head_card *card, int64_t rows) {
    duet_reader_options options = {.rows = rows};
    duet_reader *reader = NULL;
    char text[DUET_SETTINGS_SIZE];
    if (head == NULL) {
        DUET_TRY(own_setting(&options.settings, model));
    } else if (card->model_hash != duet_model_hash(model)) {
        return duet_fail(
            DUET_ARG,
            "the head was trained on another model's features; run 'duet probe' with this model");
    } else {
        options.settings = card->settings;
        options.noise_seed = card->noise_seed;
    }
    if (options.settings.count == 0)
        return duet_fail(DUET_FORMAT, "the head does not say which features it takes");
    DUET_TRY(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    const int64_t dim = duet_reader_dim(reader);
    if (head != NULL && dim != duet_head_dim(head)) {
        duet_reader_close(reader);
        duet_settings_print(&options.settings, text, sizeof text);
        return duet_fail(DUET_SHAPE,
                         "the head takes %lld features, but its settings '%s' give %lld",
                         (long long)duet_head_dim(head), text, (long long)dim);
    }
    *out = reader;
    return DUET_OK;
}

typedef struct classifier {
    duet_reader *reader;
    duet_head *head;
    duet_answering answering;
    duet_bad_images *bad;
    const char *const *paths;
    int classes;
    int64_t dim;
    const duet_calibration *calibration; /* NULL = none */
    double least;          /* probability in a set (duet_conformal_least); < 0: no sets */
    float *rows, *answers; /* [batch,D], [batch,K] logits */
    const float *logits;   /* [K], of the image */
    double *p, *sorted;    /* [K] probabilities by class, and by rank */
    ranked *ranks;         /* [K] */
    int *ranking;          /* [K] classes by rank */
    int64_t *noise;        /* [batch], zeros */
    void (*found)(const duet_prediction *prediction, void *user);
    void *user;
    int64_t told;
} classifier;

static duet_status open_reader(classifier *c, duet_context *ctx, duet_model *model,
                               const duet_head_card *card, int64_t count) {
    c->classes = c->head != NULL ? duet_head_classes(c->head) : (int)duet_model_logits(model);
    DUET_TRY(duet_classifier_open(ctx, &c->reader, model, c->head, card, count));
    c->dim = duet_reader_dim(c->reader);
    const int64_t batch = duet_reader_batch(c->reader);
    DUET_TRY(duet_alloc(&c->rows, batch * c->dim, sizeof *c->rows));
    DUET_TRY(duet_alloc(&c->noise, batch, sizeof *c->noise));
    DUET_TRY(duet_alloc(&c->answers, batch * c->classes, sizeof *c->answers));
    DUET_TRY(duet_alloc(&c->p, c->classes, sizeof *c->p));
    DUET_TRY(duet_alloc(&c->sorted, c->classes, sizeof *c->sorted));
    DUET_TRY(duet_alloc(&c->ranks, c->classes, sizeof *c->ranks));
    return duet_alloc(&c->ranking, c->classes, sizeof *c->ranking);
}

/* Probabilities and ranking of the logits; those that are not finite have no rank. */
static void predict(classifier *c, duet_prediction *out) {
    int count = 0;
    duet_calibrated(c->calibration, c->logits, c->classes, c->p);
    for (int k = 0; k < c->classes; k++)
        if (isfinite(c->logits[k])) c->ranks[count++] = (ranked){c->logits[k], k};
    qsort(c->ranks, (size_t)count, sizeof *c->ranks, by_logit);
    for (int i = 0; i < count; i++) {
        c->ranking[i] = c->ranks[i].label;
        c->sorted[i] = c->p[c->ranking[i]];
        if (c->least >= 0 && (i == 0 || c->sorted[i] >= c->least)) out->set = i + 1;
    }
    out->classes = count;
    out->ranking = c->ranking;
    out->probabilities = c->sorted;
    out->k = count < 5 ? count : 5;
    for (int i = 0; i < out->k; i++) {
        out->label[i] = c->ranking[i];
        out->probability[i] = c->sorted[i];
    }
}

/* Images before `end` without a prediction cannot be read. */
static void tell_bad(classifier *c, int64_t end) {
    for (; c->told < end; c->told++) {
        duet_prediction p = {.path = c->paths[c->told], .status = DUET_FORMAT};
        const char *reason = duet_bad_images_reason(c->bad, DUET_TEST, c->told);
        (void)duet_copy_text(p.error, sizeof p.error, reason != NULL ? reason : "");
        c->found(&p, c->user);
    }
}

static void tell_row(classifier *c, int64_t index, const float *logits) {
    duet_prediction p = {.path = c->paths[index]};
    tell_bad(c, index);
    c->logits = logits;
    predict(c, &p);
    c->found(&p, c->user);
    c->told = index + 1;
}

static duet_status answer(classifier *c, const duet_batch *batch) {
    memset(c->answers, 0, (size_t)(batch->count * c->classes) * sizeof *c->answers);
    for (int look = 0; look < duet_answering_looks(&c->answering); look++) {
        duet_answering_look(&c->answering, look);
        DUET_TRY(duet_reader_join(c->reader, batch->pixels, c->noise, batch->count, c->rows));
        DUET_TRY(duet_answering_add(&c->answering, c->rows, batch->count, true, c->answers));
    }
    return DUET_OK;
}

static duet_status read_all(classifier *c, duet_loader *loader, int64_t count) {
    duet_batch batch;
    for (;;) {
        DUET_TRY(duet_loader_next(loader, &batch));
        if (batch.count == 0) break;
        DUET_TRY(answer(c, &batch));
        for (int64_t i = 0; i < batch.count; i++)
            tell_row(c, batch.index[i], c->answers + i * c->classes);
    }
    tell_bad(c, count);
    return DUET_OK;
}

duet_status duet_conformal_check(const duet_classify_options *options, const duet_head *head,
                                 const duet_head_card *card) {
    if (options == NULL || options->conformal == 0) return DUET_OK;
    if (!(options->conformal > 0 && options->conformal < 1))
        return duet_fail(DUET_ARG, "a set of classes has a level between 0 and 1, not %g",
                         options->conformal);
    if (head == NULL)
        return duet_advised(duet_fail(DUET_ARG,
                                      "the model's own classifier is not calibrated, which sets of "
                                      "classes need; 'duet probe' makes a head that is"));
    if (card->calibration.rows == 0)
        return duet_advised(duet_fail(DUET_ARG,
                                      "the head is not calibrated, which sets of classes need; "
                                      "'duet probe' makes one that is"));
    return DUET_OK;
}

duet_status duet_classify_each(duet_context *ctx, duet_model *model, duet_head *head,
                               const duet_head_card *card, const char *const *paths, int64_t count,
                               const duet_classify_options *how,
                               void (*found)(const duet_prediction *prediction, void *user),
                               void *user) {
    duet_status status = DUET_OK;
    duet_dataset *list = NULL;
    duet_view view = {0};
    duet_loader *loader = NULL;
    classifier c = {.head = head, .paths = paths, .found = found, .user = user};
    if (head != NULL && card->calibration.rows > 0) c.calibration = &card->calibration;
    DUET_DO(duet_conformal_check(how, head, card));
    c.least = how != NULL && how->conformal > 0
                  ? duet_conformal_least(c.calibration, how->conformal)
                  : -1;
    DUET_DO(open_reader(&c, ctx, model, card, count));
    c.answering = duet_answering_of(c.reader, head, c.classes, how);
    DUET_DO(duet_bad_images_new(&c.bad));
    DUET_DO(duet_file_list_open(&list, paths, count));
    DUET_DO(duet_view_all(&view, list, DUET_TEST));
    const duet_loader_options options = {.preprocess = duet_model_card(model)->preprocess,
                                         .batch = duet_reader_batch(c.reader),
                                         .bad = c.bad};
    DUET_DO(duet_loader_open(ctx, &loader, list, &view, &options));
    DUET_DO(read_all(&c, loader, count));
done:
    duet_loader_close(loader);
    duet_view_free(&view);
    duet_dataset_close(list);
    duet_bad_images_free(c.bad);
    duet_release(c.rows);
    duet_release(c.noise);
    duet_release(c.answers);
    duet_release(c.p);
    duet_release(c.sorted);
    duet_release(c.ranks);
    duet_release(c.ranking);
    duet_reader_close(c.reader);
    return status;
}

static void keep(const duet_prediction *prediction, void *user) {
    duet_prediction **next = user;
    *(*next) = *prediction;
    (*next)->ranking = NULL; /* borrowed */
    (*next)++->probabilities = NULL;
}

duet_status duet_classify(duet_context *ctx, duet_prediction *out, duet_model *model,
                          duet_head *head, const duet_head_card *card, const char *const *paths,
                          int64_t count) {
    duet_prediction *next = out;
    return duet_classify_each(ctx, model, head, card, paths, count, NULL, keep, &next);
}
