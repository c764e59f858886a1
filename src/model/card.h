/* SPDX-License-Identifier: MIT
 * model/card.h: the card as JSON text, the value of "duet.card" in a model file's metadata. */
#ifndef DUET_MODEL_CARD_H
#define DUET_MODEL_CARD_H

#include <duet/model.h>

#include "base/mem.h"

#define DUET_CARD_KEY "duet.card"

/* *out is malloc'ed by jansson's allocator: free with duet_card_text_free. config: the
 * architecture's options as spec text. */
DUET_NODISCARD duet_status duet_card_print(char **out, const duet_card *card, const char *config);
void duet_card_text_free(char *text);
bool duet_card_takes(const char *text); /* whether it is UTF-8 */
/* Strings of class names come from the arena. config: 1024 bytes. Unknown keys are ignored, missing
 * ones keep defaults. */
DUET_NODISCARD duet_status duet_card_parse(duet_card *out, char config[1024], duet_arena *arena,
                                           const char *text);

#endif
