/* SPDX-License-Identifier: MIT
 * duet/transfer.h: models x data sets x heads by one protocol: duet transfer. */
#ifndef DUET_TRANSFER_H
#define DUET_TRANSFER_H

#include <duet/study.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Models x data sets x heads by one protocol: the setting of each head is searched on the training
 * split (duet_auto), of the model, of random weights and, where it is a network, of each other
 * model alike; a head is trained on the whole training split there, and tested once. */
typedef struct duet_transfer_options {
    duet_sweep_options search; /* heads, levels, pools, rows and seed of the searches; cache */
    int noise_seeds;           /* of the test, 1 to 16 */
    bool random, pixels;       /* beside the models */
} duet_transfer_options;
typedef struct duet_transfer_row {
    char data[DUET_TEXT_SIZE], model[DUET_TEXT_SIZE]; /* names; "" of raw pixels */
    char reader[16], head[DUET_TEXT_SIZE];
    duet_settings settings;
    int64_t train_rows, test_rows;
    int classes;
    double top1, top1_std, mean_class, val_top1; /* percent; std over the noise of the test */
} duet_transfer_row;
typedef struct duet_transfer_result {
    duet_transfer_row *rows; /* owned; by data set, model, reader, head */
    int64_t count;
    double seconds;
} duet_transfer_result;
/* RUN/cells/ keeps what is done: an interrupted one goes on there. FOLDER/result.json. */
DUET_NODISCARD duet_status duet_transfer(duet_context *ctx, duet_transfer_result *out,
                                         duet_model *const *models, int model_count,
                                         const duet_dataset *const *datasets, int dataset_count,
                                         const duet_transfer_options *options, const char *run,
                                         const char *folder);
void duet_transfer_result_free(duet_transfer_result *result);

#ifdef __cplusplus
}
#endif
#endif
