/* SPDX-License-Identifier: MIT
 * plane/plane.c: the family, distances, and how far a plane can be trusted:
 *   T(k) = 1 - 2 / (N k (2N - 3k - 1)) sum_i sum_j (r(i, j) - k)
 * over the k nearest points j of i in the plane whose rank r(i, j) among the rows is beyond k. */
#include "plane/plane.h"

#include <math.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/principal.h"
#include "plane/plane.def"

DUET_FAMILY(plane, DUET_PLANES, "ways to lay rows of features out in the plane");

duet_status duet_plane_lay(duet_context *ctx, duet_plane *out, const char **title, const char *spec,
                           const duet_plane_rows *rows) {
    duet_choice choice;
    duet_plane plane = {.says_count = 0};
    DUET_TRY(duet_choice_parse(&choice, &duet_family_plane, spec));
    DUET_TRY(duet_alloc(&plane.point, rows->rows * 2, sizeof *plane.point));
    const duet_plane_kind *kind = duet_plane_of(choice.entry);
    const duet_status status = kind->lay(ctx, &choice.options, rows, &plane);
    if (status != DUET_OK) {
        duet_plane_free(&plane);
        return status;
    }
    *title = kind->title;
    *out = plane;
    return DUET_OK;
}

void duet_plane_free(duet_plane *plane) {
    if (plane == NULL) return;
    duet_release(plane->point);
    *plane = (duet_plane){.says_count = 0};
}

duet_status duet_plane_distances(double *out, const float *x, int64_t rows, int64_t dim) {
    duet_status status = DUET_OK;
    double *own = NULL;
    DUET_DO(duet_row_products(out, x, rows, dim));
    DUET_DO(duet_alloc(&own, rows, sizeof *own));
    for (int64_t i = 0; i < rows; i++) own[i] = out[i * rows + i];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < rows; j++)
            out[i * rows + j] = i == j ? 0 : fmax(own[i] + own[j] - 2 * out[i * rows + j], 0);
done:
    duet_release(own);
    return status;
}

static double apart(const double *point, int64_t i, int64_t j) {
    const double dx = point[2 * i] - point[2 * j], dy = point[2 * i + 1] - point[2 * j + 1];
    return dx * dx + dy * dy;
}

/* The k nearest points of i, ties to the lower number. */
static void nearest(const double *point, int64_t rows, int64_t i, int k, int64_t *near) {
    int found = 0;
    for (int64_t j = 0; j < rows; j++) {
        if (j == i) continue;
        const double d = apart(point, i, j);
        int at = found < k ? found++ : k;
        for (; at > 0 && d < apart(point, i, near[at - 1]); at--)
            if (at < k) near[at] = near[at - 1];
        if (at < k) near[at] = j;
    }
}

/* 1 = the nearest row. */
static int64_t rank_of(const double *distance, int64_t rows, int64_t i, int64_t j) {
    int64_t rank = 1;
    for (int64_t l = 0; l < rows; l++)
        rank += l != i && l != j &&
                (distance[l] < distance[j] || (distance[l] == distance[j] && l < j));
    return rank;
}

double duet_plane_trust(const duet_plane_rows *rows, const double *point, int k) {
    enum { MOST = 64 };
    const int64_t n = rows->rows;
    int64_t near[MOST] = {0}, sum = 0;
    if (k < 1 || k > MOST || n < 2 * (int64_t)k + 2) return (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        nearest(point, n, i, k, near);
        for (int a = 0; a < k; a++) {
            const int64_t rank = rank_of(rows->distance + i * n, n, i, near[a]);
            sum += rank > k ? rank - k : 0;
        }
    }
    return 1.0 - 2.0 * (double)sum / ((double)n * k * (2.0 * (double)n - 3.0 * k - 1.0));
}
