/* SPDX-License-Identifier: MIT
 * io/animation.h: pictures one after the other in a file: GIF, which every program shows, in 256
 * colours; and APNG, which loses nothing. The same frames give the same bytes. */
#ifndef DUET_IO_ANIMATION_H
#define DUET_IO_ANIMATION_H

#include "base/file.h"
#include "io/image.h"

typedef struct duet_frames {
    const uint8_t *pixels; /* [count,height,width,channels] */
    int64_t count, height, width;
    int channels;  /* 1 or 3 */
    const int *ms; /* [count]: how long each is shown; GIF counts in 10 ms */
} duet_frames;

/* comment: ASCII text in the file; NULL = none. It repeats for ever, as the other does. */
DUET_NODISCARD duet_status duet_gif_encode(duet_bytes *out, const duet_frames *frames,
                                           const char *comment);
DUET_NODISCARD duet_status duet_apng_encode(duet_bytes *out, const duet_frames *frames,
                                            const duet_image_text *texts, int text_count);

#endif
