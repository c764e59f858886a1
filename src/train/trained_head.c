/* SPDX-License-Identifier: MIT
 * The head that a task trains beside the network: head.safetensors in the run, as a probe leaves
 * it; its accuracy. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

duet_status duet_trainer_head(const duet_trainer *trainer, duet_head **out, duet_head_card *card) {
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    *card = (duet_head_card){.model_hash = duet_model_hash(trainer->ema),
                             .top1 = NAN,
                             .class_count = info->class_count,
                             .class_names = info->class_names};
    DUET_TRY(
        trainer->task->head(trainer->ctx, &trainer->setup, trainer->slots, out, &card->settings));
    (void)duet_copy_text(card->head, sizeof card->head, (*out)->kind->info.name);
    (void)duet_copy_text(card->data, sizeof card->data, info->name);
    return DUET_OK;
}

duet_status duet_trainer_save_head(const duet_trainer *trainer) {
    duet_head *head = NULL;
    duet_head_card card;
    char path[DUET_PATH_SIZE];
    if (trainer->task->head == NULL) return DUET_OK;
    DUET_TRY(duet_trainer_head(trainer, &head, &card));
    duet_status status = duet_path_join(path, trainer->run, "head.safetensors");
    if (status == DUET_OK) status = duet_head_save(head, &card, path);
    duet_head_free(head);
    return status;
}
