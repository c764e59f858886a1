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

/* ---- how far the logits of a head are to be trusted ---- */

enum { DUET_MOST_SCORES = 999 };
/* Made from logits of rows that did not train the head. */
typedef struct duet_calibration {
    int64_t rows;  /* that it was made from; 0 = there is none */
    char from[16]; /* which rows: "apart", "val", "held", "folds" (docs/run_folder.md); "" */
    /* Probabilities are softmax(logits / temperature) (Guo et al. 2017, "On Calibration of Modern
     * Neural Networks"); 1 where there is none. */
    double temperature;
    /* 1 - probability of each row's label, ascending (split conformal prediction: Sadinle et al.
     * 2019; Angelopoulos and Bates 2021); of more rows those of the ranks ceil(j (rows + 1) /
     * 1000), j = 1 … 999. */
    int score_count;
    float scores[DUET_MOST_SCORES];
} duet_calibration;
/* Fits the temperature, that of the smallest cross-entropy (where all rows are right, as if one row
 * of rows + 1 were of any class, so that the head is not certain), and takes the scores. Rows with
 * a label < 0 or a logit that is not finite are left out; DUET_ARG where none remains. logits
 * [rows, classes] */
DUET_NODISCARD duet_status duet_calibrate(duet_calibration *out, const float *logits,
                                          const int32_t *labels, int64_t rows, int classes);
/* softmax(logits / temperature), [classes]; calibration NULL or without rows: temperature 1. Logits
 * that are not numbers have probability 0. */
void duet_calibrated(const duet_calibration *calibration, const float *logits, int classes,
                     double *probabilities);
/* The smallest probability with which a class belongs to the set of `level` (0.9): all classes at
 * least as probable, and always the most probable one. A row like the calibration's has its class
 * in the set with at least this chance: 1 - the score of rank ceil((rows + 1) level). 0 = all
 * classes, where there are too few rows for the level. */
double duet_conformal_least(const duet_calibration *calibration, double level);

/* What a saved head says about itself. */
typedef struct duet_head_card {
    char head[DUET_TEXT_SIZE];
    duet_settings settings; /* whose features, joined, it takes */
    uint64_t noise_seed, model_hash;
    double top1; /* test accuracy, percent; NaN unknown */
    char data[DUET_TEXT_SIZE];
    int class_count;
    const char *const *class_names;
    duet_calibration calibration;
} duet_head_card;
DUET_NODISCARD duet_status duet_head_save(const duet_head *head, const duet_head_card *card,
                                          const char *path);
/* Puts the head into the file of its model (safetensors), instead of the one that it may have.
 * dtype: DUET_F32, DUET_F16 or DUET_BF16, as which its matrices are stored; vectors stay f32. */
DUET_NODISCARD duet_status duet_head_embed(const duet_head *head, const duet_head_card *card,
                                           const char *model_path, duet_dtype dtype);
/* Is the file a head, or a model with one? */
bool duet_head_in(const char *path);
/* From either. card's strings are borrowed from the head. */
DUET_NODISCARD duet_status duet_head_load(duet_head **out, duet_head_card *card, const char *path);

#ifdef __cplusplus
}
#endif
#endif
