/* SPDX-License-Identifier: MIT
 * run/show.c: as many of some images as a terminal has room for, on a sheet. Images of at most 64
 * pixels are doubled where pixels are those of the screen; those that are wider than the room are
 * shrunk by the smallest whole factor, each pixel the mean of its square. */
#include <duet/run.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/terminal/terminal.h"
#include "run/grid.h"

enum { GAP = 2, DOUBLED = 64 };

typedef struct sheet {
    int64_t size, shrink, scale, gap; /* of an image; factors; between images */
    int64_t columns, rows;
} sheet;

static sheet plan(const duet_terminal_room *room, bool cells, int64_t count, int64_t size) {
    const int64_t width = (int64_t)room->columns * (cells ? 1 : room->cell_width),
                  height = (int64_t)room->rows * (cells ? 2 : room->cell_height);
    sheet s = {.shrink = 1, .scale = !cells && size <= DOUBLED ? 2 : 1, .gap = cells ? 1 : GAP};
    while (size / s.shrink > 1 && (size / s.shrink) * s.scale + 2 * s.gap > width) s.shrink++;
    s.size = size / s.shrink;
    const int64_t cell = s.size * s.scale + s.gap;
    s.columns = (width - s.gap) / cell;
    s.rows = (height - s.gap) / cell;
    if (s.columns < 1) s.columns = 1;
    if (s.columns > count) s.columns = count;
    if (s.rows < 1) s.rows = 1;
    if (s.rows > (count - 1) / s.columns + 1) s.rows = (count - 1) / s.columns + 1;
    return s;
}

/* Mean of the squares of `shrink` pixels; what is left at the right and below is dropped. */
static void shrink_image(uint8_t *out, const uint8_t *in, int64_t size, const sheet *s,
                         int channels) {
    const int64_t k = s->shrink, area = k * k;
    for (int64_t y = 0; y < s->size; y++)
        for (int64_t x = 0; x < s->size; x++)
            for (int c = 0; c < channels; c++) {
                int64_t sum = 0;
                for (int64_t i = 0; i < area; i++)
                    sum += in[((y * k + i / k) * size + x * k + i % k) * channels + c];
                out[(y * s->size + x) * channels + c] = (uint8_t)((sum + area / 2) / area);
            }
}

duet_status duet_images_show(const char *terminal, const duet_terminal_room *room,
                             const uint8_t *pixels, int64_t count, int64_t size, int channels,
                             duet_show_write write, void *user, int *lines) {
    duet_status status = DUET_OK;
    const duet_entry *entry = NULL;
    uint8_t *small = NULL; /* [shown, S, S, channels] */
    duet_image image = {0};
    duet_str text = {0};
    DUET_TRY(duet_family_parse(&duet_family_terminal, &entry, NULL, 0, terminal));
    if (count < 1) return duet_fail(DUET_ARG, "no images to show");
    const duet_terminal *const to = duet_terminal_of(entry);
    const sheet s = plan(room, to->cells, count, size);
    const int64_t shown = s.rows * s.columns < count ? s.rows * s.columns : count,
                  bytes = s.size * s.size * channels;
    DUET_DO(duet_alloc(&small, shown * bytes, 1));
    for (int64_t i = 0; i < shown; i++)
        shrink_image(small + i * bytes, pixels + i * size * size * channels, size, &s, channels);
    DUET_DO(duet_grid(&image, small, shown, s.size, s.size, channels, s.columns, s.gap, s.scale));
    DUET_DO(to->show(&text, &image));
    const int64_t height = to->cells ? 2 : room->cell_height;
    if (lines != NULL) *lines = (int)((image.height + height - 1) / height);
    write(text.text, text.size, user);
done:
    duet_str_free(&text);
    duet_image_free(&image);
    duet_release(small);
    return status;
}
