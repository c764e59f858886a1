/* SPDX-License-Identifier: MIT
 * Models: cards, architectures from names and shapes, heads. */
#include <duet/base.h>
#include <duet/head.h>
#include <duet/model.h>

#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static duet_context *ctx;
    duet_model *model = NULL;
    duet_head *head = NULL;
    duet_head_card card = {0};
    if (ctx == NULL && duet_context_new(&ctx, NULL) != DUET_OK) return 0;
    const char *const path = fuzz_file(data, size);
    if (duet_model_open(ctx, &model, path) == DUET_OK) {
        for (int i = 0; i < duet_model_tap_count(model); i++) (void)duet_model_tap(model, i);
        duet_model_close(model);
    }
    if (duet_head_load(&head, &card, path) == DUET_OK) duet_head_free(head);
    return 0;
}
