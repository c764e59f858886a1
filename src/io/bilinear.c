/* SPDX-License-Identifier: MIT
 * io/bilinear.c: bilinear resampling by two conventions (resize.h). Computed in f32 in PyTorch's
 * order: between the columns of two rows, then between the rows. */
#include "base/error.h"
#include "base/mem.h"
#include "io/resize.h"

typedef struct place { /* two neighbours */
    int64_t low, high;
    float weight; /* weight of `high` */
} place;

static void find_places(place *out, int64_t from, int64_t to, duet_bilinear how) {
    const float scale = (float)from / (float)to;
    for (int64_t i = 0; i < to; i++) {
        float at = how == DUET_BILINEAR_TORCH ? ((float)i + 0.5F) * scale - 0.5F : (float)i * scale;
        if (at < 0.0F) at = 0.0F;
        const int64_t low = (int64_t)at < from - 1 ? (int64_t)at : from - 1;
        out[i] =
            (place){.low = low, .high = low + 1 < from ? low + 1 : low, .weight = at - (float)low};
    }
}

static float mix(float a, float b, float weight) {
    return (1.0F - weight) * a + weight * b;
}

duet_status duet_image_bilinear(float *out, const duet_image *in, int64_t width, int64_t height,
                                duet_bilinear how) {
    duet_status status = DUET_OK;
    place *columns = NULL, *rows = NULL;
    const int64_t c = in->channels, stride = in->width * c;
    if (width < 1 || height < 1 || in->width < 1 || in->height < 1)
        return duet_fail(DUET_ARG, "cannot resize %lld x %lld to %lld x %lld pixels",
                         (long long)in->width, (long long)in->height, (long long)width,
                         (long long)height);
    DUET_DO(duet_alloc(&columns, width, sizeof *columns));
    DUET_DO(duet_alloc(&rows, height, sizeof *rows));
    find_places(columns, in->width, width, how);
    find_places(rows, in->height, height, how);
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *const a = in->pixels + rows[y].low * stride, *const b =
                                                                        in->pixels +
                                                                        rows[y].high * stride;
        for (int64_t x = 0; x < width; x++) {
            const place *const p = &columns[x];
            for (int64_t k = 0; k < c; k++)
                *out++ = mix(mix((float)a[p->low * c + k], (float)a[p->high * c + k], p->weight),
                             mix((float)b[p->low * c + k], (float)b[p->high * c + k], p->weight),
                             rows[y].weight);
        }
    }
done:
    duet_release(columns);
    duet_release(rows);
    return status;
}
