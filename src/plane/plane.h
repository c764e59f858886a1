/* SPDX-License-Identifier: MIT
 * plane/plane.h: the family `plane`: rows of features as points in the plane, so that they can be
 * looked at. What comes out is the same for any number of threads. */
#ifndef DUET_PLANE_PLANE_H
#define DUET_PLANE_PLANE_H

#include <duet/registry.h>

typedef struct duet_plane_rows {
    const float *x; /* [rows, dim] */
    int64_t rows, dim;
    const double *distance; /* [rows, rows], squared */
} duet_plane_rows;

typedef struct duet_plane_value { /* what a member says about its result */
    const char *name, *title, *unit;
    double value;
} duet_plane_value;

typedef struct duet_plane {
    double *point;            /* [rows, 2] */
    duet_plane_value says[4]; /* [says_count] */
    int says_count;
} duet_plane;

typedef struct duet_plane_kind {
    duet_entry info;
    const char *title; /* "t-SNE" */
    /* Fills point and says. */
    duet_status (*lay)(duet_context *ctx, const void *options, const duet_plane_rows *rows,
                       duet_plane *out);
} duet_plane_kind;
DUET_FAMILY_OF(plane, duet_plane_kind);

/* spec of the family: "pca", "tsne:perplexity=20". title: of the member. */
DUET_NODISCARD duet_status duet_plane_lay(duet_context *ctx, duet_plane *out, const char **title,
                                          const char *spec, const duet_plane_rows *rows);
void duet_plane_free(duet_plane *plane);
/* Squared distances of all pairs of rows. */
DUET_NODISCARD duet_status duet_plane_distances(double *out, const float *x, int64_t rows,
                                                int64_t dim);
/* Trustworthiness of the k nearest points of each (Venna and Kaski 2001): 1 where they are all
 * nearest in the features too, about 1/2 where points lie at random. NaN where there are fewer than
 * 2k + 2 rows. */
double duet_plane_trust(const duet_plane_rows *rows, const double *point, int k);

#endif
