/* SPDX-License-Identifier: MIT
 * tests/tiny_train.h: trainings of seconds in a folder of the test's own. */
#ifndef DUET_TESTS_TINY_TRAIN_H
#define DUET_TESTS_TINY_TRAIN_H

#include "tiny_model.h"

#include <stdio.h>

#include <duet/train.h>

#include "base/file.h"

/* An empty folder of this name among those of the test program. */
static inline void make_run_folder(char folder[4096], const char *name) {
    snprintf(folder, 4096, "%s/%s", DUET_TEST_TMP, name);
    OK(duet_folder_make(folder));
    empty_folder(folder);
}

static inline duet_status train_in(const char *folder, const char *data, int threads,
                                   const duet_train_options *o, duet_train_result *result,
                                   bool resume) {
    duet_context *ctx = make_context(threads, false);
    duet_dataset *dataset = open_data(data);
    const duet_status status = duet_train(ctx, result, dataset, o, folder, resume);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return status;
}

static inline uint64_t hash_in(const char *folder) {
    duet_model *model = NULL;
    OK(duet_model_open(NULL, &model, folder));
    const uint64_t hash = duet_model_hash(model);
    duet_model_close(model);
    return hash;
}

#endif
