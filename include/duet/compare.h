/* SPDX-License-Identifier: MIT
 * duet/compare.h: learners beside each other on one data set, each trained for as long by its own
 * idle throughput, measured by one protocol: duet compare (docs/compare.md). */
#ifndef DUET_COMPARE_H
#define DUET_COMPARE_H

#include <duet/study.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A row of the table: a task with an architecture for images of a size; or a reader that is not
 * trained. */
typedef struct duet_rival {
    const char *name, *help;
    const char *reader;       /* of what is not trained: "pixels", "random"; NULL = it is trained */
    bool labels;              /* it learns from labels, and draws nothing */
    duet_train_options train; /* task, arch, optimiser, batch, augmentation; no budget */
} duet_rival;
enum { DUET_RIVALS = 10 };
const char *duet_rival_name(int index); /* 0 … DUET_RIVALS - 1 */
/* The row of number `index` for images of this size, or of pictures whose features it has none of:
 * DUET_UNSUPPORTED with the reason where its architecture does not take such images. DUET_NOT_FOUND
 * behind the last one. */
DUET_NODISCARD duet_status duet_rival_of(duet_rival *out, int index, int64_t size, int channels);

typedef struct duet_compare_options {
    double minutes;               /* of training of each rival and seed, on an idle machine */
    int seeds;                    /* of weights, order and noise; 1 to 16 */
    char only[DUET_TEXT_SIZE];    /* names of rows joined by '+'; "" = all */
    char head[DUET_TEXT_SIZE];    /* heads joined by '+'; "" = linear+mlp+knn */
    int64_t rows;                 /* that a search fits on at most; 0 = 4,000 */
    int64_t samples, real;        /* images of the distance; 0 = 1,000 and 10,000 */
    char sampler[DUET_TEXT_SIZE]; /* of models that denoise; "" = dpmpp_2m:steps=15 */
    char augment[DUET_TEXT_SIZE]; /* of those whose task has none of its own */
    duet_model *judge;            /* whose features are compared; NULL = pixels, scaled down */
    int64_t size;                 /* of the images; 0 = the data set's, at most 64 */
    uint64_t seed;
} duet_compare_options;

enum { DUET_COMPARE_HEADS = 8 };
typedef struct duet_compare_head {
    char head[DUET_TEXT_SIZE];
    duet_settings settings; /* none of pixels */
    /* percent on the test split; low, high: 95 % of draws of as many test rows, with replacement */
    double top1, low, high, mean_class, val_top1;
} duet_compare_head;
typedef struct duet_compare_row {
    char name[16];
    int seed;
    char folder[DUET_TEXT_SIZE]; /* inside the run; "" where nothing is trained */
    int64_t images, parameters;
    double train_rate, read_rate; /* images a second: of training, idle; of features */
    double seconds;               /* of training */
    int64_t memory;               /* bytes of weights, states and plans in training; 0 = unknown */
    duet_compare_head heads[DUET_COMPARE_HEADS];
    int head_count;
    double few, few_std; /* linear head on 10 labels a class, mean and deviation of draws */
    double random;       /* first head on the same network with random weights; NaN = none */
    double own;          /* of a classifier of its own; NaN = none */
    double fid, precision, recall, damaged; /* of drawn images; NaN = it draws none */
    double seen; /* classes that the judge sees in 2 % of them and more; NaN = it knows none */
} duet_compare_row;
typedef struct duet_compare_result {
    duet_compare_row *rows; /* owned; by seed, then in the order of the rivals */
    int64_t count;
    int64_t test_rows;
    double seconds;
} duet_compare_result;
/* RUN/plan.json has what each rival's images are, RUN/NAME-SEED/ a training and its row: what is
 * there is not done again, and an interrupted comparison goes on. FOLDER/result.json and
 * FOLDER/compare.csv. */
DUET_NODISCARD duet_status duet_compare(duet_context *ctx, duet_compare_result *out,
                                        const duet_dataset *dataset,
                                        const duet_compare_options *options, const char *run,
                                        const char *folder);
void duet_compare_result_free(duet_compare_result *result);

#ifdef __cplusplus
}
#endif
#endif
