/* SPDX-License-Identifier: MIT
 * plane/plane_pca.c: the first two principal components. */
#include "base/error.h"
#include "base/principal.h"
#include "plane/plane.h"

static duet_status lay(duet_context *ctx, const void *options, const duet_plane_rows *rows,
                       duet_plane *out) {
    duet_principal found;
    (void)ctx, (void)options;
    DUET_TRY(duet_principal_of(&found, rows->x, rows->rows, rows->dim, 2));
    for (int64_t i = 0; i < 2 * rows->rows; i++) out->point[i] = found.scores[i];
    const double total = found.total > 0 ? found.total : 1;
    out->says[out->says_count++] = (duet_plane_value){"variance_1", "variance along the first axis",
                                                      "%", 100 * found.variance[0] / total};
    out->says[out->says_count++] =
        (duet_plane_value){"variance_2", "along the second", "%", 100 * found.variance[1] / total};
    duet_principal_free(&found);
    return DUET_OK;
}

const duet_plane_kind duet_plane_pca = {
    .info = {.name = "pca",
             .help = "the two directions of largest variance",
             .params = DUET_TABLE_EMPTY},
    .title = "PCA",
    .lay = lay,
};
