/* SPDX-License-Identifier: MIT
 * run/image_note.h: the texts that a PNG of generated images carries (docs/format.md). */
#ifndef DUET_RUN_IMAGE_NOTE_H
#define DUET_RUN_IMAGE_NOTE_H

#include <duet/run.h>

#include "io/image.h"

enum { DUET_IMAGE_NOTES = 2 };

/* What a picture shows: one image, or a grid of several. */
typedef struct duet_image_shown {
    const int64_t *index;  /* [count] numbers of the images */
    const int32_t *labels; /* [count]; NULL = none */
    int64_t count, size;   /* images; their side */
    int64_t columns;       /* of a grid; 0 = a single image */
} duet_image_shown;

typedef struct duet_image_note {
    char *line, *json;
    duet_image_text texts[DUET_IMAGE_NOTES];
} duet_image_note;

/* "parameters" and "duet". The same images give the same texts: no date. */
DUET_NODISCARD duet_status duet_image_note_make(duet_image_note *out,
                                                const duet_image_origin *origin,
                                                const duet_image_shown *shown);
void duet_image_note_free(duet_image_note *note); /* also of one that is all zero */

#endif
