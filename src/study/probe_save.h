/* SPDX-License-Identifier: MIT
 * study/probe_save.h: what a probe writes into its folder (docs/run_folder.md). */
#ifndef DUET_STUDY_PROBE_SAVE_H
#define DUET_STUDY_PROBE_SAVE_H

#include "study/study.h"

/* FOLDER/head.safetensors, and the same file beside FOLDER as the newest head of the run. Of the
 * result only top1 is read. */
DUET_NODISCARD duet_status duet_probe_save_head(const duet_probe_result *result,
                                                const duet_probe_options *options,
                                                const duet_model *model,
                                                const duet_dataset *dataset, const duet_head *head,
                                                const char *folder);
/* FOLDER/result.json */
DUET_NODISCARD duet_status duet_probe_save(const duet_probe_result *r,
                                           const duet_probe_options *options,
                                           const duet_model *model, const duet_dataset *dataset,
                                           const char *folder);
/* The same for a data set without labels. */
DUET_NODISCARD duet_status duet_neighbours_save(const duet_probe_options *options,
                                                const duet_dataset *dataset, const char *folder);

#endif
