/* SPDX-License-Identifier: MIT
 * duet/head.h: a head classifies feature rows. It contains the standardisation of its input (mean
 * and 1/std of the training rows) and the settings it was made for, so that it is all that is
 * needed to classify later. */
#ifndef DUET_HEAD_H
#define DUET_HEAD_H

#include <duet/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const duet_family duet_family_head; /* all heads */

typedef struct duet_head duet_head; /* a trained or loaded head */

/* What a head is trained on. Tables are borrowed during the call. */
typedef struct duet_head_fit {
    const duet_feature_table *train;
    /* table on which strengths are compared; NULL: the given strength is used */
    const duet_feature_table *val;
    int class_count;
    double strength; /* of the L2 penalty, used where val is NULL */
    bool quick;      /* fewer iterations: for ranking settings in a sweep */
    /* NULL, or a head of the same classes and features, from which the optimisation starts */
    const duet_head *start;
} duet_head_fit;
typedef struct duet_head_result {
    double strength, val_top1; /* percent; val_top1 NaN without val */
    int iterations;
    bool converged;
    /* the spec with what was chosen on the validation rows, for training again on all rows; "" =
     * the strength is all there is */
    char chosen[DUET_SPEC_SIZE];
} duet_head_result;

/* spec of the family `head`: "linear:strengths=…". */
DUET_NODISCARD duet_status duet_head_train(duet_context *ctx, duet_head **out, const char *spec,
                                           const duet_head_fit *fit, duet_head_result *result);
void duet_head_free(duet_head *head);
int duet_head_classes(const duet_head *head);
int64_t duet_head_dim(const duet_head *head);
/* logits [rows, classes] */
void duet_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits);

/* What a saved head says about itself. */
typedef struct duet_head_card {
    char head[DUET_TEXT_SIZE];
    duet_settings settings; /* whose features, joined, it takes */
    uint64_t noise_seed, model_hash;
    double top1; /* test accuracy, percent; NaN unknown */
    char data[DUET_TEXT_SIZE];
    int class_count;
    const char *const *class_names;
} duet_head_card;
DUET_NODISCARD duet_status duet_head_save(const duet_head *head, const duet_head_card *card,
                                          const char *path);
/* card's strings are borrowed from the head. */
DUET_NODISCARD duet_status duet_head_load(duet_head **out, duet_head_card *card, const char *path);

#ifdef __cplusplus
}
#endif
#endif
