/* SPDX-License-Identifier: MIT
 * figure/items.h: what a figure holds. */
#ifndef DUET_FIGURE_ITEMS_H
#define DUET_FIGURE_ITEMS_H

#include "base/mem.h"
#include "figure/figure.h"

typedef enum duet_item_kind {
    DUET_ITEM_BOX,
    DUET_ITEM_LINE,
    DUET_ITEM_DOT,
    DUET_ITEM_TEXT,
    DUET_ITEM_IMAGE
} duet_item_kind;

typedef struct duet_item {
    duet_item_kind kind;
    double x, y, width, height; /* of a line: its ends; of a dot: its radius is the width */
    duet_pen pen;
    duet_words words;
    const char *text, *tip;
    duet_figure_pixels image;
} duet_item;

struct duet_figure {
    double width, height;
    const char *note;
    duet_arena *arena;
    duet_item *item;
    int64_t count, room;
    bool failed;
};

/* "var(--ink)" of a role, NULL of a colour. */
const char *duet_colour_role(duet_colour colour);

#endif
